"""What a statistic remembers: its runs, how far one is, and what has become of the stream that it follows since."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from db.bulk import quoted
from db.engine import Session
from db.lanes import NO_MAPPING
from db.raw import table_of
from migration_core.errors import ConfigError, Fenced, Transient
from migration_core.statistics.standing import Facts, Marks, Stand

KIND = "statistic"
COUNTING, SWAPPING, DONE, ABANDONED = "counting", "swapping", "done", "abandoned"


@dataclass(frozen=True, slots=True)
class StatisticRun:
    """One run; `step` is counting, swapping, done or abandoned."""

    run_id: int
    step: str
    statistic: str
    full: bool
    why: str
    """Of a full run: why not only what has changed."""
    since: int | None
    """The run whose marks it follows the changes from."""
    definition: str
    marks: Marks
    position: Mapping[str, Any]
    """Where a restart goes on."""
    moves: int
    """The fence: each transaction raises it from what it has read."""
    chunks: int
    rows: int
    version: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def stand(self) -> Stand:
        """For the run that goes on from it."""
        return Stand(self.run_id, self.definition, self.marks)

    @property
    def seconds(self) -> float | None:
        """How long it took, interruptions included."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


_RUNS = "SELECT run_id, step, detail, version, started_at, finished_at FROM run WHERE kind = %s"
_OF = "AND JSON_UNQUOTE(JSON_EXTRACT(detail, '$.statistic')) = %s"


def begin(session: Session, run: StatisticRun, *, mapping_hash: str) -> StatisticRun:
    """Record a new run; one that was interrupted is given up for it."""
    session.execute(
        f"UPDATE run SET step = '{ABANDONED}', finished_at = NOW(6) WHERE kind = %s AND finished_at IS NULL {_OF}",
        (KIND, run.statistic),
    )
    session.execute(
        "INSERT INTO run (kind, step, version, mapping_hash, detail) VALUES (%s, %s, %s, %s, %s)",
        (KIND, run.step, run.version, mapping_hash, json.dumps(_detail(run))),
    )
    return replace(run, run_id=session.inserted_id())


def unfinished(session: Session, statistic: str) -> StatisticRun | None:
    """The run that was interrupted."""
    found = session.one(f"{_RUNS} {_OF} AND finished_at IS NULL ORDER BY run_id DESC LIMIT 1", (KIND, statistic))
    return None if found is None else _run(found)


def last_done(session: Session, statistic: str, *, run_id: int | None = None) -> StatisticRun | None:
    """The newest run that came to its end, or the one of that number if it did."""
    which = "" if run_id is None else f"AND run_id = {int(run_id)} "
    found = session.one(f"{_RUNS} {_OF} AND step = '{DONE}' {which}ORDER BY run_id DESC LIMIT 1", (KIND, statistic))
    return None if found is None else _run(found)


def newest(session: Session, statistic: str, limit: int) -> list[StatisticRun]:
    """Its runs, the newest first."""
    return [_run(row) for row in session.rows(f"{_RUNS} {_OF} ORDER BY run_id DESC LIMIT %s", (KIND, statistic, limit))]


def move(session: Session, run: StatisticRun, **changes: Any) -> StatisticRun:  # noqa: ANN401 - fields of a run
    """Keep how far a run is; Fenced when another process has moved or ended it meanwhile."""
    moved = replace(run, moves=run.moves + 1, **changes)
    ended = f", finished_at = IF('{moved.step}' = '{DONE}', NOW(6), NULL)"
    hit = session.execute(
        f"UPDATE run SET step = %s, detail = JSON_SET(detail, '$.position', CAST(%s AS JSON), '$.moves', %s, "
        f"'$.chunks', %s, '$.rows', %s){ended} "
        "WHERE run_id = %s AND finished_at IS NULL AND JSON_EXTRACT(detail, '$.moves') = %s",
        (moved.step, json.dumps(moved.position), moved.moves, moved.chunks, moved.rows, run.run_id, run.moves),
    )
    if hit != 1:
        raise Fenced(f"another process works on run {run.run_id} of statistic {run.statistic}")
    return moved


def facts(session: Session, stream: str, *, since: datetime | None) -> Facts:
    """How the stream stands now, and what has happened to it since that moment."""
    rows = session.rows(
        "SELECT p.lane, p.applied, p.settled, COALESCE(a.purged_to, 0), COALESCE(p.mapping_hash, '') = %s "
        "FROM stream s JOIN lane_progress p USING (stream_id) LEFT JOIN lane_audit a USING (stream_id, lane) "
        "WHERE s.name = %s ORDER BY p.lane",
        (NO_MAPPING, stream),
    )
    if not rows:
        raise ConfigError(f"stream {stream!r} is not registered here: run `migration schema upgrade` first")
    if any(shut for *_, shut in rows):
        raise Transient(f"the tables of stream {stream!r} are being swapped: run this again when that is done")
    marks = {lane: (applied, settled) for lane, applied, settled, _, _ in rows}
    return Facts(marks, {lane: purged for lane, _, _, purged, _ in rows}, _switched(session, since))


def _switched(session: Session, since: datetime | None) -> bool:
    found = session.one(
        "SELECT COUNT(*) FROM cutover c JOIN cutover_step s USING (cutover_id) WHERE NOT c.rehearsal "
        "AND s.step = 'switch' AND (c.finished_at IS NULL OR c.step <> 'syncing' OR c.finished_at > %s)",
        (since or datetime(1970, 1, 1),),  # noqa: DTZ001 - the server's own times have no zone
    )
    return bool(found and found[0])


def touched(
    session: Session, stream: str, lane: int, after: int, up_to: int, *, rows: int
) -> tuple[list[bytes], int | None]:
    """The keys of the next raw rows of a lane, each once, and up to where they reach; None when there are none."""
    found = session.rows(
        f"SELECT sequence, entity_key FROM {quoted(table_of(stream))} "
        "WHERE lane = %s AND sequence > %s AND sequence <= %s ORDER BY sequence LIMIT %s",
        (lane, after, up_to, rows),
    )
    keys = dict.fromkeys(bytes(key) for _, key in found if key is not None)
    return list(keys), found[-1][0] if found else None


def _detail(run: StatisticRun) -> dict[str, object]:
    return {
        "statistic": run.statistic,
        "full": run.full,
        "why": run.why,
        "since": run.since,
        "definition": run.definition,
        "marks": [[lane, *mark] for lane, mark in run.marks.items()],
        "position": run.position,
        "moves": run.moves,
        "chunks": run.chunks,
        "rows": run.rows,
    }


def _run(row: tuple[Any, ...]) -> StatisticRun:
    run_id, step, detail, version, started_at, finished_at = row
    told = json.loads(detail)
    told["marks"] = {lane: (applied, settled) for lane, applied, settled in told["marks"]}
    return StatisticRun(run_id, step, version=version, started_at=started_at, finished_at=finished_at, **told)
