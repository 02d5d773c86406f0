"""Snapshot folders from real topics and from exports without a manifest, and the programs that load them."""

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest
import zstandard

from kafka_log.producer import LogWriter
from kafka_log.topics import TopicAdmin
from kafka_log.watermarks import LogView
from migration_core.containers import CONTAINERS
from migration_core.errors import ConfigError, Halted, SnapshotError
from migration_core.headers import decode_headers
from migration_core.manifest import FILE_NAME, TopicOffsets
from runtime.mapping_file import compiled
from snapshot_loader import taking
from snapshot_loader.adopting import Adopting, adopt
from snapshot_loader.folder import chosen, read_manifest
from snapshot_loader.progress import SpokenProgress
from snapshot_loader.reading import PartReader
from snapshot_loader.stopping import StoppedEarly
from tests.integration.snapshots import MAPPING, SnapshotCase, expected, line
from tests.servers import own
from tests.waiting import until

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]


def mapping_for(tmp_path, topic, options=""):
    file = tmp_path / "migration.yaml"
    file.write_text(MAPPING.format(topic=topic, lanes=8, options=options), encoding="utf-8")
    return compiled(file).streams["users"]


def taking_of(kafka_config, folder, *streams, **changes):
    return taking.Taking(kafka_config, folder, streams, SpokenProgress(), Event(), **changes)


def records_in(folder):
    """(key, value, headers, time) of every line, read as the loader reads them."""
    found = []
    for stream in read_manifest(folder).streams:
        for part in stream.parts:
            for chunk in PartReader(folder, part, stream.compression).chunks():
                for number, one in enumerate(chunk.lines, chunk.first_line):
                    record = CONTAINERS[stream.container](one, number)
                    found.append((record.record_key, record.value, decode_headers(record.headers), record.time))
    return found


def produce(config, topic, *records, partition=0):
    writer = LogWriter(config)
    for number, (key, value) in enumerate(records):
        writer.produce(topic, value, key=key, partition=partition, time=1000 + number)
    writer.close()


KEY = "record_key: $.id"


def key(number):
    return b'{"id": "u%d"}' % number


class TestTaking:
    def test_of_full_documents_the_newest_of_each_key_is_taken(self, tmp_path, topic, kafka_config):
        users = topic("users", partitions=2)
        stream = mapping_for(tmp_path, users, KEY)
        produce(
            kafka_config, users,
            (key(1), line(1)), (key(2), line(2)), (key(1), line(3, key=1)), (key(3), line(4, key=3)), (key(2), None),
        )  # fmt: skip
        produce(
            kafka_config, users,
            (key(4), b"broken"), (None, line(5)), (b"\xff", b"\xff"), (b"no json", None), (key(6), line(6)),
            partition=1,
        )  # fmt: skip

        manifest = taking.take(taking_of(kafka_config, tmp_path / "out", stream, part_rows=2))

        # A bad document is exported as it is, and so is what has no readable key: the migration must find it.
        assert sorted(records_in(tmp_path / "out"), key=str) == sorted(
            [
                (key(1), line(3, key=1), [], 1002),
                (key(3), line(4, key=3), [], 1003),
                (key(4), b"broken", [], 1000),
                (None, line(5), [], 1001),
                (b"\xff", b"\xff", [], 1002),
                (key(6), line(6), [], 1004),
            ],
            key=str,
        )
        described = LogView(kafka_config).describe([users])[users]
        assert [(one.partition, one.start_offset, one.end_offset) for one in manifest.streams[0].topics] == [
            (0, 5, 5),
            (1, 5, 5),
        ]
        assert {one.topic_id for one in manifest.streams[0].topics} == {described.topic_id}
        assert [part.rows for part in manifest.streams[0].parts] == [2, 2, 2]
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
            FILE_NAME,
            *(f"users-0000{number}.kcat.zst" for number in (1, 2, 3)),
        ]

    def test_a_document_that_an_op_deletes_is_absent(self, tmp_path, topic, kafka_config):
        users = topic("users")
        options = "op: {path: $.op, image: [put], delete: [drop]}"
        stream = mapping_for(tmp_path, users, options)
        put, drop = b'{"id": "u1", "op": "put"}', b'{"id": "u1", "op": "drop"}'
        produce(kafka_config, users, (None, put), (None, drop), (None, put.replace(b"u1", b"u2")))

        taking.take(taking_of(kafka_config, tmp_path / "out", stream))

        assert [value for _, value, _, _ in records_in(tmp_path / "out")] == [put.replace(b"u1", b"u2")]

    def test_a_fuzzy_snapshot_holds_values_of_its_window(self, tmp_path, topic, kafka_config, monkeypatch):
        users = topic("users")
        stream = mapping_for(tmp_path, users)
        produce(kafka_config, users, *((None, line(number)) for number in range(50)))
        read = taking._Stream._read
        written = []

        def written_meanwhile(self, ends, begins=None):
            yield from read(self, ends, begins)
            if not written:
                written.append(True)
                produce(kafka_config, users, *((None, line(number, text="new")) for number in range(60)))

        monkeypatch.setattr(taking._Stream, "_read", written_meanwhile)

        manifest = taking.take(taking_of(kafka_config, tmp_path / "out", stream, fuzzy=True))

        offsets = manifest.streams[0].topics[0]
        assert (offsets.start_offset, offsets.end_offset) == (50, 110)
        values = [value for _, value, _, _ in records_in(tmp_path / "out")]
        new = [value for value in values if b'"new"' in value]
        assert {json.loads(value)["id"] for value in values} >= {f"u{number}" for number in range(50)}
        assert len({json.loads(value)["id"] for value in values}) == len(values)
        assert 10 < len(new) < 55

    def test_of_partial_changes_every_record_up_to_the_start_is_taken_in_order(self, tmp_path, topic, kafka_config):
        users = topic("users", partitions=2)
        stream = mapping_for(tmp_path, users, "changes: partial")
        produce(kafka_config, users, *((None, line(number, key=number % 3)) for number in range(30)))
        produce(kafka_config, users, *((None, line(number, key=9)) for number in range(10)), partition=1)

        manifest = taking.take(taking_of(kafka_config, tmp_path / "out", stream, fuzzy=True))

        assert [value for _, value, _, _ in records_in(tmp_path / "out")] == [
            *(line(number, key=number % 3) for number in range(30)),
            *(line(number, key=9) for number in range(10)),
        ]
        assert manifest.streams[0].partial
        assert all(one.start_offset == one.end_offset for one in manifest.streams[0].topics)

    def test_partial_changes_whose_first_are_gone_are_refused(self, tmp_path, topic, kafka_config):
        users = topic("users")
        stream = mapping_for(tmp_path, users, "changes: partial")
        produce(kafka_config, users, *((None, line(number)) for number in range(9)))
        TopicAdmin(kafka_config).delete_records(users, 0, 4)

        with pytest.raises(Halted, match="the first records are gone"):
            taking.take(taking_of(kafka_config, tmp_path / "out", stream))

        assert not (tmp_path / "out" / FILE_NAME).exists()

    @pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
    def test_an_empty_topic_is_one_empty_part(self, tmp_path, topic, kafka_config, compression):
        stream = mapping_for(tmp_path, topic("users"))

        manifest = taking.take(taking_of(kafka_config, tmp_path / "out", stream, compression=compression))

        assert [part.rows for part in manifest.streams[0].parts] == [0]
        assert records_in(tmp_path / "out") == []

    def test_an_ndjson_snapshot_holds_values_alone(self, tmp_path, topic, kafka_config):
        users = topic("users")
        stream = mapping_for(tmp_path, users)
        produce(kafka_config, users, (b"k", line(1)), (b"k", line(2)))

        taking.take(taking_of(kafka_config, tmp_path / "out", stream, container="ndjson", compression="none"))

        assert (tmp_path / "out" / "users-00001.ndjson").read_bytes() == line(1) + b"\n" + line(2) + b"\n"

    def test_ndjson_is_refused_where_it_would_lose_something(self, tmp_path, topic, kafka_config):
        users = topic("users")
        produce(kafka_config, users, (key(1), b'{"id":\n"u1"}'))
        folder = tmp_path / "out"

        with pytest.raises(ConfigError, match="--container kcat"):
            taking.take(taking_of(kafka_config, folder, mapping_for(tmp_path, users, KEY), container="ndjson"))
        with pytest.raises(SnapshotError, match="--container kcat"):
            taking.take(taking_of(kafka_config, folder, mapping_for(tmp_path, users), container="ndjson"))

        assert [path.name for path in folder.iterdir()] == []

    def test_a_snapshot_is_never_written_over_another(self, tmp_path, topic, kafka_config):
        stream = mapping_for(tmp_path, topic("users"))
        taking.take(taking_of(kafka_config, tmp_path / "out", stream))

        with pytest.raises(ConfigError, match="holds a snapshot already"):
            taking.take(taking_of(kafka_config, tmp_path / "out", stream))

    def test_one_that_is_asked_to_stop_leaves_no_manifest(self, tmp_path, topic, kafka_config):
        users = topic("users")
        stream = mapping_for(tmp_path, users)
        produce(kafka_config, users, (None, line(1)))
        asked = taking_of(kafka_config, tmp_path / "out", stream)
        asked.stop.set()

        with pytest.raises(StoppedEarly):
            taking.take(asked)

        assert list((tmp_path / "out").iterdir()) == []


OFFSETS = (TopicOffsets(topic="legacy.users", topic_id="i", partition=0, start_offset=5, end_offset=9),)


class TestAdopting:
    @pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
    def test_an_export_without_a_manifest_gets_one_that_the_reader_agrees_with(self, tmp_path, pack):
        for number in (1, 2, 10):
            lines = b"".join(line(number * 100 + one) + b"\n" for one in range(number))
            (tmp_path / f"users-{number}.bin").write_bytes(pack(lines) + pack(line(number)))
        (tmp_path / "notes.txt").write_text("not a part", encoding="utf-8")

        manifest = adopt(Adopting(tmp_path, "users", "users-*.bin", OFFSETS))

        stream = manifest.streams[0]
        assert [(part.file, part.rows) for part in stream.parts] == [
            ("users-1.bin", 2), ("users-2.bin", 3), ("users-10.bin", 11)
        ]  # fmt: skip
        assert stream.container == "ndjson"
        assert len(records_in(tmp_path)) == 16

    def test_lines_of_kcat_are_recognised_by_what_they_hold(self, tmp_path):
        (tmp_path / "a").write_bytes(
            b'\n{"topic": "t", "partition": 0, "offset": 0, "key": null, "payload": "{\\"id\\": 1}"}\n'
        )
        (tmp_path / "b").write_bytes(b'{"payload": {"id": 1}, "offset": 1, "topic": "x"}\n')

        assert adopt(Adopting(tmp_path, "users", "a", OFFSETS)).streams[0].container == "kcat"
        (tmp_path / FILE_NAME).unlink()
        assert adopt(Adopting(tmp_path, "users", "b", OFFSETS)).streams[0].container == "ndjson"
        (tmp_path / FILE_NAME).unlink()
        assert adopt(Adopting(tmp_path, "users", "a", OFFSETS, container="ndjson")).streams[0].container == "ndjson"

    @pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
    def test_a_file_that_is_cut_or_damaged_is_not_adopted(self, tmp_path, pack):
        whole = pack(b"".join(line(number) + b"\n" for number in range(100)))
        for damaged in (whole[:-1], whole[: len(whole) // 2], whole + b"garbage", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"):
            (tmp_path / "a").write_bytes(damaged)
            with pytest.raises(SnapshotError, match=r"^a: "):
                adopt(Adopting(tmp_path, "users", "a", OFFSETS))

        assert not (tmp_path / FILE_NAME).exists()

    def test_streams_are_adopted_one_by_one(self, tmp_path):
        (tmp_path / "users").write_bytes(line(1))
        (tmp_path / "devices").write_bytes(line(2))
        devices = (OFFSETS[0].model_copy(update={"topic": "legacy.devices"}),)
        adopt(Adopting(tmp_path, "users", "users", OFFSETS))

        manifest = adopt(Adopting(tmp_path, "devices", "devices", devices, partial=True))

        assert [(one.name, one.partial) for one in manifest.streams] == [("users", False), ("devices", True)]
        with pytest.raises(ConfigError, match="has stream 'users' already"):
            adopt(Adopting(tmp_path, "users", "users", OFFSETS))
        with pytest.raises(SnapshotError, match="belongs to two streams"):
            adopt(Adopting(tmp_path, "more", "users", OFFSETS))

    def test_what_cannot_be_adopted_is_named(self, tmp_path):
        (tmp_path / "a").write_bytes(line(1))
        (tmp_path / "b").write_bytes(gzip.compress(line(1)))
        (tmp_path / "bomb").write_bytes(gzip.compress(bytes(8 << 20)))

        with pytest.raises(ConfigError, match=r"no file in .* is named like c"):
            adopt(Adopting(tmp_path, "users", "c*", OFFSETS))
        with pytest.raises(ConfigError, match=r"several ways.*a \(none\), b \(gzip\)"):
            adopt(Adopting(tmp_path, "users", "[ab]", OFFSETS))
        with pytest.raises(SnapshotError, match="SNAP_LIMIT"):
            adopt(Adopting(tmp_path, "users", "bomb", OFFSETS))


class TestFitting:
    def test_manifest_and_mapping_must_name_the_same_streams_and_topics(self, tmp_path):
        streams = {"users": mapping_for(tmp_path, "legacy.users")}
        (tmp_path / "a").write_bytes(line(1))
        manifest = adopt(Adopting(tmp_path, "users", "a", OFFSETS))
        partial = manifest.model_copy(update={"streams": (manifest.streams[0].model_copy(update={"partial": True}),)})

        assert chosen(manifest, streams, [], file="m") == list(manifest.streams)
        assert chosen(manifest, streams, ["users"], file="m") == list(manifest.streams)
        with pytest.raises(SnapshotError, match="no stream 'user'"):
            chosen(manifest, streams, ["user"], file="m")
        with pytest.raises(ConfigError, match="'users' is not in the mapping"):
            chosen(manifest, {"devices": streams["users"]}, [], file="m")
        with pytest.raises(ConfigError, match="the mapping reads other"):
            chosen(manifest, {"users": mapping_for(tmp_path, "other")}, [], file="m")
        with pytest.raises(ConfigError, match="changes: partial"):
            chosen(partial, streams, [], file="m")


@pytest.fixture
def programs(database_url, database, queue_url, servers, tmp_path):
    """The loader's module and the commands, with everything in their environment."""
    folder = tmp_path / "snapshot"
    folder.mkdir()
    case = SnapshotCase(database_url, database, folder, tmp_path / "migration.yaml")
    env = {
        **os.environ,
        "DATABASE_URL": database_url,
        "SQS_QUEUE_URL": queue_url,
        "AWS_REGION": own.REGION,
        "AWS_ENDPOINT_URL_SQS": servers.sqs_endpoint,
        "KAFKA_BOOTSTRAP_SERVERS": servers.kafka_bootstrap,
        "MIGRATION_CONFIG": str(case.mapping),
        "SNAPSHOT_DIR": str(folder),
        "HTTP_PORT": "0",
        "HTTP_HOST": "127.0.0.1",
    }

    def start(module, *arguments, **variables):
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=env | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return case, start


def ended(process):
    out, err = process.communicate(timeout=90)
    return process.returncode, out, err


def loaded(case):
    ((lines,),) = case.rows("SELECT COALESCE(SUM(lines_loaded), 0) FROM snapshot_part")
    return lines


class TestPrograms:
    def test_the_loader_loads_rings_and_says_so(self, programs, queue):
        case, start = programs
        case.register()
        lines = [line(number) for number in range(1000)]
        case.write(lines)

        code, out, _ = ended(start("snapshot_loader"))

        assert code == 0
        case.expect_complete(lines)
        events = {json.loads(one)["event"] for one in out.splitlines()}
        assert {"snapshot_registered", "snapshot_progress", "snapshot_part_opened", "stream_opened"} <= events
        assert {delivery.bell.stream for delivery in queue.receive()} == {"users"}
        assert not any("u99" in one for one in out.splitlines())

    @pytest.mark.parametrize("step", ["loader.manifest_verified", "loader.chunk_committed", "loader.stream_opened"])
    def test_the_loader_goes_on_after_a_kill(self, programs, step):
        case, start = programs
        case.register()
        lines = [line(number) for number in range(1000)]
        case.write(lines)

        assert ended(start("snapshot_loader", MIGRATION_FAILPOINTS=f"{step}:1:kill"))[0] == -signal.SIGKILL
        assert ended(start("snapshot_loader"))[0] == 0

        case.expect_complete(lines)

    def test_the_loader_stops_at_a_checkpoint_when_it_is_asked_to_or_its_time_is_over(self, programs):
        case, start = programs
        case.register()
        lines = [line(number) for number in range(20_000)]
        case.write(lines)

        limited = ended(start("snapshot_loader", "--chunk-rows", "20", "--time-limit", "0.2s"))
        before = loaded(case)
        asked = start("snapshot_loader", "--chunk-rows", "20")
        until(lambda: loaded(case) != before, "a checkpoint is committed")
        asked.send_signal(signal.SIGTERM)
        code, out, _ = ended(asked)

        assert limited[0] == 75
        assert code == 75
        assert "run the same command again" in out
        assert before < loaded(case) < 20_000
        assert ended(start("snapshot_loader"))[0] == 0
        case.expect_complete(lines)

    def test_a_damaged_folder_is_told_with_its_place_and_exit_1(self, programs):
        case, start = programs
        case.register()
        case.write([line(1)], [line(2)])
        (case.folder / "users-2").write_bytes(line(3) + b"\n")

        code, out, err = ended(start("snapshot_loader"))

        assert (code, err) == (1, "")
        assert "users-2: line 2, byte" in out

    def test_wrong_usage_is_exit_2(self, programs):
        case, start = programs
        case.register()
        case.write([line(1)])

        assert ended(start("snapshot_loader", "--time-limit", "soon"))[0] == 2
        assert ended(start("snapshot_loader", SNAPSHOT_DIR="/nowhere"))[0] == 2

    def test_commands_take_show_load_and_adopt_what_a_topic_holds(self, programs, topic, kafka_config):
        case, start = programs
        users = topic("users", partitions=2)
        case.register(users)
        produce(kafka_config, users, *((None, line(number)) for number in range(100)))
        taken = case.folder.with_name("taken")

        code, out, err = ended(start("migration_cli", "snapshot", "take", str(taken), "--container", "ndjson"))
        assert (code, out) == (0, "users: 100 rows in 1 parts\n"), err
        shown = ended(start("migration_cli", "snapshot", "show", str(taken), "--json"))
        assert json.loads(shown[1])["streams"][0]["parts"][0]["rows"] == 100
        assert users in ended(start("migration_cli", "snapshot", "show", str(taken)))[1]

        (taken / FILE_NAME).unlink()
        arguments = ("--stream", "users", "--files", "*.zst", "--offsets", f"{users}:0=100,{users}:1=0-0", "--exact")
        code, out, err = ended(start("migration_cli", "snapshot", "adopt", str(taken), *arguments))
        assert code == 0, err
        assert "users: 100 rows in 1 parts, ndjson, zstd" in out

        code, out, err = ended(start("migration_cli", "snapshot", "load", str(taken), "--register-only"))
        assert code == 0, out + err
        assert case.stored() == []
        assert ended(start("migration_cli", "snapshot", "load", str(taken)))[0] == 0
        assert case.stored() == list(expected([[line(number) for number in range(100)]]))
        status = json.loads(ended(start("migration_cli", "snapshot", "show", "--json"))[1])
        assert [(one["stream"], one["state"], one["rows"], one["rows_loaded"]) for one in status] == [
            ("users", "complete", 100, 100)
        ]
