"""The loader on a real MySQL: every line once, in its place, open only when it is proved, whatever happens."""

from datetime import UTC, datetime
from functools import partial
from itertools import count
from threading import Event

import pytest

from db.failure import PassingSqlError
from db.registry import registered
from db.snapshot_registry import register_snapshot
from db.snapshot_store import RawChunk, SnapshotStore
from migration_core.checkpoint import Checkpoint
from migration_core.containers.kcat import render
from migration_core.errors import ConfigError, Fenced, Halted, SnapshotError, Transient
from migration_core.headers import decode_headers
from migration_core.manifest import TopicOffsets
from migration_core.records import Flag, Received
from migration_core.sequence import last_of, pack, snapshot_number
from migration_core.steps import Step
from snapshot_loader import preparing
from snapshot_loader.malformed import TOLERATED
from snapshot_loader.reading import Bounds
from snapshot_loader.stopping import StoppedEarly
from tests.integration.snapshots import LANES, SnapshotCase, end_of, killing, line
from tests.unit.snapshot_parts import COMPRESSIONS

pytestmark = pytest.mark.servers

LOADER_STEPS = [step for step in Step if step.startswith("loader.") and step is not Step.LOADER_MANIFEST_VERIFIED]
PARTS = ([line(number) for number in range(50)], [line(number) for number in range(50, 75)], [line(75)])


@pytest.fixture
def case(database_url, database, tmp_path):
    folder = tmp_path / "snapshot"
    folder.mkdir()
    found = SnapshotCase(database_url, database, folder, tmp_path / "migration.yaml")
    found.register()
    return found


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_line_is_stored_once_in_its_lane_and_place(case, compression):
    case.write(*PARTS, compression=compression)

    case.load()

    case.expect_complete(*PARTS)


def test_every_lane_is_rung_when_a_part_opens_and_when_the_stream_opens(case):
    case.write(*PARTS)

    case.load()

    rung = [(bell.lane, bell.head) for bell in case.bells]
    places = [end_of(1), end_of(2), end_of(3), last_of(2)]
    assert rung == [(lane, place) for place in places for lane in range(LANES)]


def test_odd_lines_are_kept_byte_for_byte(case):
    lines = [
        line(1) + b"\r",
        b"",
        b"\t\\N\\",
        b"\\",
        b"\xff\x00\x1a",
        b'{"id": null}',
        b'{"id": "u\\u0001"}',
        line(2, text="é\U0001f600 \\ \t ' \" %s %%"),
        line(3, text="y" * 3_000_000),
    ]
    case.write(lines)

    case.load()

    stored = case.stored()
    assert [row[5] for row in stored] == lines
    assert [row[3] is None for row in stored] == [False, True, True, True, True, True, False, False, False]
    assert {row[0] for row in stored if row[3] is None} == {0}


def test_kcat_lines_become_the_records_that_they_describe(case):
    records = [
        Received(1, b'{"id": "u1"}', line(1), None, 1_700_000_000_000, 1),
        Received(2, b"\xff\x00", None, None, None, 0),
        Received(3, b"", b"", None, 5, 2),
    ]
    lines = [render("legacy.users", 0, record, [("h", b"\x80"), ("h", None)])[:-1] for record in records]
    malformed = [b'{"payload": 5, "half', b"", lines[0] + b"x"]
    case.write([*lines, *malformed], container="kcat")

    case.load()

    stored = case.stored()
    assert [tuple(row[4:6]) + tuple(row[7:]) for row in stored[:3]] == [
        (record.record_key, record.value, record.time, record.time_type, 0) for record in records
    ]
    assert decode_headers(stored[0][6]) == [("h", b"\x80"), ("h", None)]
    assert [(row[0], row[3], row[4], row[5], row[9]) for row in stored[3:]] == [
        (0, None, None, whole, Flag.MALFORMED_LINE) for whole in malformed
    ]


def test_a_part_of_another_container_stops_the_load_and_shows_nothing(case):
    good = render("legacy.users", 0, Received(1, b'{"id": "u1"}', line(1), None, 5, 1))[:-1]
    case.write([good] * 7 + [line(number) for number in range(TOLERATED + 1)], container="kcat")

    with pytest.raises(SnapshotError, match=r"line 8: SNAP_PARSE: .* 101 of 108 lines are no kcat lines"):
        case.load()

    assert case.open_to() == {0}


def test_a_long_line_is_stored_whole(case):
    lines = [line(1), line(2, text="z" * (40 << 20)), line(3)]
    case.write(lines)

    case.load()

    assert case.rows("SELECT SHA2(value, 256), LENGTH(value) FROM raw_users ORDER BY sequence")[1][1] == len(lines[1])


class TestRegistering:
    def test_offsets_stand_before_the_first_row_and_from_where_the_stream_goes_on(self, case):
        case.write(*PARTS)

        case.load_of().register()

        assert case.rows(
            "SELECT topic, topic_id, kafka_partition, start_offset, end_offset, next_offset, leader_epoch "
            "FROM source_offset"
        ) == [("legacy.users", "id-of-topic", 0, 5, 9, 5, 2)]
        assert case.rows("SELECT generation, next_number FROM stream_counter") == [(2, 0)]
        assert case.stored() == []
        assert case.open_to() == {0}

    def test_an_offset_that_moved_on_is_never_changed(self, case):
        case.write(*PARTS)
        case.load_of().register()
        with case.database.transaction() as session:
            session.execute("UPDATE source_offset SET next_offset = 77, epoch = 4")

        case.load()

        assert case.rows("SELECT start_offset, next_offset, epoch FROM source_offset") == [(5, 77, 4)]

    def test_the_same_snapshot_again_changes_nothing(self, case):
        manifest = case.write(*PARTS)
        case.load()
        later = manifest.model_copy(update={"created_at": datetime(2027, 1, 1, tzinfo=UTC)})
        (case.folder / "manifest.json").write_text(later.model_dump_json(), encoding="utf-8")

        case.load()

        case.expect_complete(*PARTS)

    def test_another_snapshot_of_the_stream_is_refused(self, case):
        case.write(*PARTS)
        case.load_of().register()
        case.write(PARTS[0])

        with pytest.raises(ConfigError, match="registered with another manifest"):
            case.load()

        assert len(case.rows("SELECT * FROM snapshot_part")) == 3

    def test_a_stream_that_has_rows_of_its_topics_takes_no_first_snapshot(self, case):
        with case.database.transaction() as session:
            session.execute("UPDATE stream_counter SET next_number = 1")
        case.write(*PARTS)

        with pytest.raises(ConfigError, match="a snapshot comes before them"):
            case.load()

        assert case.rows("SELECT * FROM source") == []

    def test_a_topic_of_another_stream_is_refused(self, case):
        with case.database.transaction() as session:
            session.execute(
                "INSERT INTO stream (name, lanes, key_version, partial, mapping_hash) VALUES ('x', 1, 1, 0, '')"
            )
            other = session.inserted_id()
            session.execute("INSERT INTO source (stream_id, kind) VALUES (%s, 'partition')", (other,))
            session.execute(
                "INSERT INTO source_offset (source_id, stream_id, topic, topic_id, kafka_partition, start_offset, "
                "end_offset, next_offset) VALUES (%s, %s, 'legacy.users', 'id-of-topic', 0, 0, 0, 0)",
                (session.inserted_id(), other),
            )
        case.write(*PARTS)

        with pytest.raises(ConfigError, match="a topic feeds exactly one stream"):
            case.load()

        assert case.rows("SELECT * FROM snapshot") == []

    def test_many_parts_and_partitions_are_registered_in_their_order(self, case):
        lines = [[line(number)] for number in range(2500)]
        topics = tuple(
            TopicOffsets(topic="legacy.users", topic_id="i", partition=p, start_offset=p, end_offset=p)
            for p in range(40)
        )
        manifest = case.write(*lines, topics=topics)

        stored = case.load_of().register()

        assert [(part.part, part.file) for part in stored.parts] == [
            (number, part.file) for number, part in enumerate(manifest.streams[0].parts, start=1)
        ]
        assert case.rows("SELECT kafka_partition, next_offset FROM source_offset ORDER BY 1") == [
            (p, p) for p in range(40)
        ]


class TestDamage:
    @pytest.mark.parametrize("compression", COMPRESSIONS)
    def test_nothing_of_a_damaged_part_becomes_visible(self, case, compression):
        case.write(*PARTS, compression=compression)
        file = case.folder / "users-2"
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))

        with pytest.raises(SnapshotError, match=r"users-2: line \d+, byte \d+"):
            case.load()

        assert case.open_to() == {end_of(1)}
        file.write_bytes(whole)
        case.load()
        case.expect_complete(*PARTS)

    def test_rows_of_a_wrong_file_do_not_stay_when_the_right_one_comes(self, case):
        case.write(*PARTS)
        file = case.folder / "users-1"
        whole = file.read_bytes()
        file.write_bytes(whole.replace(b'"u3"', b'"u4"').replace(b'"u7"', b'"u9"'))
        with pytest.raises(SnapshotError, match="SHA-256"):
            case.load()
        assert case.rows("SELECT COUNT(*) FROM raw_users") == [(50,)]

        file.write_bytes(whole)
        case.load()

        case.expect_complete(*PARTS)

    @pytest.mark.parametrize("passing", range(1, 5))
    def test_a_loader_that_dies_while_it_takes_rows_back_takes_back_the_rest(self, case, monkeypatch, passing):
        monkeypatch.setattr("db.snapshot_store._DISCARDED_AT_ONCE", 13)
        case.write(*PARTS)
        file = case.folder / "users-1"
        whole = file.read_bytes()
        file.write_bytes(whole.replace(b'"u3"', b'"u4"'))
        with pytest.raises(SnapshotError):
            case.load()
        file.write_bytes(whole)
        load = case.load_of()
        turns = count(1)
        discard = load._discard_some
        load._discard_some = lambda store, part: discard(store, part) if next(turns) < passing else died()

        def died():
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            load.load(load.register())

        case.load()

        case.expect_complete(*PARTS)

    def test_a_head_of_the_stream_survives_when_rows_are_taken_back(self, case):
        case.write(*PARTS)
        file = case.folder / "users-1"
        whole = file.read_bytes()
        file.write_bytes(whole.replace(b'"u3"', b'"u4"'))
        with pytest.raises(SnapshotError):
            case.load()
        ingested = pack(2, 0)
        with case.database.transaction() as session:
            session.execute(
                "INSERT INTO raw_users (lane, sequence, source_id, source_offset, key_hash, time_type, flags) "
                "VALUES (3, %s, 1, 5, 0, 0, 0)",
                (ingested,),
            )
            session.execute("UPDATE lane_head SET head = %s, `rows` = `rows` + 1 WHERE lane = 3", (ingested,))
        file.write_bytes(whole)

        case.load()

        assert case.rows("SELECT head FROM lane_head WHERE lane = 3") == [(ingested,)]
        assert case.rows("SELECT SUM(`rows`) FROM lane_head") == [(77,)]

    def test_a_file_that_is_short_before_the_load_begins_is_found_before_anything_is_registered(self, case):
        case.write(*PARTS)
        (case.folder / "users-3").write_bytes(b"")

        with pytest.raises(SnapshotError, match=r"users-3: line 1, byte 0: it has 0 bytes on disk"):
            case.load()

        assert case.open_to() == {end_of(2)}


class TestDying:
    @pytest.mark.parametrize("step", LOADER_STEPS)
    def test_a_kill_at_any_pass_of_any_step_changes_nothing(self, case, step):
        case.write(*PARTS)

        kills = 0
        for passing in count(1):
            if not case.load_killed_at(step, passing):
                break
            kills += 1

        assert kills
        case.expect_complete(*PARTS)

    @pytest.mark.parametrize("step", [Step.LOADER_CHUNK_WRITTEN, Step.LOADER_CHUNK_COMMITTED])
    @pytest.mark.parametrize("passing", [1, 2, 3])
    def test_a_lost_answer_is_looked_up_before_anything_is_done_again(self, case, step, passing):
        case.write(*PARTS)

        def lost():
            raise PassingSqlError(2013, "lost connection")

        case.load(killing(step, passing, lost))

        case.expect_complete(*PARTS)

    def test_an_error_that_never_passes_halts_and_blames_no_line(self, case):
        case.write(*PARTS)
        with case.database.transaction() as session:
            session.execute("DROP TABLE raw_users")

        with pytest.raises(Halted, match="storing rows: MySQL error 1146"):
            case.load()

    def test_a_row_that_is_there_already_halts(self, case):
        case.write(*PARTS)
        with case.database.transaction() as session:
            session.execute(
                "INSERT INTO raw_users (lane, sequence, source_id, source_offset, key_hash, time_type, flags) "
                "SELECT lane, %s, 1, 1, 0, 0, 0 FROM lane_head",
                (pack(1, snapshot_number(1, 1)),),
            )

        with pytest.raises(Halted):
            case.load()

        assert case.rows("SELECT SUM(`rows`) FROM lane_head") == [(0,)]


class TestStopping:
    @pytest.mark.parametrize("chunks", [1, 2, 3, 4])
    def test_a_load_that_is_asked_to_stop_goes_on_from_its_checkpoint(self, case, chunks):
        case.write(*PARTS)
        stop = Event()

        with pytest.raises(StoppedEarly, match="run the same command again") as stopped:
            case.load(killing(Step.LOADER_CHUNK_COMMITTED, chunks, stop.set), stop)

        assert isinstance(stopped.value, Transient)
        assert case.rows("SELECT SUM(lines_loaded) FROM snapshot_part")[0][0] < 76
        case.load()
        case.expect_complete(*PARTS)

    def test_a_second_loader_takes_over_and_the_first_writes_nothing_more(self, case):
        case.write(*PARTS)
        second = case.load_of()

        with pytest.raises(Fenced, match="another loader has taken over"):
            case.load(killing(Step.LOADER_CHUNK_COMMITTED, 2, second.register))

        assert case.rows("SELECT SUM(lines_loaded) FROM snapshot_part") == [(40,)]
        case.load()
        case.expect_complete(*PARTS)

    def test_every_act_of_a_loader_is_fenced(self, case):
        case.write(*PARTS)
        stream = registered(case.database, "users")
        snapshot = case.write(*PARTS).streams[0]
        takes_over = partial(register_snapshot, case.database, stream, snapshot, "elsewhere")
        for step, passing in (
            (Step.LOADER_REGISTERED, 1),
            (Step.LOADER_CHUNK_COMMITTED, 1),
            (Step.LOADER_PART_VERIFIED, 1),
            (Step.LOADER_DUPLICATES_FOUND, 1),
            (Step.LOADER_PART_OPENED, 1),
            (Step.LOADER_PART_OPENED, 2),
        ):
            with pytest.raises(Fenced):
                case.load(killing(step, passing, takes_over))

        assert case.open_to() == {end_of(3)}
        case.load()
        case.expect_complete(*PARTS)

    def test_a_chunk_is_stored_from_exactly_where_its_part_stood(self, case):
        case.write(*PARTS)
        snapshot = case.load_of().register()
        store = SnapshotStore(case.database, registered(case.database, "users"), snapshot)
        chunk = RawChunk([], {}, Checkpoint(20, 500, "0" * 64))
        moved = store.write_chunk(snapshot.parts[0], chunk)

        with pytest.raises(Fenced, match="no longer at line 0"):
            store.write_chunk(snapshot.parts[0], chunk)

        assert store.read_again(snapshot.parts[0]) == moved


class TestRepeatedKeys:
    def repeats(self, case):
        """{(part, line): (part, line) of the row that stands}."""
        found = {}
        for sequence, first in case.rows("SELECT sequence, first_sequence FROM snapshot_duplicate"):
            places = [divmod(place - pack(1, 0), 1 << 34) for place in (sequence, first)]
            found[places[0]] = places[1]
        return found

    def test_a_key_that_stood_earlier_is_named_with_the_row_that_stands(self, case):
        case.write(
            [line(1), line(2), line(3, key=1)],
            [line(4), line(5, key=2)],
            [line(6, key=1), line(7, key=4), line(8)],
        )

        case.load()

        assert self.repeats(case) == {(1, 3): (1, 1), (2, 2): (1, 2), (3, 1): (1, 1), (3, 2): (2, 1)}

    def test_they_are_named_before_their_part_opens(self, case):
        case.write([line(1), line(2, key=1)], [line(3, key=1)])
        seen = []
        case.load(
            killing(Step.LOADER_PART_OPENED, 1, lambda: seen.append(self.repeats(case))),
        )

        assert seen == [{(1, 2): (1, 1)}]

    @pytest.mark.parametrize("step", LOADER_STEPS)
    def test_a_kill_forgets_none(self, case, step):
        parts = (
            [line(number, key=number % 17) for number in range(30)],
            [line(number, key=number % 23) for number in range(30)],
        )
        case.write(*parts)

        for passing in count(1):
            if not case.load_killed_at(step, passing):
                break

        firsts: dict[bytes, tuple[int, int]] = {}
        expected = {}
        for part, lines in enumerate(parts, start=1):
            for number, key in enumerate([(n % (17, 23)[part - 1]) for n in range(len(lines))], start=1):
                first = firsts.setdefault(key, (part, number))
                if first != (part, number):
                    expected[part, number] = first
        assert self.repeats(case) == expected

    def test_equal_hashes_of_unequal_keys_are_no_repetition(self, case, monkeypatch):
        monkeypatch.setattr(preparing, "key_hash", lambda _key: 5)
        case.write([line(1), line(2), line(3, key=1)], [line(4), line(5, key=2)])

        case.load()

        assert self.repeats(case) == {(1, 3): (1, 1), (2, 2): (1, 2)}

    def test_rows_without_a_key_repeat_nothing(self, case):
        case.write([b"{}", b"{}", b"[]"], [b"{}"])

        case.load()

        assert self.repeats(case) == {}

    def test_keys_may_repeat_in_a_log_of_partial_changes(self, database_url, database, tmp_path):
        case = SnapshotCase(database_url, database, tmp_path, tmp_path / "migration.yaml", partial=True)
        case.register()
        case.write([line(1), line(2, key=1)], [line(3, key=1)])

        case.load()

        assert self.repeats(case) == {}
        assert case.open_to() == {last_of(2)}

    def test_small_parts_open_together_when_a_look_would_cost_more_than_it_is_worth(self, case):
        parts = [[line(number) for number in range(400)], *([line(number)] for number in range(400, 440))]
        case.write(*parts)
        order: list[str] = []

        case.load(lambda step: order.append(step.value), bounds=Bounds(rows=1000))

        opened = [place for place, step in enumerate(order) if step == Step.LOADER_PART_OPENED]
        assert len(opened) == 41
        assert order.count(Step.LOADER_PART_VERIFIED) == 41
        looks = sum(order[place - 1] == Step.LOADER_PART_VERIFIED for place in range(1, len(order))
                    if order[place] == Step.LOADER_DUPLICATES_FOUND)  # fmt: skip
        assert looks < 10
        case.expect_complete(*parts)
