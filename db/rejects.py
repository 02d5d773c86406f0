"""Rejected rows with their bytes, and the patterns that they share."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from db.bulk import Bulk, escaped, write
from db.engine import Session
from migration_core.errors import Halted, Reason
from migration_core.lane import key_hash
from migration_core.outcome import Outcome
from migration_core.pattern import reason_hash
from migration_core.records import RawRow

_OUTCOME = Bulk("row_outcome", ("stream_id", "lane", "sequence", "outcome", "source_id", "key_hash"))
_REJECT = Bulk(
    "reject",
    (
        "stream_id",
        "lane",
        "sequence",
        "pattern_id",
        "source_id",
        "source_offset",
        "entity_key",
        "record_key",
        "value",
        "value_sha256",
        "detail",
        "version",
    ),
    binary=True,
)


@dataclass(frozen=True, slots=True)
class LaneRejection:
    """One row of one lane with the reason that keeps it out."""

    lane: int
    row: RawRow
    reason: Reason


def store_rejects(
    session: Session, stream_id: int, stream: str, rejections: Sequence[LaneRejection], *, version: str
) -> None:
    """Keep every rejected row, count it under its pattern, and record its outcome."""
    if not rejections:
        return
    patterns = _patterns(session, stream_id, stream, [rejection.reason for rejection in rejections])
    lines = []
    for rejection in rejections:
        row, reason = rejection.row, rejection.reason
        fields = (
            b"%d" % stream_id,
            b"%d" % rejection.lane,
            b"%d" % row.sequence,
            b"%d" % patterns[reason_hash(stream, reason)],
            b"%d" % row.source_id,
            b"%d" % row.source_offset,
            _bytes(row.entity_key),
            _bytes(row.record_key),
            _bytes(row.value),
            sha256(row.value or b"").hexdigest().encode(),
            escaped(reason.detail[:1000].encode()),
            escaped(version.encode()),
        )
        lines.append(b"\t".join(fields) + b"\n")
    if any(len(line) > session.connection.largest_packet for line in lines):
        _refuse_where_no_statement_can(session)
    write(session.connection, _REJECT, lines, strict=True)
    store_outcomes(session, stream_id, [(r.lane, r.row) for r in rejections], Outcome.REJECTED)


def store_outcomes(session: Session, stream_id: int, rows: Sequence[tuple[int, RawRow]], outcome: Outcome) -> None:
    """Record that these rows of these lanes are parked or rejected; every other outcome is only counted."""
    lines = [
        b"%d\t%d\t%d\t%d\t%d\t%d\n"
        % (
            stream_id,
            lane,
            row.sequence,
            outcome,
            row.source_id,
            0 if row.entity_key is None else key_hash(row.entity_key),
        )
        for lane, row in rows
    ]
    write(session.connection, _OUTCOME, lines, strict=True)


def _refuse_where_no_statement_can(session: Session) -> None:
    if not session.connection.serves_local_infile:
        raise Halted("a reject is larger than max_allowed_packet: raise that variable, or turn local_infile on")


def _patterns(session: Session, stream_id: int, stream: str, reasons: Sequence[Reason]) -> dict[str, int]:
    counts = Counter(reason_hash(stream, reason) for reason in reasons)
    examples = {reason_hash(stream, reason): reason for reason in reasons}
    ids = {}
    for name in sorted(counts):  # always in one order, so that two lanes cannot deadlock here
        reason = examples[name]
        session.execute(
            "INSERT INTO reject_pattern (stream_id, hash, stage, code, field_path, shape, rejects) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s) AS new ON DUPLICATE KEY UPDATE "
            "pattern_id = LAST_INSERT_ID(reject_pattern.pattern_id), "
            "rejects = reject_pattern.rejects + new.rejects, last_seen = NOW(6), "
            "state = IF(reject_pattern.state = 'fixed', 'open', reject_pattern.state)",
            (stream_id, name, reason.stage, reason.code, reason.field_path[:500], reason.shape[:200], counts[name]),
        )
        ids[name] = session.inserted_id()
        session.execute(
            "INSERT INTO reject_hour (pattern_id, hour, rejects) "
            "VALUES (%s, DATE_FORMAT(NOW(), '%%Y-%%m-%%d %%H:00'), %s) AS new "
            "ON DUPLICATE KEY UPDATE rejects = reject_hour.rejects + new.rejects",
            (ids[name], counts[name]),
        )
    return ids


def _bytes(value: bytes | None) -> bytes:
    return b"\\N" if value is None else escaped(value)
