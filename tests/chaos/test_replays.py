"""Records that come again: a stream that begins before its snapshot was taken, and everything from the start."""

import json

import pytest

from db.bulk import qualified, quoted
from db.engine import Database
from db.source_positions import start_positions
from examples.health_devices.scenario import scenario
from examples.scenario import Model
from migration_cli.registering import register_streams
from migration_core.manifest import FILE_NAME
from replay.check import check
from replay.drain import Lag, wait_until_drained
from replay.publish import read_log
from tests.chaos.longer import FULL, only_full
from tests.integration.evidence import audited, lanes_and_locks, raw_against_log
from tests.integration.migrating import Migrating, migrating
from tests.servers.schemas import control_schema

pytestmark = pytest.mark.servers

USERS = 100


@pytest.fixture(autouse=True)
def _credentials(credentials):
    """The programs inherit them."""


@pytest.mark.parametrize("earlier", [1, 10, 100, 10_000] if FULL else [10_000])
def test_a_stream_that_begins_before_its_snapshot_ends_as_the_log_says(servers, tmp_path, earlier):
    with migrating(servers, scenario(USERS), tmp_path) as world:
        world.publish_initial()
        world.begin_writing(0).finish()
        world.take_snapshot()
        begin_earlier(world, earlier)
        world.start_services(workers=1)
        ends = world._ends()
        streams = wait_until_drained(
            world.database, ends, alive=world.revive, told=lambda _text: None, lag=Lag(), patience=150
        )
        world.children.stop()

        # Not which rows of rivals for one login were rejected: a later image may come while an earlier one still waits.
        found = check(world.database, world.scenario.target_schema, told(world, ends), streams)
        assert (found.difference_count, found.differences) == (0, [])
        assert [one for one in found.remainders if one.total] == []
        assert audited(world.database) + lanes_and_locks(world.database) == []
        assert raw_against_log(world.database, world.config, [topic.name for topic in world.scenario.topics]) == []


def told(world: Migrating, ends: dict[tuple[str, int], int]) -> Model:
    """What the tables must hold after snapshot and stream."""
    model = world.scenario.model(world.folder)
    model.snapshot(world.snapshot)
    model.stream(read_log(world.config, start_positions(world.database), ends))
    return model


def begin_earlier(world: Migrating, records: int) -> None:
    """Let the snapshots of full images begin so many records of each partition before they were taken."""
    file = world.snapshot / FILE_NAME
    manifest = json.loads(file.read_text(encoding="utf-8"))
    moved = 0
    for stream in manifest["streams"]:
        for offsets in stream["topics"] if not stream.get("partial") else ():
            start = max(0, offsets["start_offset"] - records)
            moved += offsets["start_offset"] - start
            offsets["start_offset"] = start
            offsets["leader_epoch"] = None
    assert moved > 0
    file.write_text(json.dumps(manifest), encoding="utf-8")


@only_full
def test_everything_read_again_into_a_fresh_copy_comes_to_the_same_rows(servers, tmp_path):
    (tmp_path / "again").mkdir()
    with migrating(servers, scenario(USERS), tmp_path) as world, control_schema(servers) as fresh:
        world.publish_initial()
        world.begin_writing(0).finish()
        world.begin_without_snapshot()
        world.start_services(workers=1)
        world.prove()
        first, once = contents(world), world.database

        emptied(world)
        world.database, world.environment["DATABASE_URL"] = Database(fresh, pool_size=2), fresh
        world.folder = tmp_path / "again"
        register_streams(world.database, world.scenario.mapping)
        world.begin_without_snapshot()
        world.start_services(workers=1)
        world.prove()

        assert contents(world) == first
        world.database.close()
        world.database = once


def contents(world: Migrating) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but for its place in the order of reading, which partitions share anew each time."""
    found = {}
    with world.database.transaction() as session:
        for table in world.tables:
            names = [
                name
                for (name,) in session.rows(
                    "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s "
                    "AND column_name <> 'source_sequence' ORDER BY ordinal_position",
                    (world.scenario.target_schema, table.name),
                )
            ]
            place = qualified(world.scenario.target_schema, table.name)
            found[table.name] = session.rows(f"SELECT {quoted(*names)} FROM {place} ORDER BY {quoted(*table.key)}")
    return found


def emptied(world: Migrating) -> None:
    with world.database.transaction() as session:
        session.execute("SET foreign_key_checks = 0")
        for table in world.tables:
            session.execute(f"DELETE FROM {qualified(world.scenario.target_schema, table.name)}")
        session.execute("SET foreign_key_checks = 1")
