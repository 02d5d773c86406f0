"""Two masters of two code versions on one partition: offset fence, epoch, lost answers, crashes and a fail-over.

A transaction takes the offset row's lock with its first statement and keeps it to its end, so whoever else wants that
row has no step until then. What one server statement does with the row locked is one step here.
"""

from collections.abc import Iterator
from typing import NamedTuple

from docs.model.checker import Step

GUARDS = {
    "offset fence": "a commit moves next_offset only from where the master had read it: db.ingest.IngestStore.commit",
    "epoch": "a commit needs the epoch of the master's own take-over: db.ingest.IngestStore.commit",
    "one transaction": "raw rows and next_offset are committed together: db.ingest.IngestStore.commit",
    "no epoch without a row": "nobody owns a stream without offset rows: db.ingest.IngestStore.take_over",
    "place compared": "an idle master compares its place with the store's: migration_master.ingest.Ingest.stands_at",
}

OLD, NEW = 0, 1
NAMES = ("old master", "new master")


class Server(NamedTuple):
    """What is committed: one row of `source_offset`, once a loader has registered it, and the raw table."""

    registered: bool = False
    epoch: int = 0
    next_offset: int = 0
    raw: tuple[int, ...] = ()
    """The offsets of the stored records, in sequence."""


class Master(NamedTuple):
    """A process and what it believes."""

    life: str = "down"
    """down, begun (not taken over), up, storing (its transaction is open), stored (only without `one transaction`)."""
    epoch: int = 0
    place: int | None = None
    """The next record to store; None when the store must be read before anything else."""
    batch: int = 0
    """How many records were read from there."""


class Open(NamedTuple):
    """The open transaction, which holds the offset row."""

    by: int
    first: int
    records: int
    epoch: int
    orphan: bool = False
    """Its connection is lost: the server commits or rolls back by itself."""


class State(NamedTuple):
    """The world of this model."""

    server: Server = Server()
    masters: tuple[Master, Master] = (Master(), Master())
    open: Open | None = None
    owner: int | None = None
    """Who took over last. Only the model knows."""
    usurped: bool = False
    """Whether another one than the owner has stored a record. Only the model knows."""
    before: Server | None = None
    """The server before its newest commit, which a fail-over may lose."""
    faults: int = 0
    old_starts: int = 0


class Ingest:
    """The model; `without` names the guard that is left out."""

    def __init__(self, *, without: str = "", records: int = 3, faults: int = 2, old_starts: int = 2) -> None:
        self._without = without
        self._records = records
        self._begin = State(faults=faults, old_starts=old_starts)
        self.bounds = (
            f"1 partition of {records} records, batches of 1 or 2, 2 masters (the old version is started at most "
            f"{old_starts} times, the new one without limit), faults: {faults}"
        )

    def start(self) -> State:
        """Nothing is registered, and nobody runs."""
        return self._begin

    def broken(self, state: State) -> str | None:
        """Exactly once, in order, and not by the rules of a master that was replaced."""
        raw, next_offset = list(state.server.raw), state.server.next_offset
        if len(set(raw)) < len(raw):
            return f"a record is stored twice: raw holds the offsets {raw}"
        if raw != sorted(raw):
            return f"records are stored out of order: raw holds the offsets {raw}"
        if not set(range(next_offset)) <= set(raw):
            return f"a record is lost: next_offset is {next_offset}, and raw holds the offsets {raw}"
        return "a master that was replaced has stored a record by its own rules" if state.usurped else None

    def done(self, state: State) -> bool:
        """All records are stored."""
        return state.server.next_offset == self._records

    def steps(self, state: State) -> Iterator[Step[State]]:
        """Everything that can happen next."""
        if not state.server.registered:
            server = state.server._replace(registered=True)
            yield Step("the loader registers the offsets", state._replace(server=server), "loader")
        if state.open is not None and state.open.orphan:
            yield Step("the server rolls the lost transaction back", state._replace(open=None), "server")
            late = self._committed(state, state.open)
            yield Step("the COMMIT of the lost transaction arrives late and succeeds", late)
        for one in (OLD, NEW):
            yield from self._of_master(state, one)
        if state.faults:
            yield from self._faults(state)

    def _of_master(self, state: State, one: int) -> Iterator[Step[State]]:
        master, name = state.masters[one], NAMES[one]
        free = state.open is None
        if master.life == "down" and (one == NEW or state.old_starts):
            after = state._replace(old_starts=state.old_starts - (one == OLD))
            yield Step(f"the {name} starts", _with(after, one, Master("begun")), name)
        elif master.life == "begun" and free:
            yield from self._take_over(state, one)
        elif master.life == "up" and master.place is None and state.server.registered and free:
            yield self._read_again(state, one)
        elif master.life == "up" and master.place is not None and not master.batch:
            yield from self._read_log(state, one, master.place)
            if free:
                yield from self._look_around(state, one, master.place)
        elif master.life == "up" and master.place is not None and free:
            yield self._move_offsets(state, one, master.place)
        elif master.life == "storing" and state.open is not None:
            after = self._committed(state, state.open)
            yield Step(f"the {name} commits, and is answered", _with(after, one, self._settled(state.open)), name)
        elif master.life == "stored" and master.place is not None and free:
            server = state.server._replace(next_offset=master.place)
            moved = _with(state._replace(server=server), one, master._replace(life="up"))
            yield Step(f"the {name} moves next_offset in a transaction of its own", moved, name)

    def _take_over(self, state: State, one: int) -> Iterator[Step[State]]:
        """db.ingest.IngestStore.take_over: raise the epoch and read the place, with the row locked."""
        name = NAMES[one]
        if state.server.registered:
            epoch = state.server.epoch + 1
            after = state._replace(server=state.server._replace(epoch=epoch), owner=one, before=None)
            story = f"the {name} takes over with epoch {epoch}, at offset {state.server.next_offset}"
            yield Step(story, _with(after, one, Master("up", epoch, state.server.next_offset)), name)
        elif self._without == "no epoch without a row":
            yield Step(f"the {name} takes over no rows, with epoch 1", _with(state, one, Master("up", 1)), name)

    def _read_again(self, state: State, one: int) -> Step[State]:
        """db.ingest.IngestStore.read_again: a locking read, which also adopts rows that no master had."""
        master, name = state.masters[one], NAMES[one]
        if state.server.epoch > master.epoch:
            return Step(f"the {name} reads a newer epoch and ends", _with(state, one, Master()), name)
        server = state.server._replace(epoch=master.epoch)
        after = state._replace(server=server, owner=one, before=state.before if server == state.server else None)
        story = f"the {name} (epoch {master.epoch}) reads the store: offset {server.next_offset}"
        return Step(story, _with(after, one, master._replace(place=server.next_offset)), name)

    def _look_around(self, state: State, one: int, place: int) -> Iterator[Step[State]]:
        """migration_master.master.Master.turn: once a minute the store is read, also by a master with nothing to do."""
        if state.server.epoch > state.masters[one].epoch:
            yield self._read_again(state, one)
        elif state.server.next_offset != place and self._without != "place compared":
            after = _with(state, one, Master("up", state.masters[one].epoch))
            yield Step(f"the {NAMES[one]} finds that the store is not at offset {place}", after, NAMES[one])

    def _read_log(self, state: State, one: int, place: int) -> Iterator[Step[State]]:
        """kafka_log.reader.LogReader.read: one record or two."""
        for count in (1, 2):
            if place + count <= self._records:
                what = f"record {place}" if count == 1 else f"records {place} and {place + 1}"
                after = _with(state, one, state.masters[one]._replace(batch=count))
                yield Step(f"the {NAMES[one]} reads {what} from Kafka", after, NAMES[one])

    def _move_offsets(self, state: State, one: int, place: int) -> Step[State]:
        """The first statement of db.ingest.IngestStore.commit: the fence, and with it the row's lock."""
        master, name, server = state.masters[one], NAMES[one], state.server
        stands = self._without == "offset fence" or server.next_offset == place
        mine = self._without == "epoch" or server.epoch == master.epoch
        if not (stands and mine):
            story = f"the {name} (epoch {master.epoch}, at offset {place}) is fenced and ends"
            return Step(story, _with(state, one, Master()), name)
        after = state._replace(open=Open(one, place, master.batch, master.epoch))
        return Step(f"the {name} opens its transaction at offset {place}", _with(after, one, _storing(master)), name)

    def _committed(self, state: State, done: Open) -> State:
        """The end of db.ingest.IngestStore.commit."""
        moved = state.server.next_offset if self._without == "one transaction" else done.first + done.records
        rows = tuple(range(done.first, done.first + done.records))
        server = state.server._replace(next_offset=moved, raw=state.server.raw + rows)
        usurped = state.usurped or done.by != state.owner
        return state._replace(server=server, open=None, usurped=usurped, before=state.server)

    def _settled(self, done: Open) -> Master:
        """What a master knows when its COMMIT is answered: migration_master.ingest.Ingest.turn."""
        life = "stored" if self._without == "one transaction" else "up"
        return Master(life, done.epoch, done.first + done.records)

    def _faults(self, state: State) -> Iterator[Step[State]]:
        spent = state._replace(faults=state.faults - 1)
        for one in (OLD, NEW):
            master, name = state.masters[one], NAMES[one]
            if master.life == "down":
                continue
            left = None if state.open is None else state.open._replace(orphan=state.open.orphan or state.open.by == one)
            yield Step(f"the {name} is killed", _with(spent._replace(open=left), one, Master()))
            if master.life == "storing" and state.open is not None:
                # migration_master.master.Master.turn forgets everything that it knew of its place.
                forgets = Master("up", master.epoch)
                lost = f"the {name} loses its connection while it waits for the answer to COMMIT"
                yield Step(f"{lost}, which was done", _with(self._committed(spent, state.open), one, forgets))
                yield Step(f"{lost}, and the transaction stays open", _with(spent._replace(open=left), one, forgets))
        if state.before is not None:
            yield Step("a fail-over loses the newest commit", self._failed_over(spent, state.before))

    def _failed_over(self, state: State, before: Server) -> State:
        """Idle connections are replaced without a word, so that only a master in mid-transaction knows."""
        after = state._replace(server=before, before=None, open=None)
        for one in (OLD, NEW):
            if state.masters[one].life == "storing":
                after = _with(after, one, Master("up", state.masters[one].epoch))
        return after


def _with(state: State, one: int, master: Master) -> State:
    old, new = state.masters
    return state._replace(masters=(master, new) if one == OLD else (old, master))


def _storing(master: Master) -> Master:
    return master._replace(life="storing", batch=0)
