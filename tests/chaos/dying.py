"""`python -m tests.chaos.dying PROGRAM MODULE:NAME`: a program in which one function raises what nobody expects."""

import runpy
import sys
from importlib import import_module


def _raises(*_args: object, **_named: object) -> None:
    raise ZeroDivisionError("this was never meant to happen")


if __name__ == "__main__":
    _, program, place = sys.argv
    module_name, _, names = place.partition(":")
    *owners, name = names.split(".")
    owner: object = import_module(module_name)
    for one in owners:
        owner = getattr(owner, one)
    setattr(owner, name, _raises)
    sys.argv = [program]
    runpy.run_module(program, run_name="__main__", alter_sys=True)
