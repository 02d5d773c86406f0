"""Both examples against a real processed schema: what the mapping makes of every record, and the model expects."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.engine import make_url

from db.engine import Database
from db.target import read_target
from examples.comparing import Verdict, differences
from examples.flights.scenario import Flights
from examples.health_devices import logins
from examples.health_devices.planted import planted_codes
from examples.health_devices.population import Dice, Sizes, user_id
from examples.health_devices.scenario import HealthDevices
from examples.processed_schema import downgrade, upgrade
from examples.renaming import Renamed
from examples.scenario import LogRecord
from migration_core.errors import Rejected
from migration_core.mapping import Kind, WriteMode
from migration_core.merge_patch import merge
from migration_core.records import Op, Position
from runtime.mapping_file import compiled_against, read_mapping

pytestmark = pytest.mark.servers

SIZES = Sizes.of_users(600)
EXAMPLES = {"health_devices": lambda: HealthDevices(SIZES), "flights": lambda: Flights(Path(".stack/cache"), months=1)}


@pytest.fixture(scope="module")
def server(servers):
    url = make_url(servers.mysql_url).set(database="mysql").render_as_string(hide_password=False)
    database = Database(url)
    yield url, database
    database.close()


@contextmanager
def example(server, folder, name) -> Iterator[Renamed]:
    """Under names of its own, with its processed schema made."""
    url, database = server
    own = f"ex_{uuid4().hex[:12]}"
    scenario = Renamed(EXAMPLES[name](), prefix=f"{own}.", target_schema=own, folder=folder)
    upgrade(url, own, scenario.migrations)
    yield scenario
    with database.transaction() as session:
        session.execute(f"DROP DATABASE {own}")


def compiled(server, scenario):
    def live(schema):
        with server[1].transaction() as session:
            return read_target(session, schema)

    return compiled_against(scenario.mapping, live)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_processed_schema_can_be_made_twice_and_taken_away(server, tmp_path, name):
    with example(server, tmp_path, name) as scenario, server[1].transaction() as session:
        upgrade(server[0], scenario.target_schema, scenario.migrations)
        made = read_target(session, scenario.target_schema).tables.keys() - {f"{name}_version"}
        downgrade(server[0], scenario.target_schema, scenario.migrations)
        left = read_target(session, scenario.target_schema).tables.keys()

    counted = read_mapping(scenario.mapping).model.statistic_tables
    assert made == {table.name for table in scenario.model(tmp_path).tables} | set(counted)
    assert left == {f"{name}_version"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_mapping_fits_and_every_table_but_one_takes_the_fast_path(server, tmp_path, name):
    with example(server, tmp_path, name) as scenario:
        streams = compiled(server, scenario).streams

    modes = {table.name: table.mode for stream in streams.values() for table in stream.tables}
    assert [table for table, mode in modes.items() if mode is not WriteMode.REPLACE] == (
        ["users"] if name == "health_devices" else []
    )
    assert {topic for stream in streams.values() for topic in stream.topics} == {t.name for t in scenario.topics}


def test_each_planted_record_is_rejected_for_its_cause_and_no_other_is(server, tmp_path):
    with example(server, tmp_path, "health_devices") as scenario:
        streams = {topic: stream for stream in compiled(server, scenario).streams.values() for topic in stream.topics}
    codes = planted_codes(Dice(1), SIZES)
    legacy = {topic.name: f"legacy.{topic.name.partition('.')[2]}" for topic in scenario.topics}

    for record in [*scenario.initial(), *scenario.live()]:
        planted = codes.get((legacy[record.topic], record.key, record.value))
        assert code_of(streams[record.topic], record) == planted, record


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_mapping_makes_of_all_records_what_the_model_expects(server, tmp_path, name):
    with example(server, tmp_path, name) as scenario:
        streams = compiled(server, scenario).streams
    model = scenario.model(tmp_path)
    published = [LogRecord(r.topic, r.partition, n, r.key, r.value, r.time) for n, r in enumerate(everything(scenario))]
    model.stream(published)
    found = []

    for stream in streams.values():
        documents = fold(stream, published)
        for place, table in enumerate(stream.tables):
            expected = next(one for one in model.tables if one.name == table.name)
            assert set(expected.columns) | expected.unchecked == set(table.columns)
            rows = sorted(
                (in_order(table, row, expected.columns) for d in documents for row in transformed(stream, d)[place]),
                key=lambda row, columns=expected: tuple(row[columns.columns.index(name)] for name in columns.key),
            )
            found += differences(expected, model.rows(table.name), rows)

    # Only the unique index can tell rivals apart, and there is none here.
    rivals = {user_id(other) for _, other in logins.rivals()} if name == "health_devices" else set()
    assert {(difference.verdict, difference.key[0]) for difference in found} == {
        (Verdict.UNEXPECTED, rival) for rival in rivals
    }


def everything(scenario):
    yield from scenario.initial()
    yield from scenario.live()


def code_of(stream, record):
    try:
        key = stream.key_of(record.key, record.value)
        change = stream.decode(record.key, record.value)
        if change.document is not None:
            stream.check_key(key, change.document)
        if change.op is Op.IMAGE:
            transformed(stream, change.document)
    except Rejected as rejected:
        return rejected.reason.code
    return None


def fold(stream, published):
    """The documents that stand in the end, by nothing but order."""
    documents = {}
    for record in published:
        if record.topic in stream.topics and code_of(stream, record) is None:
            key = stream.key_of(record.key, record.value)
            change = stream.decode(record.key, record.value)
            match change.op:
                case Op.DELETE:
                    documents.pop(key, None)
                case Op.MERGE:
                    documents[key] = merge(documents.get(key, {}), change.document)
                case _:
                    documents[key] = change.document
    return documents.values()


def transformed(stream, document):
    return stream.rows(document, Position("part", 1, 1), 0, 1)


def in_order(table, row, columns):
    """The columns that the model checks, as MySQL gives them back."""
    values = dict(zip(table.columns, row, strict=True))
    kinds = dict(zip(table.columns, table.kinds, strict=True))
    return tuple(as_stored(kinds[column], values[column]) for column in columns)


def as_stored(kind, value):
    if value is None or kind not in (Kind.DATETIME, Kind.DATE):
        return value
    return datetime.fromisoformat(value) if kind is Kind.DATETIME else date.fromisoformat(value)
