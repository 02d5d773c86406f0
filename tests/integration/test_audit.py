"""The audit on a real server: silent where the ledger is true, and exact about what is not."""

import threading
from datetime import timedelta
from threading import Event

import pymysql
import pytest

from db import audit, audit_rows
from db.errno import LOOK_TIMEOUT
from db.parked_retry import retry_parked
from db.remainders import open_remainders
from migration_core.audit import Kind, Place
from migration_core.steps import Step
from migration_verifier.audit import Auditor, prove
from tests.integration.applying import Applying, doc, person
from tests.integration.emptying import emptied

pytestmark = pytest.mark.servers

PLANT = (
    "INSERT INTO row_outcome SELECT stream_id, %s, %s, %s, source_id, 0 FROM source_offset WHERE topic LIKE '%%people'"
)
AUDIT_STEPS = [step for step in Step if step.startswith("audit.")]


@pytest.fixture
def world(shared, monkeypatch) -> Applying:
    for limit in ("db.audit.SECONDS", "db.audit_places._SECONDS"):
        monkeypatch.setattr(limit, 60)  # a look is not given up because the machine stood still
    return emptied(shared)


@pytest.fixture
def people(world) -> Applying:
    """Ninety people, some of them wrong, all applied and none audited."""
    records = [person(f"u{n}", f"v{n}", [str(n)]) for n in range(90)]
    records[20] = ("u20", b"{broken")
    records[40] = person("u40", hidden=True)
    world.put("people", records)
    world.drain()
    return world


def audited(world: Applying, *, rows: int = 20_000) -> Auditor:
    auditor = Auditor(world.database)
    auditor._rows = rows
    prove(auditor, Event(), lambda _behind: None)
    return auditor


def found(world: Applying) -> dict[Kind, list]:
    by_kind: dict[Kind, list] = {}
    for one in open_remainders(world.database):
        by_kind.setdefault(one.kind, []).append(one)
    return by_kind


def row_at(world: Applying, offset: int) -> tuple[int, int]:
    ((lane, sequence),) = world.rows("SELECT lane, sequence FROM raw_people WHERE source_offset = %s", offset)
    return lane, sequence


def run(world: Applying, sql: str, *arguments: object) -> None:
    with world.database.transaction() as session:
        assert session.execute(sql, arguments) > 0


def place(world: Applying, first: int | None, last: int | None) -> Place:
    return Place(f"{world.name}.people", 0, first, last)


class TestTruth:
    def test_a_true_ledger_is_silent_and_every_lane_is_audited_up_to_its_watermark(self, people):
        audited(people)

        assert found(people) == {}
        assert people.rows("SELECT COUNT(*) FROM lane_progress WHERE audited <> applied") == [(0,)]

    def test_many_small_looks_come_to_the_same_as_one(self, people):
        auditor = Auditor(people.database)
        auditor._rows = 2
        looks = 0
        audit.begin(people.database)
        while behind := [one for one in audit.audited_lanes(people.database) if one.reached < one.applied]:
            for lane in behind:
                auditor._rows = 2
                auditor.look(lane)
                looks += 1

        assert looks > 40
        assert found(people) == {}
        assert people.rows("SELECT SUM(`rows`) FROM lane_source_audit") == [(90,)]

    def test_rows_that_wait_beyond_the_watermark_are_pending_and_nothing_else(self, people):
        people.put("people", [person(f"w{n}") for n in range(10)])

        audited(people)

        assert found(people) == {}

    def test_parks_that_begin_and_end_over_audited_rows_keep_the_proof_exact(self, world):
        merge = [(f"t{n}", doc(id=f"t{n}", op="change", body={"stage": n})) for n in range(8)]
        world.put("trips", [*merge, *((key, doc(id=key, op="change", body={"delay": 1})) for key, _ in merge)])
        world.put("logins", [("a", doc(id="a", login="x")), ("b", doc(id="b", login="x"))])
        world.drain()
        auditor = audited(world)
        parked = world.rows("SELECT SUM(n_parked), SUM(parked) FROM lane_progress")
        world.put("trips", [(key, None) for key, _ in merge[:5]])
        world.put("logins", [("a", doc(id="a", login="y"))])
        world.drain()
        for lane in range(4):
            retry_parked(world.parts("logins"), lane)

        auditor.round(Event())

        assert parked[0][0] > 8
        assert world.rows("SELECT SUM(n_parked) FROM lane_progress")[0][0] < parked[0][0]
        assert found(world) == {}


class TestPlanted:
    def test_a_lost_row_is_named_by_its_sequence_and_the_offsets_around_it(self, people):
        lane, sequence = row_at(people, 33)
        run(people, "DELETE FROM raw_people WHERE lane = %s AND sequence = %s", lane, sequence)

        audited(people)

        remainders = found(people)
        assert set(remainders) == {Kind.RECEIVED, Kind.DONE, Kind.ROW_MISSING}
        (missing,) = remainders[Kind.ROW_MISSING]
        assert (missing.stream, missing.lane, missing.rows) == ("people", lane, -1)
        assert (missing.from_sequence, missing.to_sequence) == (sequence - 1, sequence)
        assert missing.places == (place(people, 32, 34),)
        assert [one.rows for one in remainders[Kind.RECEIVED] + remainders[Kind.DONE]] == [-1, -1]

    def test_the_first_and_the_last_row_of_a_stream_are_missed_too(self, people):
        for offset in (0, 89):
            run(people, "DELETE FROM raw_people WHERE source_offset = %s", offset)

        audited(people)

        places = {one.places for one in found(people)[Kind.ROW_MISSING]}
        assert places == {(place(people, 1, 1),), (place(people, 88, 88),)}

    def test_a_lost_row_of_a_rejected_record_leaves_an_outcome_without_its_row(self, people):
        lane, sequence = row_at(people, 20)
        run(people, "DELETE FROM raw_people WHERE lane = %s AND sequence = %s", lane, sequence)

        audited(people)

        (orphan,) = found(people)[Kind.OUTCOME_WITHOUT_ROW]
        assert (orphan.lane, orphan.to_sequence) == (lane, sequence)
        assert orphan.places == (place(people, 20, 20),)

    @pytest.mark.parametrize("outcome", [4, 5, 1])
    def test_an_outcome_too_many_is_named(self, people, outcome):
        lane, sequence = row_at(people, 50)
        run(people, PLANT, lane, sequence, outcome)

        audited(people)

        remainders = found(people)
        counted = Kind.PARKED if outcome == 4 else Kind.REJECTED
        assert set(remainders) == {counted, Kind.OUTCOME_UNEXPLAINED}
        assert remainders[counted][0].rows == 1
        (extra,) = remainders[Kind.OUTCOME_UNEXPLAINED]
        assert (extra.lane, extra.to_sequence) == (lane, sequence)
        assert extra.places == (place(people, 50, 50),)

    def test_an_outcome_beyond_the_watermark_is_named(self, people):
        lane, sequence = row_at(people, 50)
        run(people, PLANT, lane, sequence + 10_000, 5)

        audited(people)

        assert found(people)[Kind.OUTCOME_WITHOUT_ROW][0].to_sequence == sequence + 10_000

    @pytest.mark.parametrize(
        ("counter", "kinds"),
        [
            ("n_applied", {Kind.DONE}),
            ("n_rejected", {Kind.DONE, Kind.REJECTED}),
            ("n_parked", {Kind.DONE, Kind.PARKED}),
            ("parked", {Kind.PARKED_KEYS}),
        ],
    )
    def test_a_counter_that_lies_is_named_with_the_stretch_in_which_it_began(self, people, counter, kinds):
        auditor = audited(people)
        lane, before = row_at(people, 89)
        people.put("people", [person("u89", "later")])
        people.drain()
        change = f"UPDATE lane_progress p JOIN stream s USING (stream_id) SET {counter} = {counter} + 1 "
        run(people, change + "WHERE s.name = 'people' AND p.lane = %s", lane)

        auditor.round(Event())

        remainders = found(people)
        assert set(remainders) == kinds
        for one in (ones[0] for ones in remainders.values()):
            assert (one.lane, one.rows, one.from_sequence) == (lane, -1, before)
            assert one.places == (place(people, 90, 90),)

    def test_a_head_that_counts_too_many_rows_is_named(self, people):
        run(people, "UPDATE lane_head SET `rows` = `rows` + 2 WHERE lane = 1 AND stream_id = "
            "(SELECT stream_id FROM stream WHERE name = 'people')")  # fmt: skip

        audited(people)

        (one,) = found(people)[Kind.RECEIVED]
        assert (one.lane, one.rows) == (1, -2)

    @pytest.mark.parametrize("rows", [2, 20_000])
    def test_swapped_offsets_are_named_where_they_fall(self, people, rows):
        in_lane = people.rows("SELECT source_offset, sequence FROM raw_people WHERE lane = 2 ORDER BY sequence")
        (low, first), (high, last) = in_lane[3], in_lane[7]
        swap = "UPDATE raw_people SET source_offset = %s WHERE lane = 2 AND sequence = %s"
        run(people, swap, high, first)
        run(people, swap, low, last)

        auditor = Auditor(people.database)
        audit.begin(people.database)
        for _ in range(len(in_lane) // rows + 1):
            (lane,) = [one for one in audit.audited_lanes(people.database) if (one.stream, one.lane) == ("people", 2)]
            auditor._rows = rows
            auditor.look(lane)

        falls = found(people)[Kind.OFFSET_ORDER]
        assert {fall.lane for fall in falls} == {2}
        assert [fall.to_sequence for fall in falls] == [in_lane[4][1], last]
        assert falls[0].places == (place(people, in_lane[4][0], high),)
        assert falls[1].places == (place(people, low, in_lane[6][0]),)

    def test_a_partition_that_a_person_let_go_on_from_0_falls_without_a_remainder(self, people):
        run(people, "UPDATE source_offset SET next_offset = 0 WHERE topic LIKE '%%people'")
        run(
            people,
            "INSERT INTO run (kind, step, version, mapping_hash, finished_at, detail) VALUES "
            "('accept_gap', 'done', '1', '', NOW(6), JSON_OBJECT('topic', %s, 'partition', 0, 'from', 90, 'to', 0))",
            f"{people.name}.people",
        )
        people.put("people", [person(f"u{n}", "again") for n in range(10)])
        people.drain()

        audited(people)

        assert found(people) == {}

    def test_what_is_lost_behind_the_audit_is_found_by_the_next_lap(self, people):
        auditor = audited(people)
        run(people, "DELETE FROM raw_people WHERE source_offset = 5")

        prove(auditor, Event(), lambda _behind: None)

        assert set(found(people)) == {Kind.RECEIVED, Kind.DONE, Kind.ROW_MISSING}

    def test_the_service_walks_old_rows_again_one_lane_at_a_time(self, people):
        audited(people)
        run(people, "DELETE FROM raw_people WHERE source_offset = 5")
        run(people, "UPDATE lane_audit SET lap_began_at = NOW(6) - INTERVAL 2 HOUR")
        auditor = Auditor(people.database, lap=timedelta(hours=1))

        laps = "SELECT COUNT(*) FROM lane_audit WHERE lap_began_at > NOW(6) - INTERVAL 1 HOUR"
        begun = [(auditor.round(Event()), people.rows(laps)[0][0])[1] for _ in range(13)]

        assert begun == [*range(1, 13), 12]
        assert set(found(people)) == {Kind.RECEIVED, Kind.DONE, Kind.ROW_MISSING}

    def test_a_remainder_is_told_without_its_places_when_these_take_too_long_to_find(self, people, monkeypatch):
        def too_long(*_: object) -> None:
            raise pymysql.OperationalError(LOOK_TIMEOUT, "Query execution was interrupted")

        monkeypatch.setattr("db.audit_rows.ranges", too_long)
        run(people, "DELETE FROM raw_people WHERE source_offset = 5")

        audited(people)

        remainders = found(people)
        assert set(remainders) == {Kind.RECEIVED, Kind.DONE, Kind.ROW_MISSING}
        assert remainders[Kind.DONE][0].places == ()

    def test_a_remainder_that_a_person_has_mended_is_gone_and_stays_on_record(self, people):
        lane, _ = row_at(people, 10)
        change = "UPDATE lane_progress SET n_applied = n_applied {} WHERE lane = %s AND n_applied > 3"
        run(people, change.format("+ 3"), lane)
        auditor = audited(people)
        assert set(found(people)) == {Kind.DONE}

        run(people, change.format("- 3"), lane)
        auditor.round(Event())

        assert found(people) == {}
        assert people.rows("SELECT kind, `rows` FROM ledger_remainder WHERE gone_at IS NOT NULL") == [("done", -3)]


class TestBesideOthers:
    def test_the_audit_never_errs_while_rows_arrive_are_applied_parked_and_released(self, world):
        stop = Event()

        def watch() -> None:
            auditor = Auditor(world.database, rest=0.5)
            while not stop.is_set():
                auditor._rows = 7
                auditor.round(stop)

        watcher = threading.Thread(target=watch)
        watcher.start()
        for turn in range(4):
            keys = [f"k{(turn * 7 + n) % 20}" for n in range(20)]
            changes = [(key, doc(id=key, op="change", body={"stage": n})) for n, key in enumerate(keys[:5])]
            world.put("trips", [*changes, *((key, None) for key in keys[3:12])])
            world.put("people", [person(key, f"v{turn}") for key in keys] + [("bad", b"{")])
            world.put("logins", [(key, doc(id=key, login=f"l{n // 2}")) for n, key in enumerate(keys[:6])])
            world.drain(rows=8)
            for lane in range(4):
                retry_parked(world.parts("logins"), lane)
        stop.set()
        watcher.join()
        audited(world)

        # What was once found stays on record, so an empty table says that nothing ever was.
        assert world.rows("SELECT kind, detail FROM ledger_remainder") == []
        assert world.remainders() == []

    def test_rows_that_are_applied_in_the_middle_of_a_look_are_none_of_its_business(self, people, monkeypatch):
        audited(people)
        people.put("people", [person("u1", "later"), ("u1", b"{broken"), ("u1", None)])
        spans, (its_lane, _) = audit_rows.spans, row_at(people, 1)

        def after_a_worker(session, stretch, rows) -> list[audit_rows.Span]:
            if (stretch.stream, stretch.lane) == ("people", its_lane):
                people.drain()
            return spans(session, stretch, rows)

        monkeypatch.setattr(audit_rows, "spans", after_a_worker)
        Auditor(people.database).round(Event())

        assert people.rows("SELECT kind, detail FROM ledger_remainder") == []
        assert people.ledger("people").pending == 0

    def test_a_lane_that_a_worker_holds_is_audited_without_waiting_for_it(self, people):
        audit.begin(people.database)
        auditor = Auditor(people.database)
        with people.database.transaction() as session:
            session.execute("SELECT 1 FROM lane_progress FOR UPDATE")

            assert auditor.round(Event()) == 0
            assert people.rows("SELECT MAX(audited) FROM lane_progress") == [(0,)]
        auditor._compared.clear()
        auditor.round(Event())

        assert people.rows("SELECT COUNT(*) FROM lane_progress WHERE audited <> applied") == [(0,)]

    def test_of_two_audits_of_one_stretch_only_one_counts_it(self, people):
        audit.begin(people.database)
        lanes = audit.audited_lanes(people.database)
        first = [audit.look(people.database, lane, rows=1000) for lane in lanes]
        second = [audit.look(people.database, lane, rows=1000) for lane in lanes]

        assert all(audit.write(people.database, one, []) for one in first)
        assert not any(audit.write(people.database, one, []) for one in second if one.rows)
        assert people.rows("SELECT SUM(`rows`) FROM lane_source_audit") == [(90,)]

    @pytest.mark.parametrize("step", AUDIT_STEPS)
    def test_dying_at_any_step_neither_skips_nor_doubles_a_row(self, people, step):
        class Died(BaseException):
            pass

        def die(at: Step) -> None:
            if at is step:
                raise Died

        with pytest.raises(Died):
            Auditor(people.database, die).round(Event())
        Auditor(people.database).round(Event())

        assert found(people) == {}
        assert people.rows("SELECT SUM(`rows`) FROM lane_source_audit") == [(90,)]
