"""The table of bad inputs is whole, and says no more than the cases and tests that it names."""

import re

import pytest

from local_stack.folders import ROOT
from tests.integration.bad_input import CASES
from tests.integration.bad_input_table import BEYOND, LINES
from tests.integration.bad_world import WAYS
from tests.integration.inputs import STRICT, container_of

BY_NAME = {case.name: case for case in CASES}
every_line = pytest.mark.parametrize("line", LINES, ids=[f"{line.number}-{line.input}" for line in LINES])


def test_no_line_and_no_case_is_missing():
    named = {name for line in LINES for name in line.cases}

    assert [line.number for line in LINES] == list(range(1, 57))
    assert len(BY_NAME) == len(CASES)
    assert named | set(BEYOND) == BY_NAME.keys()
    assert not named & set(BEYOND)


@every_line
def test_a_line_is_asserted_somewhere_with_the_outcome_that_it_names(line):
    codes = {sent.code for name in line.cases for sent in BY_NAME[name].sent} - {None}

    assert line.cases or line.elsewhere
    assert codes == line.outcome
    for place in line.elsewhere:
        file, _, test = place.partition("::")
        assert re.search(rf"^\s*def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), place


@every_line
def test_a_line_is_sent_by_every_way_in_every_format_but_those_that_cannot_carry_it(line):
    if not line.cases:
        return
    sent = {way for way in WAYS if any(BY_NAME[name].carried_by(*way) for name in line.cases)}

    able = {(f, way) for f, way in WAYS if f not in line.without and container_of(way) not in line.without}
    assert sent - {(f, way) for f, way in WAYS if f == STRICT} == {(f, way) for f, way in able if f != STRICT}
    assert sent
