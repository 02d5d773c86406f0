"""What must hold after any run, whatever happened in it: each clause finds its own deviations."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from db.bulk import qualified, quoted
from db.engine import LANE_SECONDS, Database
from db.errno import Answer, answer_to
from db.ledger import ledger, remainders
from db.reject_places import reject_places
from db.source_positions import start_positions
from examples.scenario import ExpectedTable
from replay.check import check
from replay.publish import read_log
from tests.chaos.history import History
from tests.chaos.row_log import LogPlace, RowLog, Watched
from tests.integration.evidence import audited, lanes_and_locks, raw_against_log

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from examples.renaming import Renamed

_OF_THE_SERVER = re.compile(r"MYSQL_(\d+)")
_DATA = (Answer.BAD_DATA, Answer.DUPLICATE)
_CRASH = "POISON_CRASH"
_LOOK_SECONDS = 0.2


class Deviation(NamedTuple):
    """What does not hold, and the clause that says that it should."""

    clause: str
    what: str

    def __str__(self) -> str:
        return f"{self.clause}: {self.what}"


@dataclass(frozen=True)
class Run:
    """A run that is over: its programs have left, its source is at rest."""

    database: Database
    url: str
    config: Mapping[str, str]
    scenario: "Renamed"
    tables: tuple[ExpectedTable, ...]
    snapshot: Path
    until: Mapping[tuple[str, int], int]
    """Where the topics end."""
    since: LogPlace
    """Where the server's log stood before the first row."""
    queue: "SQSClient"
    queue_url: str
    visibility: timedelta
    """How long messages that a killed worker held may stay in flight."""


def deviations(run: Run) -> list[Deviation]:
    """Everything that does not hold, of every clause."""
    return [Deviation(clause, what) for clause, look in CLAUSES.items() for what in look(run)]


def raw_is_the_log(run: Run) -> list[str]:
    """Raw rows are what an independent read_committed consumer reads, byte for byte, once each."""
    return raw_against_log(run.database, run.config, [topic.name for topic in run.scenario.topics])


def the_ledger_adds_up(run: Run) -> list[str]:
    """A count of all rows leaves no remainder, and the audit reaches every head."""
    return [str(one) for one in remainders(run.database) if one.total] + audited(run.database)


def tables_are_the_fold(run: Run) -> Iterator[str]:
    """Tables, rejects and counts are what the example's own account of the source says, which shares no code."""
    with TemporaryDirectory(prefix="model-") as folder:
        model = run.scenario.model(Path(folder))
        if (run.snapshot / "manifest.json").exists():
            model.snapshot(run.snapshot)
        model.stream(read_log(run.config, start_positions(run.database), run.until))
        verdict = check(run.database, run.scenario.target_schema, model, ledger(run.database))
        model.close()
    yield from verdict.counts
    yield from verdict.rejects
    yield from verdict.differences


def no_reject_is_of_the_servers(run: Run) -> Iterator[str]:
    """No reject was made by an error of infrastructure, nor by a process that was killed."""
    for stream, _, source, place, code in reject_places(run.database):
        found = _OF_THE_SERVER.fullmatch(code)
        if code == _CRASH or (found and answer_to(int(found[1])) not in _DATA):
            yield f"{stream} {source}:{place} was rejected as {code}"


def history_only_goes_forward(run: Run) -> Iterator[str]:
    """By the server's row log: no entity ever went back, each row version was written once and has its raw row."""
    history = History().fold(RowLog(run.url).changes(run.since, run.scenario.target_schema, _watched(run)))
    yield from history.backwards
    yield from history.twice
    yield from history.incomplete(_rows(run))
    applied = {one.stream: one.applied for one in ledger(run.database)}
    for stream in {table.stream for table in run.tables}:
        tables = [table.name for table in run.tables if table.stream == stream]
        causes = _applied_sequences(run.database, stream)
        for table in tables:
            yield from history.without_cause(table, causes)
        effects = len(set().union(*(history.sequences[table] for table in tables)))
        if effects > applied[stream]:
            yield f"{stream}: {effects} records had an effect, and {applied[stream]} count as applied"


def nothing_is_left_behind(run: Run) -> list[str]:
    """No lane has work or is locked, no transaction is open, and no message stays in flight for longer than it may."""
    over = time.monotonic() + run.visibility.total_seconds() + LANE_SECONDS
    time.sleep(_LOOK_SECONDS)  # innodb_trx shows what it showed to whoever asked within the last tenth of a second
    while (found := _left_behind(run)) and time.monotonic() < over:
        time.sleep(_LOOK_SECONDS)
    return found


CLAUSES: Mapping[str, Callable[[Run], "list[str] | Iterator[str]"]] = {
    "raw": raw_is_the_log,
    "ledger": the_ledger_adds_up,
    "tables": tables_are_the_fold,
    "infrastructure": no_reject_is_of_the_servers,
    "history": history_only_goes_forward,
    "hygiene": nothing_is_left_behind,
}


def _left_behind(run: Run) -> list[str]:
    found = lanes_and_locks(run.database)
    with run.database.transaction() as session:
        opened = session.rows(
            "SELECT p.id FROM information_schema.innodb_trx t JOIN performance_schema.processlist p "
            "ON p.id = t.trx_mysql_thread_id WHERE p.db = %s AND p.id <> CONNECTION_ID()",
            (run.database.schema,),
        )
    found += [f"session {number} has an open transaction" for (number,) in opened]
    asked = run.queue.get_queue_attributes(
        QueueUrl=run.queue_url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )
    in_flight = int(asked["Attributes"]["ApproximateNumberOfMessagesNotVisible"])
    return [*found, f"{in_flight} messages are in flight"] if in_flight else found


def _applied_sequences(database: Database, stream: str) -> frozenset[int]:
    with database.transaction() as session:
        rows = session.rows(
            f"SELECT r.sequence FROM {quoted('raw_' + stream)} r JOIN stream s ON s.name = %s LEFT JOIN row_outcome o "
            "ON o.stream_id = s.stream_id AND o.lane = r.lane AND o.sequence = r.sequence WHERE o.lane IS NULL",
            (stream,),
        )
    return frozenset(sequence for (sequence,) in rows)


def _watched(run: Run) -> dict[str, Watched]:
    with run.database.transaction() as session:
        columns = session.rows(
            "SELECT table_name, column_name, ordinal_position - 1 FROM information_schema.columns "
            "WHERE table_schema = %s",
            (run.scenario.target_schema,),
        )
    places = {(table, column): int(place) for table, column, place in columns}
    return {
        table.name: Watched(
            tuple(places[table.name, column] for column in table.key), places[table.name, "source_sequence"]
        )
        for table in run.tables
    }


def _rows(run: Run) -> dict[tuple[str, tuple[object, ...]], int]:
    found = {}
    with run.database.transaction() as session:
        for table in run.tables:
            rows = session.rows(
                f"SELECT {quoted(*table.key)}, source_sequence FROM {qualified(run.scenario.target_schema, table.name)}"
            )
            found |= {(table.name, tuple(key)): sequence for *key, sequence in rows}
    return found
