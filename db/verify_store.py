"""What a verification remembers: its run, its units of work with their progress, and every difference by pattern."""

import json
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

from db.engine import Database, Session
from migration_core.difference import Difference
from migration_core.errors import Fenced

KIND = "verify"
_ROWS_A_STATEMENT = 500
_FORGOTTEN_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the work that one process does: a slice of a lane, or the walk over a table."""

    unit: int
    kind: Literal["fold", "walk"]
    stream: str
    table: str = ""
    lane: int = 0
    hashes: tuple[int, int] = (0, 0)
    since: int = 0
    moves: int = 0
    progress: Mapping[str, Any] = field(default_factory=dict)
    watermark: int = 0
    compared: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One verification."""

    run_id: int
    detail: Mapping[str, Any]
    started_at: datetime
    finished_at: datetime | None
    mapping_hash: str = ""
    equal: bool = False

    @property
    def against(self) -> str | None:
        """The snapshot folder that took the place of the raw rows."""
        return self.detail.get("against")

    @property
    def since(self) -> int | None:
        """The run behind whose watermarks only what changed was compared; None compared everything."""
        return self.detail.get("since")


@dataclass(frozen=True, slots=True)
class PatternCount:
    """Differences of one cause; the count has no cap."""

    pattern_id: int
    stream: str
    table: str
    kind: str
    column: str
    pattern: str
    differences: int


@dataclass(frozen=True, slots=True)
class StoredDifference:
    """One difference as it is kept."""

    stream: str
    table: str
    kind: str
    column: str
    pattern: str
    primary_key: tuple[str | None, ...]
    expected: str | None
    actual: str | None


def begin(
    session: Session, units: Sequence[Unit], detail: Mapping[str, object], *, version: str, mapping_hash: str
) -> int:
    """Record a new run with all its units."""
    session.execute(
        "UPDATE run SET step = 'abandoned', finished_at = NOW(6) WHERE kind = %s AND finished_at IS NULL", (KIND,)
    )
    session.execute(
        "INSERT INTO run (kind, step, version, mapping_hash, detail) VALUES (%s, 'running', %s, %s, %s)",
        (KIND, version, mapping_hash, json.dumps(detail)),
    )
    run_id = session.inserted_id()
    for unit in units:
        session.execute(
            "INSERT INTO verify_unit (run_id, unit, kind, stream, table_name, lane, hash_from, hash_to, since) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (run_id, unit.unit, unit.kind, unit.stream, unit.table, unit.lane, *unit.hashes, unit.since),
        )
    return run_id


def unfinished(session: Session, *, version: str, mapping_hash: str) -> Run | None:
    """The run that was interrupted, if the same code and mapping can go on with it."""
    return _newest(session, "finished_at IS NULL AND version = %s AND mapping_hash = %s", version, mapping_hash)


def last_finished(session: Session) -> Run | None:
    """The newest run that came to its end."""
    return _newest(session, "step IN ('equal', 'different')")


def finished(session: Session) -> list[Run]:
    """Every run that came to its end, the newest first."""
    return [
        _run(row)
        for row in session.rows(
            f"{_RUNS} WHERE kind = %s AND step IN ('equal', 'different') ORDER BY run_id DESC", (KIND,)
        )
    ]


def last_equal(session: Session, mapping_hash: str) -> Run | None:
    """The run of this mapping that found everything equal and that still stands; None where all is to be compared.

    A later one that looked at more than what had changed since, and found a difference there, has undone it.
    """
    undone: set[object] = set()
    for one in finished(session):
        if one.against is not None:
            continue
        if one.equal:
            return one if one.mapping_hash == mapping_hash and undone <= {one.run_id} else None
        undone.add(one.since)
    return None


def run(session: Session, run_id: int) -> Run:
    """The run of that number."""
    found = _newest(session, "run_id = %s", run_id)
    if found is None:
        raise LookupError(f"there is no verification {run_id}")
    return found


def _newest(session: Session, condition: str, *arguments: object) -> Run | None:
    found = session.one(f"{_RUNS} WHERE kind = %s AND {condition} ORDER BY run_id DESC LIMIT 1", (KIND, *arguments))
    return None if found is None else _run(found)


_RUNS = "SELECT run_id, detail, started_at, finished_at, mapping_hash, step = 'equal' FROM run"


def _run(row: tuple[Any, ...]) -> Run:
    run_id, detail, started_at, finished_at, mapping_hash, equal = row
    return Run(run_id, json.loads(detail), started_at, finished_at, mapping_hash, bool(equal))


def finish(session: Session, run_id: int, more: Mapping[str, object], *, equal: bool) -> None:
    """Record the end of a run, with `more` to be kept of it."""
    session.execute(
        "UPDATE run SET step = %s, finished_at = NOW(6), detail = JSON_MERGE_PATCH(detail, %s) "
        "WHERE run_id = %s AND finished_at IS NULL",
        ("equal" if equal else "different", json.dumps(more), run_id),
    )
    session.execute("UPDATE verify_unit SET key_hashes = NULL WHERE run_id = %s", (run_id,))


def units(session: Session, run_id: int, *, open_only: bool = False) -> list[Unit]:
    """The units of a run, in order."""
    rows = session.rows(
        "SELECT unit, kind, stream, table_name, lane, hash_from, hash_to, since, moves, progress, watermark, compared "
        f"FROM verify_unit WHERE run_id = %s {'AND NOT done ' if open_only else ''}ORDER BY unit",
        (run_id,),
    )
    return [_unit(row) for row in rows]


def _unit(row: tuple[Any, ...]) -> Unit:
    number, kind, stream, table, lane, hash_from, hash_to, since, moves, progress, watermark, compared = row
    return Unit(
        number,
        kind,
        stream,
        table,
        lane,
        (hash_from, hash_to),
        since,
        moves,
        json.loads(progress or "{}"),
        watermark,
        json.loads(compared or "{}"),
    )


def move(
    session: Session,
    run_id: int,
    unit: Unit,
    *,
    progress: Mapping[str, object],
    watermark: int,
    compared: Mapping[str, int],
    hashes: "array[int] | None" = None,
    done: bool = False,
) -> None:
    """Keep how far a unit is; Fenced when another process has moved it meanwhile."""
    moved = session.execute(
        "UPDATE verify_unit SET progress = %s, watermark = %s, compared = %s, done = %s, moves = moves + 1, "
        "key_hashes = COALESCE(%s, key_hashes) WHERE run_id = %s AND unit = %s AND moves = %s AND NOT done",
        (
            json.dumps(progress),
            watermark,
            json.dumps(compared),
            done,
            hashes.tobytes() if hashes is not None else None,
            run_id,
            unit.unit,
            unit.moves,
        ),
    )
    if moved != 1:
        raise Fenced(f"another process works on unit {unit.unit} of verification {run_id}")


def store_differences(session: Session, run_id: int, stream: str, found: Sequence[Difference], *, keep: int) -> None:
    """Count every difference under its pattern; the first `keep` of a pattern are kept as rows."""
    by_pattern: dict[tuple[str, str, str, str], list[Difference]] = {}
    for one in found:
        by_pattern.setdefault((one.table, one.kind, one.column, one.pattern), []).append(one)
    for name in sorted(by_pattern):  # always in one order, so that two processes cannot deadlock here
        alike = by_pattern[name]
        session.execute(
            "INSERT INTO verify_pattern (run_id, hash, stream, table_name, kind, column_name, pattern, differences) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) AS new ON DUPLICATE KEY UPDATE "
            "pattern_id = LAST_INSERT_ID(verify_pattern.pattern_id), "
            "differences = verify_pattern.differences + new.differences",
            (run_id, sha256("\x1f".join((stream, *name)).encode()).hexdigest(), stream, *name, len(alike)),
        )
        pattern_id = session.inserted_id()
        before = session.one("SELECT differences FROM verify_pattern WHERE pattern_id = %s", (pattern_id,)) or (0,)
        _insert(session, pattern_id, alike[: max(0, keep - (int(before[0]) - len(alike)))])


def _insert(session: Session, pattern_id: int, found: Sequence[Difference]) -> None:
    for start in range(0, len(found), _ROWS_A_STATEMENT):
        part = found[start : start + _ROWS_A_STATEMENT]
        session.execute(
            "INSERT INTO verify_difference (pattern_id, key_hash, primary_key, expected, actual) VALUES "
            + ", ".join(["(%s, %s, %s, %s, %s)"] * len(part)),
            [v for one in part for v in (pattern_id, one.key_hash, one.primary_key, one.expected, one.actual)],
        )


def patterns(session: Session, run_id: int) -> list[PatternCount]:
    """What a run found, most first."""
    rows = session.rows(
        "SELECT pattern_id, stream, table_name, kind, column_name, pattern, differences FROM verify_pattern "
        "WHERE run_id = %s ORDER BY differences DESC, pattern_id",
        (run_id,),
    )
    return [PatternCount(*row) for row in rows]


def differences(session: Session, run_id: int, *, limit: int | None = None) -> list[StoredDifference]:
    """The differences of a run that were kept, at most `limit` of each pattern."""
    rows = session.rows(
        "SELECT stream, table_name, kind, column_name, pattern, primary_key, expected, actual FROM ("
        "SELECT p.*, d.difference_id, d.primary_key, d.expected, d.actual, "
        "ROW_NUMBER() OVER (PARTITION BY p.pattern_id ORDER BY d.difference_id) AS place "
        "FROM verify_pattern p JOIN verify_difference d USING (pattern_id) WHERE p.run_id = %s) found "
        f"{'' if limit is None else f'WHERE place <= {limit} '}ORDER BY differences DESC, pattern_id, difference_id",
        (run_id,),
    )
    return [
        StoredDifference(stream, table, kind, column, pattern, tuple(json.loads(primary)), expected, actual)
        for stream, table, kind, column, pattern, primary, expected, actual in rows
    ]


def forget(database: Database, run_id: int) -> None:
    """Remove everything that a run has kept but the run itself; killed anywhere, the same call goes on."""
    while True:
        with database.transaction() as session:
            gone = session.execute(
                "DELETE FROM verify_difference WHERE pattern_id IN "
                f"(SELECT pattern_id FROM verify_pattern WHERE run_id = %s) LIMIT {_FORGOTTEN_AT_ONCE}",
                (run_id,),
            )
        if gone < _FORGOTTEN_AT_ONCE:
            break
    with database.transaction() as session:
        session.execute("DELETE FROM verify_pattern WHERE run_id = %s", (run_id,))
        session.execute("DELETE FROM verify_unit WHERE run_id = %s", (run_id,))


def folds(session: Session, run_id: int, stream: str) -> list[tuple[int, int, int, int]]:
    """(unit, lane, watermark, number of keys) of each fold of a stream, lane by lane."""
    return [
        (unit, lane, applied, int(size) // 8)
        for unit, lane, applied, size in session.rows(
            "SELECT unit, lane, watermark, COALESCE(LENGTH(key_hashes), 0) FROM verify_unit "
            "WHERE run_id = %s AND stream = %s AND kind = 'fold' ORDER BY lane, hash_from",
            (run_id, stream),
        )
    ]


def key_hashes(session: Session, run_id: int, unit: int) -> "array[int]":
    """The sorted hashes of all keys that a fold met."""
    found = session.one("SELECT key_hashes FROM verify_unit WHERE run_id = %s AND unit = %s", (run_id, unit))
    return array("Q", (found and found[0]) or b"")
