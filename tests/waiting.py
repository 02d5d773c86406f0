"""Waiting for what is about to come true: how tests let other threads, programs and servers go on."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def _nothing() -> None:
    pass


def until(
    look: Callable[[], T],
    what: str | Callable[[], object],
    *,
    seconds: float = 60.0,
    pause: float = 0.02,
    meanwhile: Callable[[], object] = _nothing,
) -> T:
    """The first true answer of `look`; AssertionError when there is none within `seconds`.

    `what` names it, or is called then and tells how far things have come. `meanwhile` is done after each look in vain,
    and raises where nothing is worth waiting for any more.
    """
    over = time.monotonic() + seconds
    while not (found := look()):
        meanwhile()
        if time.monotonic() > over:
            raise AssertionError(f"not within {seconds:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(pause)
    return found
