"""The mapping's assertions: SQL on the processed tables, and the documents as they stood at that same moment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from db import verify_raw
from db.engine import Database
from db.sources import SourceBook
from db.target import answer_in
from db.verify_raw import LaneSlice
from migration_core.assertion import Disagreement, Tally
from migration_core.folding import refold
from migration_verifier.verify_fold import LaneFold, StreamCheck

_KEYS = 1000
_SECONDS = 50
"""Of the queries of one stream."""


@dataclass(frozen=True, slots=True)
class AssertionResult:
    """One assertion; it holds where there is no disagreement."""

    stream: str
    name: str
    groups: int
    disagreements: Sequence[Disagreement]

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """What a run has kept."""
        disagreements = [Disagreement(**one) for one in kept["disagreements"]]
        return cls(kept["stream"], kept["name"], kept["groups"], disagreements)


def check_assertions(database: Database, target: str, checks: Mapping[str, StreamCheck]) -> Iterator[AssertionResult]:
    """Every assertion of these streams; changes may arrive meanwhile."""
    for name, check in checks.items():
        asked = check.stream.assertions
        if not asked:
            continue
        with database.snapshot(_SECONDS) as session:
            answers = [answer_in(session, target, one.sql) for one in asked]
            watermarks = verify_raw.watermarks(session, check.stream_id)
        tallies = [Tally(one) for one in asked]
        for lane, watermark in watermarks.items():
            fold = LaneFold(check, LaneSlice(name, check.stream_id, lane), SourceBook())
            _count(database, fold, watermark, tallies)
        for tally, rows in zip(tallies, answers, strict=True):
            yield AssertionResult(name, tally.assertion.name, len(rows), tally.disagreements(rows))


def _count(database: Database, fold: LaneFold, watermark: int, tallies: Sequence[Tally]) -> None:
    """Add the documents of one lane as they stood at `watermark`."""
    stream = fold.check.stream
    with database.transaction() as session:
        fold.take_in(session, watermark)
    keys = [key for _, key in fold.standing.in_order()]
    for start in range(0, len(keys), _KEYS):
        with database.transaction() as session:
            rows = fold.rows(session, keys[start : start + _KEYS])
            found = refold(stream, rows, fold.context, partial=stream.partial)
        for _, document in found.documents.values():
            if document is not None and not (stream.leave_out and stream.leave_out(document)):
                for tally in tallies:
                    tally.add(document)
