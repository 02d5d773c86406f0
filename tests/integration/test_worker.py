"""The worker on real servers: rows in order, effects once, bad rows alone, and no doorbell that is needed."""

import re
import signal
from dataclasses import replace

import pymysql
import pytest
from sqlalchemy import event

from db import lanes
from db.apply import BadBatch, LaneApplier, Limits
from db.failure import SqlError, sql_error
from db.parked_retry import TRIES, retry_parked
from migration_core.errors import Transient
from migration_core.key import canonical
from migration_core.lane import lane_of
from migration_core.steps import Step
from migration_worker.sweeper import POISON_ATTEMPTS, SUSPICIOUS_ATTEMPTS, Sweeper
from tests.chaos import roles
from tests.chaos.mysql_proxy import mysql_proxy
from tests.chaos.mysql_session import Cut
from tests.integration.applying import Applying, applying, doc, person

pytestmark = [pytest.mark.servers, pytest.mark.long]

WORKER_STEPS = [step for step in Step if step.startswith("worker.")]


@pytest.fixture
def world(servers, tmp_path, credentials):
    with applying(servers, tmp_path) as found:
        yield found
        assert found.remainders() == []


class TestImages:
    def test_the_newest_image_stands_with_its_children_and_older_ones_are_superseded(self, world):
        world.put("people", [person("a", "old", ["1", "2"]), person("b"), person("a", "new", ["2", "3"], age=5)])

        world.drain()

        assert world.rows("SELECT id, name, age FROM {target}.people ORDER BY id") == [
            ("a", "new", 5),
            ("b", "n", None),
        ]
        assert world.rows("SELECT person_id, number FROM {target}.phones ORDER BY 2") == [("a", "2"), ("a", "3")]
        ledger = world.ledger("people")
        assert (ledger.applied + ledger.superseded, ledger.pending) == (3, 0)

    def test_children_that_a_later_image_no_longer_has_are_removed(self, world):
        world.put("people", [person("a", phones=["1", "2"]), person("b", phones=["1"])])
        world.drain()
        world.put("people", [person("a", phones=["2", "3"])])

        world.drain()

        found = world.rows("SELECT person_id, number FROM {target}.phones ORDER BY 1, 2")
        assert found == [("a", "2"), ("a", "3"), ("b", "1")]

    def test_tombstones_and_filtered_images_remove_what_their_key_had(self, world):
        world.put("people", [person("a", phones=["1"]), person("b", phones=["2"]), person("c", phones=["3"])])
        world.drain()
        world.put("people", [("a", None), person("b", hidden=True), ("nobody", None)])

        world.drain()

        assert world.rows("SELECT id FROM {target}.people") == [("c",)]
        assert world.rows("SELECT person_id FROM {target}.phones") == [("c",)]
        assert world.ledger("people").filtered == 1

    def test_values_arrive_byte_for_byte(self, world):
        hard = "tab\t new\n back\\ q' \\N é e\u0301 😀"
        world.put("people", [person("hard", hard[:20]), person("NULL", "\\N"), person("", "x")])

        world.drain()

        found = world.rows("SELECT id, name FROM {target}.people ORDER BY id")
        assert found == [("", "x"), ("NULL", "\\N"), ("hard", hard[:20])]

    @pytest.mark.parametrize("rows", [1, 2, 3, 7, 4000])
    def test_batch_borders_change_nothing(self, world, rows):
        records = [person(f"u{n % 5}", f"v{n}", [str(n), "x"]) for n in range(23)]
        records[7] = ("u2", b"{broken")
        records[11] = ("u3", doc(id="u3"))
        records[13] = ("u1", None)
        world.put("people", records)

        world.drain(rows=rows)

        assert world.rows("SELECT id, name FROM {target}.people ORDER BY id") == [
            ("u0", "v20"), ("u1", "v21"), ("u2", "v22"), ("u3", "v18"), ("u4", "v19")
        ]  # fmt: skip
        assert [(offset, code) for offset, _, code, _ in world.rejects("people")] == [
            (7, "PARSE_JSON"),
            (11, "FIELD_MISSING"),
        ]


class TestBadRows:
    def test_a_row_that_only_the_server_refuses_is_found_and_its_neighbours_are_untouched(self, world):
        records = [person(f"u{n}", age=n % 9) for n in range(40)]
        records[17] = person("u17", age=13)
        records[31] = person("u31", age=13)
        world.put("people", records)

        world.drain()

        assert world.rejects("people") == [(17, "store", "CHECK_VIOLATION", ""), (31, "store", "CHECK_VIOLATION", "")]
        assert world.rows("SELECT COUNT(*) FROM {target}.people") == [(38,)]

    def test_a_reject_keeps_the_bytes_and_leaves_its_key_free(self, world):
        world.put("people", [("a", b"\xff\x00bad\t"), person("a", "good")])

        world.drain()

        assert world.rows("SELECT value, entity_key FROM reject") == [(b"\xff\x00bad\t", b'["a"]')]
        assert world.rows("SELECT name FROM {target}.people") == [("good",)]
        assert world.rows("SELECT SUM(n_applied), SUM(n_rejected) FROM lane_progress") == [(1, 1)]

    def test_what_the_server_refuses_of_the_programs_own_counts_is_no_rows_fault(self, world):
        world.put("people", [("a", b"bad")])
        world.drain()
        with world.database.transaction() as session:
            session.execute("UPDATE reject_pattern SET rejects = 18446744073709551615")  # not one more can be counted
        world.put("people", [("a", b"bad"), person("a", "good")])

        world.drain()

        assert [code for _, _, code, _ in world.rejects("people")] == ["PARSE_JSON"]
        ((halted,),) = world.rows("SELECT halted FROM lane_progress WHERE halted IS NOT NULL")
        assert re.match("MySQL error (1264|1690)", halted)
        assert world.rows("SELECT name FROM {target}.people") == []

    def test_a_record_without_a_key_is_rejected_in_lane_0_and_parks_nobody(self, world):
        world.put("people", [("k" * 600, doc(id="x", name="n")), person("a")])

        world.drain()

        assert world.rows("SELECT lane FROM row_outcome") == [(0,)]
        assert [code for _, _, code, _ in world.rejects("people")] == ["KEY_INVALID"]
        assert world.ledger("people").parked_keys == 0

    def test_infrastructure_never_makes_a_reject(self, world):
        world.put("people", [person("a")])
        world.rows("SELECT 1")
        with world.database.transaction() as session:
            session.execute(f"RENAME TABLE {world.target}.people TO {world.target}.gone")
        work = world.work
        with pytest.raises(Exception, match="no table people"):
            work()
        with world.database.transaction() as session:
            session.execute(f"RENAME TABLE {world.target}.gone TO {world.target}.people")
        prepared = world.work()
        with world.database.transaction() as session:
            session.execute(f"RENAME TABLE {world.target}.people TO {world.target}.gone")

        prepared.apply([("people", lane) for lane in range(4)])

        assert world.ledger("people").rejected == 0
        assert world.ledger("people").state == "halted"
        with world.database.transaction() as session:
            session.execute(f"RENAME TABLE {world.target}.gone TO {world.target}.people")

    def test_a_row_that_fits_into_no_statement_is_no_bad_row(self, world):
        self.small_packets(world)
        world.put("people", [person("a"), person("b", more="x" * 30_000), person("c", age=13)])

        world.drain()

        assert world.rows("SELECT id, LENGTH(extra) > 30000 FROM {target}.people ORDER BY id") == [
            ("a", None),
            ("b", 1),
        ]
        assert [code for _, _, code, _ in world.rejects("people")] == ["CHECK_VIOLATION"]

    def test_without_load_data_a_row_that_fits_into_no_statement_halts_its_stream_with_the_remedy(self, world):
        world.put("people", [person("b", more='"' * 9_000)])
        self.small_packets(world, local_infile=False)

        world.work().apply([("people", lane) for lane in range(4)])

        ((state, reason),) = world.rows(
            "SELECT state, reason FROM stream_state JOIN stream USING (stream_id) WHERE name = 'people'"
        )
        assert (state, reason) == (
            "halted",
            "a reject is larger than max_allowed_packet: raise that variable, or turn local_infile on",
        )

    def small_packets(self, world, *, local_infile=True):
        """As if the server took statements of 20 kB only."""

        def small(connection, _record):
            connection.largest_packet = 20_000
            connection.serves_local_infile = connection.serves_local_infile and local_infile

        event.listen(world.database.engine, "connect", small)
        world.database.engine.dispose()

    def test_the_limit_of_a_statement_is_the_servers(self, world):
        with world.database.transaction() as session:
            assert session.one("SELECT @@max_allowed_packet") == (session.connection.largest_packet,)


class TestUniqueValues:
    def test_another_entitys_row_is_never_overwritten_and_the_second_waits(self, world):
        world.put(
            "logins", [("a", doc(id="a", login="x")), ("b", doc(id="b", login="x")), ("c", doc(id="c", login="y"))]
        )

        world.drain()

        held = world.rows("SELECT id, login FROM {target}.logins ORDER BY id")
        assert len(held) == 2
        assert ("c", "y") in held
        assert world.ledger("logins").parked == 1

    def test_a_value_that_is_given_up_goes_to_the_one_who_waits(self, world):
        world.put("logins", [("a", doc(id="a", login="x"))])
        world.drain()
        world.put("logins", [("b", doc(id="b", login="x"))])
        world.drain()
        assert world.ledger("logins").parked == 1
        world.put("logins", [("a", doc(id="a", login="z"))])
        world.drain()
        world.rows("SELECT 1")
        self.make_due(world)

        assert sum(retry_parked(world.parts("logins"), lane) for lane in range(4)) == 1

        assert world.rows("SELECT id, login FROM {target}.logins ORDER BY id") == [("a", "z"), ("b", "x")]
        assert world.ledger("logins").parked == 0

    def test_after_a_set_number_of_tries_the_row_is_rejected(self, world):
        world.put("logins", [("a", doc(id="a", login="x"))])
        world.drain()
        world.put("logins", [("b", doc(id="b", login="x"))])
        world.drain()

        for _ in range(TRIES):
            self.make_due(world)
            assert sum(retry_parked(world.parts("logins"), lane) for lane in range(4)) == 0

        assert [(code, path) for _, _, code, path in world.rejects("logins")] == [("UNIQUE_CONFLICT", "uq_login")]
        assert world.rows("SELECT id, login FROM {target}.logins") == [("a", "x")]

    def test_a_newer_image_takes_the_place_of_the_one_that_waits(self, world):
        world.put("logins", [("a", doc(id="a", login="x"))])
        world.drain()
        world.put("logins", [("b", doc(id="b", login="x"))])
        world.drain()
        world.put("logins", [("b", doc(id="b", login="free"))])

        world.drain()

        ledger = world.ledger("logins")
        assert (ledger.parked, ledger.superseded, ledger.parked_keys) == (0, 1, 0)
        assert ("b", "free") in world.rows("SELECT id, login FROM {target}.logins")

    def test_a_swap_inside_one_batch_ends_as_the_source_has_it(self, world):
        same_lane = [name for name in map(str, range(200)) if self.lane(world, name) == self.lane(world, "0")][:2]
        one, two = same_lane
        world.put("logins", [(one, doc(id=one, login="x")), (two, doc(id=two, login="y"))])
        world.drain()
        world.put(
            "logins",
            [(one, doc(id=one, login="tmp")), (two, doc(id=two, login="x")), (one, doc(id=one, login="y"))],
        )

        world.drain()

        assert sorted(world.rows("SELECT id, login FROM {target}.logins")) == sorted([(one, "y"), (two, "x")])
        assert world.ledger("logins").parked == 0

    @staticmethod
    def lane(world: Applying, name: str) -> int:
        return lane_of(canonical([name]), 4)

    @staticmethod
    def make_due(world: Applying) -> None:
        with world.database.transaction() as session:
            session.execute("UPDATE parked_key SET next_try_at = NOW(6) - INTERVAL 1 SECOND")


class TestPartialChanges:
    def change(self, id_: str, **members: object) -> tuple[str, bytes]:
        return id_, doc(op="change", body={"id": id_, **members})

    def test_patches_merge_and_the_table_follows(self, world):
        world.put("trips", [("t", doc(op="set", body={"id": "t", "stage": "planned", "delay": 3}))])
        world.put("trips", [self.change("t", stage="gone"), self.change("t", delay=None)])

        world.drain()

        assert world.rows("SELECT id, stage, delay FROM {target}.trips") == [("t", "gone", None)]

    @pytest.mark.parametrize("rows", [1, 2, 4000])
    def test_a_bad_patch_parks_its_key_from_there_on_and_no_other(self, world, rows):
        world.put("trips", [self.change("t", stage="one"), self.change("u", stage="one")])
        world.put("trips", [self.change("t", stage=7), self.change("t", stage="three"), self.change("u", delay=1)])

        world.drain(rows=rows)

        assert world.rows("SELECT id, stage, delay FROM {target}.trips ORDER BY id") == [
            ("t", "one", None),
            ("u", "one", 1),
        ]
        ledger = world.ledger("trips")
        assert (ledger.rejected, ledger.parked, ledger.parked_keys) == (1, 1, 1)

    @pytest.mark.parametrize("rows", [1, 4000])
    def test_a_full_image_ends_the_park_and_supersedes_what_waited(self, world, rows):
        world.put("trips", [self.change("t", stage=7), self.change("t", stage="x"), self.change("t", delay=4)])
        world.put("trips", [("t", doc(op="set", body={"id": "t", "stage": "whole"})), self.change("t", delay=9)])

        world.drain(rows=rows)

        assert world.rows("SELECT id, stage, delay FROM {target}.trips") == [("t", "whole", 9)]
        ledger = world.ledger("trips")
        assert (ledger.rejected, ledger.parked, ledger.parked_keys) == (1, 0, 0)


class TestSweeping:
    def test_without_any_doorbell_everything_is_applied(self, world):
        world.put("people", [person(f"u{n}") for n in range(50)])
        world.start()

        world.until_drained()

        assert world.rows("SELECT COUNT(*) FROM {target}.people") == [(50,)]

    def test_a_row_that_kills_its_process_is_rejected_and_the_lane_goes_on(self, world):
        world.put("people", [person("a"), person("b"), person("c")])
        (lane,) = {lane for lane in range(4) if self.first(world, lane)} & {self.lane_with_most(world)}
        work = world.work()
        look = next(one for one in self.looks(world) if one.lane == lane)
        stream_id = work.streams["people"].parts.registered.stream_id
        with world.database.transaction() as session:
            for _ in range(POISON_ATTEMPTS - 1):
                lanes.mark_attempt(session, stream_id, lane, look.applied)

        Sweeper(work).sweep_one(look)

        assert [code for _, _, code, _ in world.rejects("people")] == ["POISON_CRASH"]
        world.drain()
        assert world.ledger("people").pending == 0

    def test_attempts_that_the_process_survived_do_not_count(self, world):
        world.put("people", [person("a")])
        look = next(one for one in self.looks(world) if one.has_work)
        work = world.work()
        sweeper = Sweeper(work)
        broken = work.streams["people"].applier

        def away(*_args, **_more):
            raise SqlError(1205, "lock wait timeout")

        broken.apply_batch = away  # type: ignore[method-assign]
        for _ in range(POISON_ATTEMPTS * 2):
            sweeper.sweep_one(look)

        assert world.ledger("people").pending == 1
        Sweeper(world.work()).sweep_one(look)
        assert (world.ledger("people").rejected, world.ledger("people").pending) == (0, 0)

    def test_attempts_that_ended_the_process_by_a_bug_do_count(self, world):
        world.put("people", [person("a"), person("b")])

        def broken(*_args, **_more):
            raise MemoryError

        deaths = 0
        while (look := next((one for one in self.looks(world) if one.has_work), None)) is not None:
            work = world.work()
            work.streams["people"].applier._write = broken  # type: ignore[method-assign]
            try:
                Sweeper(work).sweep_one(look)
            except MemoryError:
                deaths += 1
            assert deaths <= 2 * POISON_ATTEMPTS

        assert {code for _, _, code, _ in world.rejects("people")} == {"POISON_CRASH"}
        assert world.ledger("people").rejected == 2

    def test_attempts_survive_a_server_that_is_away_when_they_are_taken_back(self, world, monkeypatch):
        world.put("people", [person("a")])
        look = next(one for one in self.looks(world) if one.has_work)
        sweeper = Sweeper(world.work())
        take_back = lanes.take_back_attempt

        def away(*_args):
            raise SqlError(2013, "lost connection")

        for _ in range(POISON_ATTEMPTS):
            monkeypatch.setattr(lanes, "take_back_attempt", away)
            sweeper.work.streams["people"].applier.apply_batch = away  # type: ignore[method-assign]
            with pytest.raises(SqlError):
                sweeper.sweep_one(look)
            monkeypatch.setattr(lanes, "take_back_attempt", take_back)

        Sweeper(world.work()).sweep_one(look)
        sweeper.sweep_one(look)

        assert world.ledger("people").rejected == 0

    def test_marks_that_were_committed_without_an_answer_count_for_no_row(self, servers, world):
        world.put("people", [person("a")])
        look = next(one for one in self.looks(world) if one.has_work)
        mark = 2  # the first COMMIT takes back what was survived
        with (
            mysql_proxy(servers.mysql_url) as proxy,
            roles.opened(proxy.through(world.url), applies_lanes=True) as database,
        ):
            sweeper = Sweeper(world.work(database=database))
            for _ in range(POISON_ATTEMPTS):
                proxy.at(mark, Cut.AFTER, matching=b"^COMMIT")
                with pytest.raises(SqlError):
                    sweeper.sweep_one(look)
            marked = world.rows("SELECT attempts FROM lane_attempt")

            sweeper.sweep_one(look)

        assert marked == [(1,)]
        assert (world.ledger("people").rejected, world.ledger("people").pending) == (0, 0)

    def test_processes_that_are_at_one_lane_at_once_reject_nothing(self, world):
        world.put("people", [person("a", f"v{n}") for n in range(40)])
        look = next(one for one in self.looks(world) if one.has_work)
        with world.database.transaction() as session:
            stream_id = world.parts("people").registered.stream_id
            for _ in range(SUSPICIOUS_ATTEMPTS):
                lanes.mark_attempt(session, stream_id, look.lane, look.applied)

        def sweep(others: int) -> None:
            """Sweep, and while that attempt is under way let so many others begin theirs."""
            begun = [others]

            def reached(step: Step) -> None:
                if step is Step.SWEEPER_ATTEMPT_MARKED and begun and begun.pop():
                    sweep(others - 1)

            Sweeper(world.work(), reached).sweep_one(look)

        sweep(POISON_ATTEMPTS)

        assert world.ledger("people").rejected == 0
        assert world.rows("SELECT name FROM {target}.people") == [("v39",)]

    def looks(self, world: Applying):
        work = world.work()
        with world.database.transaction() as session:
            return lanes.with_work(session, [work.streams["people"].parts.registered.stream_id])

    def first(self, world: Applying, lane: int) -> bool:
        return bool(world.rows("SELECT 1 FROM raw_people WHERE lane = %s LIMIT 1", lane))

    def lane_with_most(self, world: Applying) -> int:
        ((lane, _),) = world.rows("SELECT lane, COUNT(*) FROM raw_people GROUP BY lane ORDER BY 2 DESC, 1 LIMIT 1")
        return int(str(lane))


class TestKilled:
    @pytest.mark.parametrize("step", WORKER_STEPS)
    def test_kill_9_at_any_step_and_a_restart_end_the_same(self, world, step):
        records = [person(f"u{n % 20}", f"v{n}", [str(n)]) for n in range(120)]
        records[60] = person("bad", age=13)
        world.put("people", records)
        world.put("trips", [("t", doc(op="change", body={"id": "t", "stage": "a"}))])
        world.ring()
        killed = world.start(MIGRATION_FAILPOINTS=f"{step}:2")
        assert killed.wait(60) == -signal.SIGKILL
        world.start()

        world.until_drained()

        expected = {f"u{n % 20}": f"v{n}" for n in range(120) if n != 60}
        assert dict(world.rows("SELECT id, name FROM {target}.people")) == expected
        assert world.rows("SELECT COUNT(*) FROM {target}.phones") == [(20,)]
        assert [code for _, _, code, _ in world.rejects("people")] == ["CHECK_VIOLATION"]
        assert world.rows("SELECT stage FROM {target}.trips") == [("a",)]

    def test_sigterm_leaves_at_once_and_in_good_order(self, world):
        world.put("people", [person(f"u{n}") for n in range(500)])
        world.ring()
        worker = world.start()
        world.until_drained()

        worker.send_signal(signal.SIGTERM)

        assert worker.wait(60) == 0


class TestLocks:
    def test_a_lane_that_another_holds_is_left_alone(self, world):
        world.put("people", [person(f"u{n}") for n in range(20)])
        work = world.work()
        stream_id = work.streams["people"].parts.registered.stream_id
        with world.database.transaction() as session:
            held = [lane.lane for lane in lanes.lock(session, stream_id, [0, 1])]
            applied = work.streams["people"].applier.apply_batch([0, 1, 2, 3], Limits())

        assert held == [0, 1]
        assert applied.locked_elsewhere == {0, 1}
        assert set(applied.rows) <= {2, 3}
        world.drain()

    def test_a_second_answer_for_one_row_finds_the_watermark_moved(self, world):
        world.put("people", [person("a", age=13)])
        applier: LaneApplier = world.work().streams["people"].applier
        (lane,) = [lane for lane in range(4) if applier.pending(lane, 1)]
        (only,) = applier.pending(lane, 1)
        with pytest.raises(BadBatch) as raised:
            applier.apply_batch([lane], Limits())
        bad = raised.value

        first = applier.apply_batch([lane], replace(Limits(), rows=1), instead=(only, bad))
        second = applier.apply_batch([lane], replace(Limits(), rows=1), instead=(only, bad))

        assert (first.rows, second.rows) == ({lane: 1}, {})
        assert world.ledger("people").rejected == 1


def test_a_passing_error_is_transient_and_another_is_not():
    assert isinstance(sql_error(pymysql.OperationalError(1213, "deadlock")), Transient)
    assert not isinstance(sql_error(pymysql.OperationalError(3819, "check")), Transient)
