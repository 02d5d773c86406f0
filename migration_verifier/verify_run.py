"""A verification from its plan to its verdict: resumed where an interrupted one stands, done by several processes."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from db import verify_raw, verify_store
from db.engine import Database, Session
from db.registry import registered
from db.target import read_target
from db.verify_rows import CheckedTable
from db.verify_store import PatternCount, Run, Unit
from migration_core.errors import ConfigError, Halted
from migration_core.gate import Gate, GateVerdict
from migration_core.mapping import CompiledMapping
from migration_core.target import TargetSchema
from migration_verifier.verify_assert import AssertionResult
from migration_verifier.verify_fold import StreamCheck
from runtime.mapping_file import compiled_against

_KEYS_A_FOLD = 250_000
"""About what one fold keeps in memory; a lane of more rows is folded by ranges of its keys' hashes."""
_HASHES = 1 << 64


@dataclass(frozen=True, slots=True)
class Verification:
    """What a run has found, for people, gates and reports."""

    run_id: int
    started_at: str
    finished_at: str | None
    since: int | None
    """The run behind whose watermarks only what changed was compared; None compared everything."""
    compared: Mapping[str, int]
    """{table: rows compared with their documents}."""
    walked: Mapping[str, int]
    """{table: entities whose key was looked up among all documents}."""
    watermarks: Mapping[str, Mapping[int, int]]
    """{stream: {lane: sequence up to which every key is compared}}."""
    patterns: Sequence[PatternCount]
    assertions: Sequence[AssertionResult] = ()
    against: str | None = None
    """The snapshot folder that took the place of the raw rows."""

    @property
    def differences(self) -> int:
        """All of them, without a cap."""
        return sum(one.differences for one in self.patterns)

    @property
    def equal(self) -> bool:
        """Whether the run came to its end, nothing differs and every assertion holds."""
        broken = any(one.disagreements for one in self.assertions)
        return self.finished_at is not None and not self.patterns and not broken


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be verified, and how."""

    streams: Sequence[str] = ()
    """Empty means all of the mapping."""
    since_last: bool = False


def open_checks(
    database: Database, path: Path, streams: Collection[str] = ()
) -> tuple[CompiledMapping, dict[str, StreamCheck]]:
    """The mapping in `path` against the live schema, and what checking each of its `streams` needs."""
    schemas: list[TargetSchema] = []

    def live(schema: str) -> TargetSchema:
        with database.transaction() as session:
            schemas.append(read_target(session, schema))
        return schemas[0]

    mapping = compiled_against(path, live)
    for name in streams:
        if name not in mapping.streams:
            raise ConfigError(f"the mapping has no stream {name!r}; it has {', '.join(mapping.streams)}")
    checks = {}
    for name, stream in mapping.streams.items():
        if streams and name not in streams:
            continue
        tables = (
            CheckedTable.of(mapping.target_schema, table, schemas[0].tables[table.name]) for table in stream.tables
        )
        checks[name] = StreamCheck(registered(database, name).stream_id, stream, tuple(tables))
    return mapping, checks


def begin_or_resume(
    database: Database, mapping: CompiledMapping, checks: Mapping[str, StreamCheck], plan: Plan, *, version: str
) -> tuple[int, bool]:
    """The run to work on, and whether it was interrupted before."""
    detail: dict[str, object] = {"streams": sorted(checks), "since_last": plan.since_last, "against": None}
    with database.transaction() as session:
        open_run = verify_store.unfinished(session, version=version, mapping_hash=mapping.hash)
        if open_run is not None and all(open_run.detail.get(name) == value for name, value in detail.items()):
            return open_run.run_id, True
        last = verify_store.last_equal(session, mapping.hash) if plan.since_last else None
        detail["tables"] = _tables(checks)
        detail["since"] = None if last is None else last.run_id
        units = list(_units(session, checks, last))
        return verify_store.begin(session, units, detail, version=version, mapping_hash=mapping.hash), False


def _tables(checks: Mapping[str, StreamCheck]) -> list[str]:
    return [table.table.name for check in checks.values() for table in check.tables]


def _units(session: Session, checks: Mapping[str, StreamCheck], last: Run | None) -> Iterator[Unit]:
    since = {} if last is None else _unmoved(session, checks, verify_store.units(session, last.run_id))
    number = 0
    for name, check in checks.items():
        covered = since.get(name, {})
        for lane, rows in session.rows(
            "SELECT lane, `rows` FROM lane_head WHERE stream_id = %s ORDER BY lane", (check.stream_id,)
        ):
            for hashes in _ranges(max(1, -(-int(rows) // _KEYS_A_FOLD))):
                number += 1
                yield Unit(number, "fold", name, lane=lane, hashes=hashes, since=covered.get(lane, 0))
    for name, check in checks.items():
        if name in since:
            continue  # rows of keys that no document ever had are not what changed since then
        for table in check.tables:
            number += 1
            yield Unit(number, "walk", name, table=table.table.name)


def _ranges(count: int) -> list[tuple[int, int]]:
    return [(_HASHES * part // count, _HASHES * (part + 1) // count - 1) for part in range(count)]


def _watermarks(units: Sequence[Unit]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for unit in units:
        if unit.kind == "fold":
            found[unit.stream][unit.lane] = min(unit.watermark, found[unit.stream].get(unit.lane, unit.watermark))
    return dict(found)


def _unmoved(session: Session, checks: Mapping[str, StreamCheck], units: Sequence[Unit]) -> dict[str, dict[int, int]]:
    """The watermarks of lanes in which only later rows can have changed anything: nothing was redriven or released."""
    now = {name: verify_raw.settled(session, check.stream_id) for name, check in checks.items()}
    moved = {
        (unit.stream, unit.lane)
        for unit in units
        if unit.kind == "fold" and now.get(unit.stream, {}).get(unit.lane) != unit.progress.get("settled")
    }
    return _watermarks([unit for unit in units if (unit.stream, unit.lane) not in moved])


def begin_against(
    database: Database, mapping: CompiledMapping, checks: Mapping[str, StreamCheck], folder: str, *, version: str
) -> int:
    """A run that compares with a snapshot folder; it has no units, and an interrupted one begins anew."""
    detail = {"streams": sorted(checks), "against": folder, "tables": _tables(checks)}
    with database.transaction() as session:
        return verify_store.begin(session, [], detail, version=version, mapping_hash=mapping.hash)


def finish(
    database: Database,
    run_id: int,
    assertions: Sequence[AssertionResult] = (),
    *,
    compared: Mapping[str, int] | None = None,
) -> Verification:
    """Close a run all of whose units are done; `compared` is for one that has none."""
    with database.transaction() as session:
        if left := verify_store.units(session, run_id, open_only=True):
            raise Halted(f"{len(left)} units of verification {run_id} are not done: run `migration verify` again")
        broken = verify_store.patterns(session, run_id) or any(one.disagreements for one in assertions)
        more = {"assertions": [asdict(one) for one in assertions], "compared": compared or {}}
        verify_store.finish(session, run_id, more, equal=not broken)
        return _verification(session, run_id)


def last_verification(database: Database) -> Verification | None:
    """The newest run that came to its end."""
    with database.transaction() as session:
        found = verify_store.last_finished(session)
        return None if found is None else _verification(session, found.run_id)


def verify_gate(found: Verification | None) -> Gate:
    """Whether the copy is equal, for the way to cut-over."""
    if found is None:
        return Gate("verify", GateVerdict.FAIL, "nothing was ever verified", "run `migration verify`")
    rows = sum(found.compared.values())
    if found.equal:
        return Gate("verify", GateVerdict.PASS, f"{rows:,} rows are as their documents say")
    broken = [one.name for one in found.assertions if one.disagreements]
    told = f"{found.differences:,} differences of {len(found.patterns):,} patterns in {rows:,} rows" + (
        f"; assertions that do not hold: {', '.join(broken)}" if broken else ""
    )
    return Gate("verify", GateVerdict.FAIL, told, "see `migration verify --list`; redrive or reload, then verify again")


def _verification(session: Session, run_id: int) -> Verification:
    run = verify_store.run(session, run_id)
    units = verify_store.units(session, run_id)
    compared: Counter[str] = Counter(run.detail.get("compared", {}))
    walked: Counter[str] = Counter()
    for unit in units:
        (compared if unit.kind == "fold" else walked).update(unit.compared)
    return Verification(
        run_id=run_id,
        started_at=run.started_at.isoformat(sep=" ", timespec="seconds"),
        finished_at=run.finished_at.isoformat(sep=" ", timespec="seconds") if run.finished_at else None,
        since=run.since,
        compared={table: compared[table] for table in run.detail["tables"]},
        against=run.against,
        walked=dict(walked),
        watermarks=_watermarks(units),
        patterns=verify_store.patterns(session, run_id),
        assertions=[AssertionResult.from_json(one) for one in run.detail.get("assertions", ())],
    )
