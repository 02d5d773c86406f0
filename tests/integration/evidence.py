"""What must hold after any run beside the tables: raw is the log, lanes are empty, no key ever went back."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread

from db.bulk import qualified, quoted
from db.engine import Database
from db.failure import SqlError
from db.ledger_proof import source_ledgers, stream_proofs
from db.remainders import open_remainders
from examples.scenario import ExpectedTable
from migration_core.gate import GateVerdict
from migration_core.proof import ledger_gate
from migration_core.sequence import LAST_NUMBER, unpack
from migration_verifier.audit import Auditor, prove
from tests.integration.plain_reader import RawRecord, committed_records

_LOOK_SECONDS = 0.1
_SHOWN = 10


def raw_against_log(database: Database, config: Mapping[str, str], topics: Sequence[str]) -> list[str]:
    """Every record that a plain consumer reads from the start offsets is one raw row with the same bytes."""
    with database.transaction() as session:
        sources = session.rows(
            "SELECT s.name, o.topic, o.kafka_partition, o.start_offset, o.source_id "
            "FROM source_offset o JOIN stream s USING (stream_id)"
        )
        stored: list[RawRecord] = []
        for stream in {row[0] for row in sources}:
            stored += session.rows(
                "SELECT o.topic, o.kafka_partition, r.source_offset, r.record_key, r.value, r.headers, r.time "
                f"FROM {quoted('raw_' + stream)} r JOIN source_offset o USING (source_id)"
            )
    starts = {(topic, partition): start for _, topic, partition, start, _ in sources}
    log = {record[:3]: record for record in committed_records(config, topics, starts)}
    raw = {record[:3]: record for record in stored}
    found = [f"{place} is not in raw" for place in sorted(log.keys() - raw.keys())]
    found += [f"{place} is in raw, and no consumer reads it" for place in sorted(raw.keys() - log.keys())]
    found += [
        f"{place} is not stored byte for byte" for place in sorted(log.keys() & raw.keys()) if log[place] != raw[place]
    ]
    if len(raw) != len(stored):
        found.append(f"{len(stored) - len(raw)} records are in raw more than once")
    return found[:_SHOWN]


def audited(database: Database) -> list[str]:
    """The audit walks over every row and finds that each lane, partition and part adds up."""
    prove(Auditor(database), Event(), lambda _behind: None)
    found = [str(one) for one in open_remainders(database)]
    gate = ledger_gate(stream_proofs(database), source_ledgers(database))
    return found if gate.verdict is GateVerdict.PASS else [*found, gate.found]


def lanes_and_locks(database: Database) -> list[str]:
    """No lane has work, is halted or is beyond its barrier, every head is a raw row, and nobody holds a row."""
    found = []
    with database.transaction() as session:
        lanes = session.rows(
            "SELECT s.name, lane, head, applied, open_to, halted FROM lane_head JOIN lane_progress "
            "USING (stream_id, lane) JOIN stream s USING (stream_id)"
        )
        held = session.rows(
            "SELECT t.trx_mysql_thread_id FROM information_schema.innodb_trx t JOIN performance_schema.processlist p "
            "ON p.id = t.trx_mysql_thread_id WHERE p.db = %s AND p.id <> CONNECTION_ID() AND t.trx_rows_locked > 0",
            (database.schema,),
        )
        deepest = {}
        for stream in {row[0] for row in lanes}:
            rows = session.rows(f"SELECT lane, MAX(sequence) FROM {quoted('raw_' + stream)} GROUP BY lane")
            deepest.update({(stream, lane): last for lane, last in rows})
    for stream, lane, head, applied, open_to, halted in lanes:
        past = applied > open_to or (unpack(applied)[1] != LAST_NUMBER and applied > max(head, open_to))
        if halted or past or min(head, open_to) > applied or head != deepest.get((stream, lane), 0):
            found.append(f"{stream} lane {lane}: head {head}, applied {applied}, open to {open_to}, halted {halted}")
    if held:
        found.append(f"sessions {held} still hold rows")
    return found[:_SHOWN]


@dataclass
class OrderWatch:
    """Looks at every processed row again and again while the programs run: its source_sequence may only rise."""

    database: Database
    schema: str
    tables: Sequence[ExpectedTable]
    found: list[str] = field(default_factory=list)
    looks: int = 0
    _seen: dict[tuple[object, ...], int] = field(default_factory=dict)
    _over: Event = field(default_factory=Event)
    _thread: Thread | None = None

    def begin(self) -> None:
        """Look until `end`."""
        self._thread = Thread(target=self._run, name="order-watch", daemon=True)
        self._thread.start()

    def end(self) -> list[str]:
        """What went back, if anything did."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        return self.found[:_SHOWN]

    def _run(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            for table in self.tables:
                with suppress(SqlError):  # a server that is being restarted
                    self._look(table)

    def _look(self, table: ExpectedTable) -> None:
        with self.database.transaction() as session:
            rows = session.rows(
                f"SELECT {quoted(*table.key)}, source_sequence FROM {qualified(self.schema, table.name)}"
            )
        self.looks += 1
        for *key, sequence in rows:
            place = (table.name, *key)
            if sequence < self._seen.get(place, 0):
                self.found.append(f"{place} went back from {self._seen[place]} to {sequence}")
            self._seen[place] = sequence
