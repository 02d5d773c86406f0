"""docs/faults.md names every fault once, and for each of them tests that exist or why one machine cannot show it."""

import re
from functools import cache

import pytest

from local_stack.folders import ROOT

_ROW = re.compile(r"\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|")
_TEST = re.compile(r"`([\w/]+\.py)::([\w:]+)`")
ROWS = [
    found.groups()
    for line in (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
    if (found := _ROW.fullmatch(line))
]


@cache
def names_in(file):
    return (ROOT / "tests" / file).read_text(encoding="utf-8")


def test_every_fault_stands_there_once():
    assert sorted(int(number) for number, *_ in ROWS) == list(range(1, 49))


@pytest.mark.parametrize(("number", "shown"), [(row[0], row[3]) for row in ROWS])
def test_its_tests_exist_or_it_says_why_there_are_none(number, shown):
    tests = _TEST.findall(shown)
    reason = shown.partition("not shown: ")[2]

    assert tests or len(reason) > 20
    left = _TEST.sub("", shown.partition("; not shown: ")[0]).strip()
    assert not left or not tests, f"row {number} has words that are no test: {left}"
    for file, names in tests:
        for name in names.split("::"):
            assert re.search(rf"(def|class) {name}\b", names_in(file)), f"{file} has no {name}"
