"""Inputs to begin with, as the examples and the tests on real servers already have them."""

from collections.abc import Iterable

from migration_core.containers.kcat import render
from migration_core.records import Received
from tests.integration.bad_input import CASES

_LONGEST = 6000
"""Bytes; the few larger inputs only make a fuzzer slow."""


def values(format_: str) -> Iterable[bytes]:
    """Every record value that the tests on real servers send in this format."""
    return _small(sent.value(format_) for case in CASES if format_ in case.formats for sent in case.sent)


def record_keys() -> Iterable[bytes]:
    """Every record key that they send."""
    return _small(sent.key for case in CASES for sent in case.sent)


def lines() -> Iterable[bytes]:
    """The same records as lines of `kcat -J`, and lines that are none."""
    yield from (line for case in CASES for line in case.lines.values())
    for case in CASES:
        for sent in case.sent:
            value = sent.value("json")
            if value is None or len(value) < _LONGEST:
                yield render("legacy", 0, Received(0, sent.key, value, None, 5, 1), [("h", b"\xff"), ("h", None)])[:-1]


def _small(found: Iterable[bytes | None]) -> Iterable[bytes]:
    return [one for one in found if one is not None and len(one) < _LONGEST]
