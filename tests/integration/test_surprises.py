"""What records may hold that is no reject: fields that no column takes, and keys that stand in two partitions."""

import json
import signal

import pytest

from db import crossed, unmapped
from db.apply import Applied
from db.ingest import IngestStore, PartitionRows
from migration_core.lane import lane_of
from migration_core.records import Received
from migration_core.unmapped import EVERY, MOST_FIELDS, OTHERS, LookedAt
from migration_verifier.crossing import look
from migration_worker.fields import FieldWatch
from tests.integration.applying import Applying, doc
from tests.integration.command_line import Cli
from tests.integration.emptying import emptied

pytestmark = pytest.mark.servers


@pytest.fixture
def world(shared, credentials):
    yield emptied(shared)
    assert shared.remainders() == []


@pytest.fixture
def cli(world, monkeypatch, capsys) -> Cli:
    return Cli(world.url, monkeypatch, capsys)


def phone(id_: str, **more: object) -> tuple[str, bytes]:
    return id_, doc(id=id_, name="n", phones=[{"number": "1", **more}])


def looked_at(documents: int, **fields: int) -> LookedAt:
    return LookedAt(documents, unmapped_counter(fields), dict.fromkeys(fields, (1, 7)))


def unmapped_counter(fields):
    found = LookedAt().fields
    found.update(fields)
    return found


class TestFieldsThatNoColumnTakes:
    def test_a_worker_applies_the_rows_counts_the_field_and_stores_the_sums_when_it_leaves(self, world, cli):
        world.put("people", [phone(f"u{n}", **{} if n % (2 * EVERY) else {"maker": "x"}) for n in range(40 * EVERY)])
        world.ring()
        worker = world.start()
        world.until_drained()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0

        found = cli.json("fields", "list")
        (field,) = found["fields"]
        (partition,) = world.rows("SELECT topic FROM source_offset WHERE topic LIKE %s", "%.people")
        assert world.ledger("people").applied == 40 * EVERY
        assert found["looked_at"] == {"people": 40}
        assert (field["stream"], field["path"], field["new"]) == ("people", "$.phones[*].maker", False)
        assert field["documents"] == 20
        assert field["first_at"].startswith(f"{partition[0]}[0]@")

    def test_a_field_that_comes_late_on_many_rows_is_an_alarm_a_word_in_status_and_a_shut_gate_until_accepted(
        self, world, cli, caplog
    ):
        told = []
        watch = FieldWatch(world.database, told=lambda *counts: told.append(counts))
        for looked in (looked_at(1000), looked_at(100, **{"$.nick": 60, "$.stray": 1})):
            watch.count("people", looked)
            watch.store()

        assert told == [("people", 0, 0), ("people", 2, 1)]
        assert [(one.stream, one.field_path) for one in caplog.records if one.message == "new_field"] == [
            ("people", "$.nick")
        ]
        (status,) = [one for one in cli.json("status") if one["stream"] == "people"]
        assert status["new_fields"] == ["$.nick"]
        assert "$.nick" in cli.run("status")[1]
        assert cli.json("fields", "list", code=1)["gate"]["verdict"] == "fail"
        cli.json("fields", "accept", "people", "$.nick", "--because", "no nicknames", "--by", "jo")
        gate = cli.json("fields", "list")["gate"]
        assert (gate["verdict"], "jo: no nicknames" in gate["found"]) == ("warn", True)
        assert cli.run("fields", "accept", "people", "$", "--because", "x")[0] == 2
        assert cli.run("fields", "accept", "people", "$.other", "--because", "x")[0] == 2

    def test_the_fields_of_a_stream_have_an_end(self, world):
        with world.database.transaction() as session:
            unmapped.add(session, "people", looked_at(5, **{f"$.a{n:03}": 1 for n in range(MOST_FIELDS)}))
            unmapped.add(session, "people", looked_at(5, **{"$.b": 1, "$.c": 2, "$.a000": 1}))
            fields = {one.path: one.documents for one in unmapped.unmapped_fields(session)}

        assert len(fields) == MOST_FIELDS + 1
        assert (fields[OTHERS], fields["$.a000"]) == (3, 2)

    def test_what_could_not_be_stored_is_stored_the_next_time(self, world):
        watch = FieldWatch(world.database)
        watch.count("none of ours", looked_at(5))
        with pytest.raises(Exception, match="not registered"):
            watch.store()
        watch._gathered["people"] = watch._gathered.pop("none of ours")

        watch.store()

        with world.database.transaction() as session:
            assert unmapped.looked_at(session) == {"people": 5}

    def test_rows_of_a_transaction_that_failed_are_not_counted(self, world):
        world.put("people", [(f"u{n}", doc(id=f"u{n}", name="n", age=13 if n == 40 else 1)) for n in range(8 * EVERY)])
        counted: list[Applied] = []
        work = world.work()
        work._counted = lambda _stream, applied, _seconds: counted.append(applied)
        for lane in range(4):
            work.apply([("people", lane)])

        documents = sum(applied.looked.documents for applied in counted)
        assert world.ledger("people").rejected == 1
        assert documents == 8


def put_in(world: Applying, partition: int, records: list[tuple[str, bytes]]) -> None:
    """Store records of `people` as read from this partition."""
    store = IngestStore(world.database)
    source = next(one for one in store.take_over(["people"]) if one.partition == partition)
    stream = world.mapping.streams["people"]
    rows = []
    for number, (id_, value) in enumerate(records):
        record_key = json.dumps({"id": id_}).encode() if partition else json.dumps({"id": id_}, indent=1).encode()
        entity = stream.key_of(record_key, value)
        rows.append(
            (
                lane_of(entity, stream.lanes),
                entity,
                Received(source.next_offset + number, record_key, value, None, 1, 0),
            )
        )
    store.commit([PartitionRows(source, source.next_offset, source.next_offset + len(rows), None, rows)])


@pytest.fixture
def two_partitions(world):
    with world.database.transaction() as session:
        ((stream_id, topic),) = session.rows(
            "SELECT stream_id, topic FROM source_offset WHERE topic LIKE %s AND kafka_partition = 0", ("%.people",)
        )
        session.execute("INSERT INTO source (stream_id, kind) VALUES (%s, 'partition')", (stream_id,))
        second = session.inserted_id()
        session.execute(
            "INSERT INTO source_offset (source_id, stream_id, topic, topic_id, kafka_partition, start_offset, "
            "end_offset, next_offset) VALUES (%s, %s, %s, 'id', 1, 0, 0, 0)",
            (second, stream_id, topic),
        )
    yield
    emptied(world)
    with world.database.transaction() as session:
        session.execute("DELETE FROM source_offset WHERE source_id = %s", (second,))
        session.execute("DELETE FROM source WHERE source_id = %s", (second,))


class TestKeysInTwoPartitions:
    def test_they_are_one_entity_and_are_listed_until_a_person_lets_them_pass(self, world, cli, two_partitions):
        put_in(world, 0, [phone(f"u{n}") for n in range(50)])
        put_in(world, 1, [phone(f"w{n}") for n in range(50)] + [phone("u7", kind="late"), phone("u8"), phone("u8")])
        world.drain()

        assert world.rows("SELECT COUNT(*) FROM {target}.people") == [(100,)]  # differently written keys are one key
        found = cli.json("keys", "list", code=1)
        assert found["crossed"] == 2
        assert sorted(one["partitions"] for one in found["keys"]) == [
            "0 (1 rows), 1 (1 rows)",
            "0 (1 rows), 1 (2 rows)",
        ]
        assert all("u7" not in str(one) for one in found["keys"])
        assert any("u7" in one["key"] for one in cli.json("keys", "list", "--show-keys", code=1)["keys"])
        assert "2 keys of people" in found["gate"]["found"]

        cli.json("keys", "accept", "people", "--because", "moved", "--by", "jo")
        assert cli.json("keys", "list")["gate"]["verdict"] == "warn"

        put_in(world, 1, [phone("u9")])
        assert "keys of people" in cli.json("keys", "list", code=1)["gate"]["found"]

    def test_a_clean_stream_passes_and_has_nothing_to_accept(self, world, cli, two_partitions):
        put_in(world, 0, [phone(f"u{n}") for n in range(20)])
        put_in(world, 1, [phone(f"w{n}") for n in range(20)])

        assert cli.json("keys", "list")["gate"]["verdict"] == "pass"
        assert cli.run("keys", "accept", "people", "--because", "x")[0] == 2

    def test_a_look_is_kept_lane_by_lane_and_a_lane_without_new_rows_is_left_alone(self, world, two_partitions):
        put_in(world, 0, [phone(f"u{n}") for n in range(20)])
        assert {lane.lane for lane in crossed.lanes_to_look(world.database)} == {0, 1, 2, 3}
        look(world.database)
        assert crossed.lanes_to_look(world.database) == []
        put_in(world, 0, [phone("u1")])

        assert len(crossed.lanes_to_look(world.database)) == 1
