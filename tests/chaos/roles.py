"""Master, worker and loader as roles that statement faults meet: their own parts, in this process, behind a proxy."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from db.engine import Database
from local_stack.servers import Servers
from migration_core.key import canonical
from migration_core.lane import lane_of
from migration_core.sequence import pack, snapshot_number
from migration_worker.sweeper import Sweeper
from tests.chaos.statement_faults import Role
from tests.integration.applying import Applying, Record, applying, doc, person
from tests.integration.legacy_topics import LegacyTopics, complete, legacy_topics, write
from tests.integration.snapshots import SnapshotCase, line
from tests.servers.schemas import control_schema

Through = Callable[[str], str]
"""From DATABASE_URL to that of a proxy before it."""
LANES = [(stream, lane) for stream in ("people", "logins", "trips") for lane in range(4)]
_PEOPLE = 24


class WorkerRole:
    """Three streams: full images, a table with another unique index, partial changes; one bad row each time."""

    def __init__(self, world: Applying, database: Database) -> None:
        self.world = world
        self.work = world.work(database=database)
        self.round = 0
        self._people: dict[str, str] = {}
        self._phones: set[tuple[str, str]] = set()
        self._logins: dict[str, str] = {}
        self._trips: dict[str, list[str | int | None]] = {}
        names = map(str, range(200))
        lane = lane_of(canonical(["0"]), 4)
        self._rivals = [name for name in names if lane_of(canonical([name]), 4) == lane][:2]

    def renew(self) -> None:
        self.round += 1
        self.world.put("people", self._images())
        self.world.put("logins", self._swap())
        self.world.put("trips", self._changes())

    def attempt(self) -> bool:
        left = self.work.apply({(look.stream, look.lane) for look in self.work.ready(LANES)})
        return not left and not self.work.ready(LANES)

    def expect(self) -> None:
        world = self.world
        assert set(world.rows("SELECT id, name FROM {target}.people")) == set(self._people.items())
        assert set(world.rows("SELECT person_id, number FROM {target}.phones")) == self._phones
        assert set(world.rows("SELECT id, login FROM {target}.logins")) == set(self._logins.items())
        assert {id_: rest for id_, *rest in world.rows("SELECT id, stage, delay FROM {target}.trips")} == self._trips
        assert Counter(code for _, _, code, _ in world.rejects("people")) == {"PARSE_JSON": self.round}
        assert not world.rejects("logins") + world.rejects("trips")
        assert not world.remainders()
        assert {world.ledger(stream).pending for stream in world.mapping.streams} == {0}

    def _images(self) -> Iterator[Record]:
        for number in range(_PEOPLE):
            id_, name = f"u{number}", f"v{self.round}"
            phones = [str(self.round), "always"] if number % 3 else []
            self._people[id_] = name
            self._phones -= {(id_, str(self.round - 1)), (id_, "always")}
            self._phones |= {(id_, phone) for phone in phones}
            yield person(id_, name, phones)
        yield f"bad{self.round}", b"{broken"
        yield "u0", None
        yield person("u1", hidden=True)
        for gone in ("u0", "u1"):
            del self._people[gone]
            self._phones -= {(gone, str(self.round)), (gone, "always")}

    def _swap(self) -> Iterator[Record]:
        """Two change places: the login of each is free only when the other's row has moved."""
        one, other = self._rivals
        self._logins = {one: "x", other: "y"} if self.round % 2 else {one: "y", other: "x"}
        yield one, doc(id=one, login="tmp")
        for id_ in (other, one):
            yield id_, doc(id=id_, login=self._logins[id_])

    def _changes(self) -> Iterator[Record]:
        yield "t", doc(op="set", body={"id": "t", "stage": f"s{self.round}", "delay": self.round})
        yield "t", doc(op="change", body={"id": "t", "delay": None})
        yield f"t{self.round}", doc(op="change", body={"id": f"t{self.round}", "stage": "new", "delay": 3})
        self._trips |= {"t": [f"s{self.round}", None], f"t{self.round}": ["new", 3]}


class SweeperRole(WorkerRole):
    """The same work, found and applied without any doorbell, under attempt marks."""

    def __init__(self, world: Applying, database: Database) -> None:
        super().__init__(world, database)
        self._sweeper = Sweeper(self.work)

    def attempt(self) -> bool:
        self._sweeper.sweep()  # notes who stands where
        self._sweeper.sweep()
        return not self.work.ready(LANES)

    def expect(self) -> None:
        super().expect()
        assert self.world.rows("SELECT * FROM lane_attempt WHERE attempts > 1") == []


class MasterRole:
    """One topic of two partitions, read and stored from take-over on."""

    def __init__(self, legacy: LegacyTopics, database: Database) -> None:
        self.legacy = legacy
        self._topic = legacy.stream(partitions=2)
        legacy.capture()
        self._master = legacy.master(database=database)
        self._written = 0

    def renew(self) -> None:
        self._master.close()  # so that it begins by looking around
        write(self.legacy, self._topic, 20, first=self._written, partitions=2)
        self._written += 20

    def attempt(self) -> bool:
        while self.legacy.offsets() != self.legacy.ends():
            self._master.turn()
        return True

    def expect(self) -> None:
        complete(self.legacy)

    def close(self) -> None:
        self._master.close()


class LoaderRole:
    """A snapshot of two parts in which a key stands twice, loaded from its registration to the open stream.

    Each time into an empty schema: a stream has one first snapshot.
    """

    PARTS = ([line(number) for number in range(30)], [line(30), line(31, key=3)])

    def __init__(self, servers: Servers, through: Through, folder: Path) -> None:
        self._servers = servers
        self._through = through
        self._folder = folder
        self._stack = ExitStack()
        (folder / "snapshot").mkdir()

    def renew(self) -> None:
        self.close()
        url = self._stack.enter_context(control_schema(self._servers))
        with opened(url) as direct:
            self._case = SnapshotCase(url, direct, self._folder / "snapshot", self._folder / "migration.yaml")
            self._case.register()
            self._case.write(*self.PARTS)
        self._case.database = self._stack.enter_context(opened(self._through(url)))

    def attempt(self) -> bool:
        self._case.load()
        return True

    def expect(self) -> None:
        self._case.expect_complete(*self.PARTS)
        ((first, second),) = self._case.rows("SELECT first_sequence, sequence FROM snapshot_duplicate")
        assert (first, second) == (pack(1, snapshot_number(1, 4)), pack(1, snapshot_number(2, 2)))

    def close(self) -> None:
        self._stack.close()


@contextmanager
def worker(servers: Servers, folder: Path, through: Through) -> Iterator[WorkerRole]:
    """A worker whose way to MySQL leads through something."""
    with applying(servers, folder) as world, opened(through(world.url), applies_lanes=True) as database:
        yield WorkerRole(world, database)


@contextmanager
def sweeper(servers: Servers, folder: Path, through: Through) -> Iterator[SweeperRole]:
    """The same for a sweeper."""
    with applying(servers, folder) as world, opened(through(world.url), applies_lanes=True) as database:
        yield SweeperRole(world, database)


@contextmanager
def master(servers: Servers, folder: Path, through: Through) -> Iterator[MasterRole]:
    """The same for a master."""
    with legacy_topics(servers, folder) as legacy, opened(through(legacy.database_url)) as database:
        role = MasterRole(legacy, database)
        try:
            yield role
        finally:
            role.close()


@contextmanager
def loader(servers: Servers, folder: Path, through: Through) -> Iterator[LoaderRole]:
    """The same for a loader."""
    role = LoaderRole(servers, through, folder)
    try:
        yield role
    finally:
        role.close()


ROLES: dict[str, Callable[[Servers, Path, Through], AbstractContextManager[Role]]] = {
    "worker": worker,
    "sweeper": sweeper,
    "master": master,
    "loader": loader,
}


@contextmanager
def opened(url: str, *, applies_lanes: bool = False) -> Iterator[Database]:
    """A pool that is closed in the end."""
    database = Database(url, applies_lanes=applies_lanes, pool_size=2)
    try:
        yield database
    finally:
        database.close()
