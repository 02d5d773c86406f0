"""The models of docs/model in their smallest bounds, and their words about the code."""

import re
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

from docs.model import __main__ as program
from docs.model import checks
from docs.model.checker import check
from docs.model.checks import FULL, SMALL, Check
from docs.model.lanes import Lanes

FOLDER = Path(program.__file__).parent
NAMES = re.compile(r"\b(?:db|kafka_log|migration_(?:core|master|worker)|snapshot_loader|work_queue)(?:\.\w+)+")


@pytest.mark.parametrize("one", SMALL, ids=lambda one: one.name)
def test_every_promise_is_kept_in_every_order_of_events(one):
    assert check(one.build()).found is None


@pytest.mark.parametrize(
    ("one", "guard"),
    [pytest.param(one, guard, id=f"{one.name}, {guard}") for one in SMALL for guard in one.guards],
)
def test_every_guard_is_missed_when_it_is_left_out(one, guard):
    assert check(one.build(without=guard)).found is not None


def test_the_full_run_leaves_out_every_guard_that_any_model_has():
    def left_out(every: tuple[Check, ...]) -> set[tuple[str, str]]:
        return {(guard, text) for one in every for guard, text in one.guards.items()}

    models = [checks.ingest, checks.lanes, checks.reload, checks.images, checks.patches]

    assert left_out(FULL) == left_out(SMALL) == {pair for model in models for pair in model.GUARDS.items()}


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: file.name)
def test_what_a_step_stands_for_is_in_the_code(file):
    for name in NAMES.findall(file.read_text(encoding="utf-8")):
        parts = name.split(".")
        found = import_module(".".join(parts[:2]))
        for part in parts[2:]:
            found = getattr(found, part)


def test_the_command_tells_what_it_tried_and_fails_for_a_guard_that_nobody_misses(capsys, monkeypatch):
    guards = {"second look": "needed", "sweeper": "nobody sweeps here anyway"}
    monkeypatch.setattr(program, "FULL", [Check("lanes", partial(Lanes, lost=False, rows=2), guards)])

    assert program.main(["--jobs", "1"]) == 1

    said = capsys.readouterr().out
    assert "1 lane of 2 rows" in said
    assert "worker 1 deletes its doorbell" in said
    assert "FAILED: lanes: nothing goes wrong without the guard 'sweeper'" in said
    assert "'second look'" not in said.partition("FAILED")[2]
