"""A first snapshot, the stream behind it, and a reload while both go on: barrier, cut, sweep and what the reload holds.

Two keys, each in a lane of its own. The source counts how often it changed: version n of a key is what the n-th record
of the topic made of it, and a key must never be seen to go back to an older version.
"""

from collections.abc import Iterator
from typing import NamedTuple

from docs.model.checker import Step

GUARDS = {
    "barrier": "a worker reads no row behind its lane's open_to: db.apply.LaneApplier.apply_batch",
    "cut": "the stream is cut before the snapshot of a reload is taken: db.cut.make_cut",
    "early snapshot refused": "its offsets may not lie before the cut: migration_core.cut.expect_behind",
    "counter row": "generation and number are read and used under one lock: db.ingest.IngestStore.commit",
    "held by reload": "what the snapshot holds already is superseded: db.sources.SourceBook.held_by_reload",
    "keys swept": "a key that the snapshot no longer has is deleted: db.snapshot_sweep.Sweep.lane",
}

LAST = 99
"""The last number of a generation: an open_to that ends with it gets more rows."""
SET, DELETE = "set", "delete"
KEYS = ("k", "j")
Sequence = tuple[int, int]
"""(generation, number)"""


class Row(NamedTuple):
    """One raw row of a lane."""

    sequence: Sequence
    version: int
    offset: int | None = None
    """None in a snapshot."""


class Lane(NamedTuple):
    """Raw rows, progress and the processed row of one key."""

    left: tuple[Row, ...] = ()
    """Raw rows without an outcome."""
    applied: Sequence = (0, 0)
    open_to: Sequence = (0, 0)
    table: int = -1
    """The version of the processed row."""


class Snapshot(NamedTuple):
    """An export: each key's version at one offset, None where the key is gone."""

    start: int
    versions: tuple[int | None, ...]


class Load(NamedTuple):
    """A registered snapshot, and how many of its steps are committed."""

    generation: int
    snapshot: Snapshot
    steps: int = 0
    reload: bool = False


class State(NamedTuple):
    """The world of this model."""

    produced: int = 0
    next_offset: int = 0
    generation: int = 2
    """Of stream rows: the counter row."""
    held: Sequence = (0, 0)
    """(generation of stream rows, offset below which the reload's snapshot holds them)"""
    lanes: tuple[Lane, Lane] = (Lane(), Lane())
    taking: tuple[int, int] | None = None
    """The master's open transaction: (offset, generation as it would be without the lock)."""
    load: Load | None = None
    cut: str = ""
    """Of the reload: raised, closing (one lane is closed), cut, done; nothing before."""
    cut_offset: int = 0
    taken: Snapshot | None = None
    """A snapshot that was taken for the reload."""
    early: int = 0
    abandons: int = 0
    wrong: str = ""
    """What went wrong with some row. Only the model knows."""


class Reload:
    """The model; `without` names the guard that is left out."""

    def __init__(self, *, without: str = "", early: int = 1, abandons: int = 1, records: int = 3) -> None:
        self._without = without
        self._log: tuple[tuple[int, str], ...] = ((0, SET), (0, DELETE), (1, SET), (0, SET))[:records]
        first = Load(1, Snapshot(0, (0, 0)))
        self._begin = State(load=first, early=early, abandons=abandons)
        self.bounds = (
            f"2 keys in 2 lanes, {records} records of 1 partition (one is a delete), a snapshot of 2 parts, a "
            f"reload; snapshots taken at any wrong time: {early}, reloads given up: {abandons}"
        )

    def start(self) -> State:
        """The first snapshot is registered, and nothing of it is loaded."""
        return self._begin

    def broken(self, state: State) -> str | None:
        """Nothing lost, nothing back to an older version, and in the end what the source holds."""
        if state.wrong:
            return state.wrong
        for key, lane in enumerate(state.lanes):
            lost = [row.version for row in lane.left if row.sequence <= lane.applied]
            if lost:
                return f"a row of {KEYS[key]} (version {lost[0]}) lies behind the watermark and is never applied"
            if self.done(state) and lane.table != self._version(key, state.produced):
                return f"in the end {KEYS[key]} has version {lane.table}, which the source has not"
        return None

    def done(self, state: State) -> bool:
        """Everything is stored and applied, and the reload has ended."""
        stored = state.next_offset == len(self._log) and state.load is None and state.cut == "done"
        return stored and not any(lane.left for lane in state.lanes)

    def steps(self, state: State) -> Iterator[Step[State]]:
        """Everything that can happen next."""
        if state.produced < len(self._log):
            key, change = self._log[state.produced]
            story = f"the source changes {KEYS[key]} ({change}): record {state.produced}"
            yield Step(story, state._replace(produced=state.produced + 1), "source")
        yield from self._of_master(state)
        for lane in (0, 1):
            yield from self._apply(state, lane)
        if state.load is not None:
            yield self._load(state, state.load)
        yield from self._of_reload(state)

    def _version(self, key: int, offset: int) -> int:
        return max([at + 1 for at, (changed, _) in enumerate(self._log[:offset]) if changed == key], default=0)

    def _export(self, state: State) -> Snapshot:
        versions = [self._version(key, state.produced) for key in (0, 1)]
        alive = [not version or self._log[version - 1][1] == SET for version in versions]
        return Snapshot(state.produced, tuple(v if lives else None for v, lives in zip(versions, alive, strict=True)))

    def _of_master(self, state: State) -> Iterator[Step[State]]:
        """db.ingest.IngestStore.commit: first the offset is moved, then the counter row is locked up to the COMMIT."""
        if state.taking is None:
            if state.next_offset < state.produced:
                after = state._replace(taking=(state.next_offset, state.generation))
                yield Step(
                    f"the master moves the offset for record {state.next_offset} (not committed)", after, "master"
                )
            return
        offset, seen = state.taking
        generation = seen if self._without == "counter row" else state.generation
        key = self._log[offset][0]
        row = Row((generation, offset + 1), offset + 1, offset)
        after = _store(state._replace(taking=None, next_offset=offset + 1), key, row)
        yield Step(f"the master takes a number in generation {generation} and commits record {offset}", after, "master")

    def _apply(self, state: State, key: int) -> Iterator[Step[State]]:
        """db.apply.LaneApplier.apply_batch of one row or all, and db.lanes.watermark_after."""
        lane = state.lanes[key]
        end = (LAST, LAST) if self._without == "barrier" else lane.open_to
        rows = sorted(row for row in lane.left if lane.applied < row.sequence <= end)
        closed = end == lane.open_to and end[1] != LAST
        for count in sorted({min(1, len(rows)), len(rows)}):
            exhausted = count == len(rows)
            last = rows[count - 1].sequence if count else lane.applied
            watermark = lane.open_to if exhausted and closed else last
            if watermark <= lane.applied:
                continue
            after = state
            for row in rows[:count]:
                after = self._effect(after, key, row)
            moved = after.lanes[key]._replace(applied=watermark)
            what = " and ".join(_named(row) for row in rows[:count]) or "nothing"
            story = f"a worker takes {what} of {KEYS[key]}, up to {_place(watermark)}"
            yield Step(story, _with(after, key, moved), f"worker of {KEYS[key]}")

    def _effect(self, state: State, key: int, row: Row) -> State:
        lane = state.lanes[key]
        left = tuple(one for one in lane.left if one != row)
        generation, start = state.held
        held = row.offset is not None and row.sequence[0] == generation and row.offset < start
        if held and self._without != "held by reload":
            return _with(state, key, lane._replace(left=left))
        after = _with(state, key, lane._replace(left=left, table=row.version))
        if row.version < lane.table:
            return after._replace(wrong=f"{KEYS[key]} goes back from version {lane.table} to version {row.version}")
        return after

    def _load(self, state: State, load: Load) -> Step[State]:
        """snapshot_loader.loading.StreamLoad.load: each step is one transaction, and any loader may take the next."""
        part, opens = load.steps // 2 + 1, load.steps % 2
        after = state._replace(load=load._replace(steps=load.steps + 1))
        if part <= len(KEYS) and opens:
            # db.snapshot_store.SnapshotStore.open_part
            return Step(f"the loader opens part {part}", _open_to(after, (load.generation, 2 * part)), "loader")
        if part <= len(KEYS):
            # db.snapshot_store.SnapshotStore.write_chunk
            version = load.snapshot.versions[part - 1]
            if version is None:
                return Step(f"the loader stores part {part}, without {KEYS[part - 1]}", after, "loader")
            row = Row((load.generation, 2 * part - 1), version)
            story = f"the loader stores part {part}: {KEYS[part - 1]} in version {version}"
            return Step(story, _store(after, part - 1, row), "loader")
        if load.reload and not opens and self._without != "keys swept":
            # db.snapshot_sweep.Sweep.lane, for all lanes, and the opening of its part
            for key, version in enumerate(load.snapshot.versions):
                if version is None:
                    gone = Row((load.generation, 2 * part - 1), self._version(key, load.snapshot.start))
                    after = _store(after, key, gone)
            return Step("the loader sweeps and opens", _open_to(after, (load.generation, 2 * part)), "loader")
        # db.snapshot_store.SnapshotStore.open_stream
        ended = after._replace(load=None, cut="done" if load.reload else state.cut)
        return Step("the loader opens the stream", _open_to(ended, (load.generation + 1, LAST)), "loader")

    def _of_reload(self, state: State) -> Iterator[Step[State]]:
        if state.early and state.taken is None and state.cut in ("", "raised", "closing"):
            after = state._replace(early=state.early - 1, taken=self._export(state))
            yield Step(f"somebody takes a snapshot at the wrong time, at offset {state.produced}", after)
        is_open = all(lane.open_to == (state.generation, LAST) for lane in state.lanes)
        if self._without == "cut":
            if not state.cut and is_open and state.taken is not None:
                yield self._register(_raised(state), state.taken)
            elif not state.cut and state.taken is None:
                after = state._replace(taken=self._export(state))
                yield Step(f"a snapshot is taken at offset {state.produced}", after, "person")
        elif not state.cut and is_open:
            # db.cut.make_cut: its first transaction
            story = f"the reload raises the generation to {state.generation + 2}, cut at offset {state.next_offset}"
            yield Step(story, _raised(state), "person")
        elif state.cut in ("raised", "closing"):
            yield _close_next(state)
        elif state.cut == "cut" and state.taken is None:
            after = state._replace(taken=self._export(state))
            yield Step(f"a snapshot is taken at offset {state.produced}", after, "person")
        elif state.cut == "cut" and state.taken is not None and state.load is None:
            yield self._register(state, state.taken)
        if state.abandons and state.cut in ("raised", "closing", "cut"):
            # db.cut.abandon
            given_up = state._replace(cut="", abandons=state.abandons - 1)
            yield Step("the reload is given up", _open_to(given_up, (state.generation, LAST)))

    def _register(self, state: State, snapshot: Snapshot) -> Step[State]:
        """db.snapshot_registry.register_snapshot."""
        if snapshot.start < state.cut_offset and self._without not in ("cut", "early snapshot refused"):
            after = state._replace(taken=None)
            return Step(f"the snapshot of offset {snapshot.start} is refused: it lies before the cut", after, "person")
        load = Load(state.generation - 1, snapshot, reload=True)
        after = state._replace(cut="loading", load=load, held=(state.generation, snapshot.start))
        return Step(f"the snapshot of offset {snapshot.start} is registered", after, "person")


def _raised(state: State) -> State:
    return state._replace(cut="raised", generation=state.generation + 2, cut_offset=state.next_offset)


def _close_next(state: State) -> Step[State]:
    """db.cut.close_lanes: lane by lane, by the command or by any sweeper."""
    key = 0 if state.cut == "raised" else 1
    end = (state.generation - 1, 0)
    lane = state.lanes[key]
    after = _with(state, key, lane._replace(open_to=max(end, lane.open_to)))
    return Step(f"{KEYS[key]}'s lane is closed", after._replace(cut="cut" if key else "closing"), "whoever cuts")


def _open_to(state: State, end: Sequence) -> State:
    first, second = (lane._replace(open_to=max(end, lane.open_to)) for lane in state.lanes)
    return state._replace(lanes=(first, second))


def _store(state: State, key: int, row: Row) -> State:
    lane = state.lanes[key]
    return _with(state, key, lane._replace(left=(*lane.left, row)))


def _with(state: State, key: int, lane: Lane) -> State:
    first, second = state.lanes
    return state._replace(lanes=(lane, second) if key == 0 else (first, lane))


def _named(row: Row) -> str:
    return f"version {row.version} ({'snapshot' if row.offset is None else f'record {row.offset}'})"


def _place(sequence: Sequence) -> str:
    return f"generation {sequence[0]}, number {'last' if sequence[1] == LAST else sequence[1]}"
