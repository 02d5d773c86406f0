"""A short seeded part of `make fuzz`: every reader keeps its promises, for known inputs and for made-up ones."""

from itertools import islice

import pytest

from migration_core.errors import Rejected
from tests.fuzz.blind import inputs
from tests.fuzz.every import TARGETS
from tests.fuzz.mappings import any_tree
from tests.fuzz.running import FINDINGS
from tests.fuzz.target import expect_reject

_MADE_UP = {"parts": 60, "decompression": 60, "mapping": 20, "commands": 40, "mapping_tree": 0}
every_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


@every_target
def test_a_reader_keeps_its_promises_for_inputs_that_are_known(target):
    for data in target.seeds():
        target.run(data)


@every_target
def test_a_reader_keeps_its_promises_for_inputs_that_are_made_up(target):
    for data in islice(inputs(target, seed=1), _MADE_UP.get(target.name, 300)):
        target.run(data)


def test_a_mapping_of_any_shape_is_compiled_or_told_where_it_is_wrong():
    any_tree()


@pytest.mark.parametrize("file", sorted(FINDINGS.glob("*/*")), ids=lambda file: f"{file.parent.name}-{file.name[:12]}")
def test_what_a_fuzzer_found_once_stays_mended(file):
    TARGETS[file.parent.name].run(file.read_bytes())


@pytest.mark.parametrize(
    "error",
    [
        Rejected("NO_SUCH_CODE", detail="words"),
        Rejected("PARSE_JSON", stage="nowhere", detail="words"),
        Rejected("PARSE_JSON"),
        Rejected("PARSE_JSON", detail="the whole record " * 100),
    ],
)
def test_a_reject_that_no_person_could_look_up_breaks_a_promise(error):
    with pytest.raises(AssertionError):
        expect_reject(error, "decode")
