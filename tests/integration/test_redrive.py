"""Rejects folded again after a fix, on real servers: order, counts and rows as if they had never failed."""

from typing import ClassVar

import pytest

from db import redrive_attempts
from db.apply import Limits
from db.parked_retry import retry_parked
from db.redrive import LaneRedrive
from db.redrive_attempts import Gains
from db.redrive_lane import Stale
from migration_core.key import canonical
from migration_core.lane import lane_of
from migration_core.steps import Step
from migration_worker.redriving import Redriving
from tests.integration.applying import Applying, doc, person
from tests.integration.emptying import emptied

pytestmark = pytest.mark.servers

COERCED = {
    "name: $.name": "name: {path: $.name, coerce: true}",
    "stage: $.stage": "stage: {path: $.stage, coerce: true}",
}


@pytest.fixture
def world(shared):
    yield emptied(shared)
    assert shared.remainders() == []
    assert counted_under_patterns(shared)


def counted_under_patterns(world: Applying) -> bool:
    listed = dict(world.rows("SELECT pattern_id, rejects FROM reject_pattern WHERE rejects > 0"))
    return listed == dict(world.rows("SELECT pattern_id, COUNT(*) FROM reject GROUP BY pattern_id"))


def fix(world: Applying, changes: dict[str, str] = COERCED) -> None:
    text = world.mapping_file.read_text()
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    world.mapping_file.write_text(text)


def redrive(world: Applying, stream: str, code: str, *, dry_run: bool = False, limit=None, reached=None) -> Gains:
    work = world.work(reached) if reached else world.work()
    parts = work.streams[stream].parts
    ((pattern_id,),) = world.rows(
        "SELECT pattern_id FROM reject_pattern WHERE code = %s AND stream_id = %s", code, parts.registered.stream_id
    )
    attempt = redrive_attempts.begin(world.database, pattern_id, who="t", version="test", rules_hash="")
    redriving = Redriving(LaneRedrive(parts, attempt, Limits(), dry_run=dry_run), attempt, limit=limit, dry_run=dry_run)
    if redriving.run(4) and not dry_run:
        redrive_attempts.finish(world.database, attempt, who="t")
    return redriving.gains


def bad_person(id_: str, name: object = 7) -> tuple[str, bytes]:
    return id_, doc(id=id_, name=name, phones=[{"number": "1"}])


def change(id_: str, **members: object) -> tuple[str, bytes]:
    return id_, doc(op="change", body={"id": id_, **members})


def whole(id_: str, **members: object) -> tuple[str, bytes]:
    return id_, doc(op="set", body={"id": id_, **members})


def pristine(world: Applying, stream: str, code: str) -> LaneRedrive:
    parts = world.parts(stream)
    ((pattern_id,),) = world.rows(
        "SELECT pattern_id FROM reject_pattern WHERE code = %s AND stream_id = %s", code, parts.registered.stream_id
    )
    attempt = redrive_attempts.begin(world.database, pattern_id, who="t", version="test", rules_hash="")
    return LaneRedrive(parts, attempt, Limits(), dry_run=False)


class TestImages:
    def test_a_reject_that_nothing_newer_follows_is_applied(self, world):
        world.put("people", [bad_person("a"), person("b"), bad_person("c")])
        world.drain()
        fix(world)

        gains = redrive(world, "people", "TYPE_MISMATCH")

        assert (gains.applied, gains.superseded) == (2, 0)
        assert world.rows("SELECT id, name FROM {target}.people ORDER BY id") == [("a", "7"), ("b", "n"), ("c", "7")]
        assert world.rows("SELECT COUNT(*) FROM {target}.phones") == [(2,)]
        assert world.rows("SELECT COUNT(*) FROM row_outcome") == [(0,)]
        assert world.rows("SELECT state, rejects FROM reject_pattern") == [("fixed", 0)]

    def test_a_reject_older_than_what_stands_is_superseded_and_changes_nothing(self, world):
        world.put("people", [bad_person("a"), person("a", "newer"), bad_person("b"), ("b", None)])
        world.drain(rows=1)
        fix(world)

        gains = redrive(world, "people", "TYPE_MISMATCH")

        assert (gains.applied, gains.superseded) == (0, 2)
        assert world.rows("SELECT id, name FROM {target}.people") == [("a", "newer")]

    def test_of_several_rejects_of_a_key_the_newest_stands(self, world):
        world.put("people", [bad_person("a", 1), bad_person("a", 2), bad_person("a", 3)])
        world.drain()
        fix(world)

        gains = redrive(world, "people", "TYPE_MISMATCH")

        assert (gains.applied, gains.superseded) == (1, 2)
        assert world.rows("SELECT name FROM {target}.people") == [("3",)]

    def test_what_was_applied_between_the_look_and_the_lock_stands(self, world):
        world.put("people", [bad_person("a")])
        world.drain()
        fix(world)
        redriving = pristine(world, "people", "TYPE_MISMATCH")
        lane = lane_of(canonical(["a"]), 4)
        redriving.enter(lane)
        known = redriving.look(lane, 0)
        world.put("people", [person("a", "newer")])
        world.drain()

        gains = redriving.step(lane, 0, 100, known).gains

        assert (gains.applied, gains.superseded) == (0, 1)
        assert world.rows("SELECT id, name FROM {target}.people") == [("a", "newer")]

    def test_a_lane_without_such_rejects_is_passed_whatever_was_applied_to_it_meanwhile(self, world):
        world.put("people", [bad_person("a")])
        world.drain()
        fix(world)
        redriving = pristine(world, "people", "TYPE_MISMATCH")
        lane = 3 - lane_of(canonical(["a"]), 4)
        redriving.enter(lane)
        known = redriving.look(lane, 0)
        world.put("people", [person(f"u{n}") for n in range(20)])
        world.drain()

        tried = redriving.step(lane, 0, 100, known)

        assert (tried.gains.tried, tried.cursor) == (0, None)

    def test_a_row_that_still_fails_stays_as_it_was_and_another_cause_moves_it(self, world):
        world.put("people", [bad_person("a"), bad_person("b"), ("c", doc(id="c"))])
        world.drain()
        kept = world.rows("SELECT sequence, rejected_at FROM reject ORDER BY sequence")
        fix(world, {"name: $.name, age: $.age": "name: $.name, age: {path: $.years, required: true}"})

        gains = redrive(world, "people", "TYPE_MISMATCH")

        assert (gains.applied, gains.tried) == (0, 2)
        assert world.rows("SELECT sequence, rejected_at FROM reject ORDER BY sequence") == kept
        fix(world, COERCED)
        assert redrive(world, "people", "TYPE_MISMATCH").moved == 2
        assert [code for _, _, code, _ in world.rejects("people")] == ["FIELD_MISSING"] * 3

    @pytest.mark.parametrize("count", [1, 2, 7])
    def test_a_row_that_only_the_server_refuses_is_found_among_those_that_are_good_now(self, world, count):
        world.put("people", [(f"u{n}", doc(id=f"u{n}", name=7, age=13 if n == count else 1)) for n in range(9)])
        world.drain()
        fix(world)

        gains = redrive(world, "people", "TYPE_MISMATCH")

        assert (gains.applied, gains.moved) == (8, 1)
        assert [code for _, _, code, _ in world.rejects("people")] == ["CHECK_VIOLATION"]
        assert world.rows("SELECT COUNT(*) FROM {target}.people") == [(8,)]

    def test_a_duplicate_of_a_snapshot_stays_out(self, world):
        world.put("people", [person("a", "first"), person("a", "second")])
        ((stream_id, lane, second),) = world.rows(
            "SELECT s.stream_id, r.lane, MAX(r.sequence) FROM raw_people r "
            "JOIN stream s ON s.name = 'people' GROUP BY 1, 2"
        )
        with world.database.transaction() as session:
            session.execute("INSERT INTO snapshot_duplicate VALUES (%s, %s, %s, 1)", (stream_id, lane, second))
            session.execute("UPDATE lane_progress SET open_to = %s WHERE stream_id = %s", (second, stream_id))
        world.drain()

        gains = redrive(world, "people", "SNAP_DUPLICATE_KEY")

        assert (gains.tried, gains.applied, gains.superseded) == (1, 0, 0)
        assert world.rows("SELECT name FROM {target}.people") == [("first",)]


class TestUniqueValues:
    MEND: ClassVar = {"login: $.login": "login: {path: $.login, coerce: true}"}

    def test_a_value_that_another_entity_holds_parks_the_row_until_it_is_free(self, world):
        world.put("logins", [("a", doc(id="a", login="7")), ("b", doc(id="b", login=7))])
        world.drain()
        fix(world, self.MEND)

        gains = redrive(world, "logins", "TYPE_MISMATCH")

        ledger = world.ledger("logins")
        assert (gains.moved, ledger.parked, ledger.rejected, ledger.parked_keys) == (1, 1, 0, 1)
        world.put("logins", [("a", doc(id="a", login="8"))])
        world.drain()
        with world.database.transaction() as session:
            session.execute("UPDATE parked_key SET next_try_at = NOW(6) - INTERVAL 1 SECOND")
        assert sum(retry_parked(world.parts("logins"), lane) for lane in range(4)) == 1
        assert world.rows("SELECT id, login FROM {target}.logins ORDER BY id") == [("a", "8"), ("b", "7")]

    def test_a_reject_newer_than_the_row_that_waits_takes_its_place(self, world):
        world.put("logins", [("a", doc(id="a", login="x"))])
        world.drain()
        world.put("logins", [("b", doc(id="b", login="x")), ("b", doc(id="b", login=9))])
        world.drain()
        fix(world, self.MEND)

        gains = redrive(world, "logins", "TYPE_MISMATCH")

        ledger = world.ledger("logins")
        assert (gains.applied, gains.released, ledger.parked, ledger.parked_keys) == (1, 1, 0, 0)
        assert world.rows("SELECT id, login FROM {target}.logins ORDER BY id") == [("a", "x"), ("b", "9")]

    def test_a_row_that_waited_and_was_settled_since_the_look_is_not_overwritten_by_an_older_one(self, world):
        world.put("logins", [("a", doc(id="a", login="x"))])
        world.drain()
        world.put("logins", [("b", doc(id="b", login=9)), ("b", doc(id="b", login="x"))])
        world.drain()
        fix(world, self.MEND)
        redriving = pristine(world, "logins", "TYPE_MISMATCH")
        lane = lane_of(canonical(["b"]), 4)
        redriving.enter(lane)
        known = redriving.look(lane, 0)
        world.put("logins", [("a", doc(id="a", login="y"))])
        world.drain()
        with world.database.transaction() as session:
            session.execute("UPDATE parked_key SET next_try_at = NOW(6) - INTERVAL 1 SECOND")
        assert retry_parked(world.parts("logins"), lane) == 1

        with pytest.raises(Stale):
            redriving.step(lane, 0, 100, known)
        gains = redrive(world, "logins", "TYPE_MISMATCH")

        assert (gains.applied, gains.superseded) == (0, 1)
        assert world.rows("SELECT id, login FROM {target}.logins ORDER BY id") == [("a", "y"), ("b", "x")]

    def test_a_row_that_the_server_refused_and_that_was_overtaken_since_does_not_wait_to_overwrite(self, world):
        world.put("logins", [("a", doc(id="a", login="7")), ("b", doc(id="b", login=7))])
        world.drain()
        fix(world, self.MEND)
        lane = lane_of(canonical(["b"]), 4)

        class Overtaken(LaneRedrive):
            """Between the refusal and the transaction that settles the row, a worker applies a newer image."""

            def step(self, *args, instead=None, **named):
                if instead is not None:
                    world.put("logins", [("b", doc(id="b", login="newer"))])
                    world.drain()
                return super().step(*args, instead=instead, **named)

        one = pristine(world, "logins", "TYPE_MISMATCH")
        redriving = Redriving(Overtaken(one._parts, one._attempt, Limits(), dry_run=False), one._attempt)
        assert redriving.run(4)
        world.put("logins", [("a", doc(id="a", login="8"))])
        world.drain()
        with world.database.transaction() as session:
            session.execute("UPDATE parked_key SET next_try_at = NOW(6) - INTERVAL 1 SECOND")
        retry_parked(world.parts("logins"), lane)

        assert world.rows("SELECT id, login FROM {target}.logins ORDER BY id") == [("a", "8"), ("b", "newer")]
        assert (redriving.gains.applied, redriving.gains.superseded) == (0, 1)


class TestPartialChanges:
    def test_parked_successors_leave_in_sequence_behind_the_row_that_held_them(self, world):
        world.put("trips", [change("t", stage="one"), change("t", stage=2, delay=1), change("t", delay=5)])
        world.put("trips", [change("t", stage="four"), change("u", stage=7)])
        world.drain()
        fix(world)

        gains = redrive(world, "trips", "TYPE_MISMATCH")

        assert world.rows("SELECT id, stage, delay FROM {target}.trips ORDER BY id") == [
            ("t", "four", 5),
            ("u", "7", None),
        ]
        ledger = world.ledger("trips")
        assert (ledger.rejected, ledger.parked, ledger.parked_keys) == (0, 0, 0)
        assert gains.released == 2
        world.put("trips", [change("t", delay=None)])
        world.drain()
        assert world.rows("SELECT delay FROM {target}.trips WHERE id = 't'") == [(None,)]

    def test_a_key_that_fails_again_further_on_waits_there(self, world):
        world.put("trips", [change("t", stage=2), change("t", delay="no"), change("t", stage="three")])
        world.drain()
        fix(world)

        ((first,),) = world.rows("SELECT pattern_id FROM reject_pattern WHERE field_path = '$.stage'")
        parts = world.parts("trips")
        attempt = redrive_attempts.begin(world.database, first, who="t", version="test", rules_hash="")
        Redriving(LaneRedrive(parts, attempt, Limits(), dry_run=False), attempt).run(4)

        assert world.rows("SELECT id, stage, delay FROM {target}.trips") == [("t", "2", None)]
        ledger = world.ledger("trips")
        assert (ledger.rejected, ledger.parked, ledger.parked_keys) == (1, 1, 1)
        ((waits, rejected),) = world.rows("SELECT p.first_sequence, r.sequence FROM parked_key p, reject r")
        assert waits == rejected

    def test_a_reject_behind_which_a_whole_document_came_is_superseded(self, world):
        world.put("trips", [change("t", stage=2), change("t", delay=1), whole("t", stage="w"), change("t", delay=3)])
        world.drain()
        fix(world)

        gains = redrive(world, "trips", "TYPE_MISMATCH")

        assert (gains.superseded, gains.applied, gains.left) == (1, 0, 0)
        assert world.rows("SELECT stage, delay FROM {target}.trips") == [("w", 3)]
        assert world.ledger("trips").rejected == 0

    def test_an_old_reject_and_a_new_park_of_one_key_are_both_released(self, world):
        world.put("trips", [change("t", stage=2), whole("t", stage="w"), change("t", stage=3), change("t", delay=4)])
        world.drain()
        fix(world)

        redrive(world, "trips", "TYPE_MISMATCH")

        assert world.rows("SELECT stage, delay FROM {target}.trips") == [("3", 4)]
        ledger = world.ledger("trips")
        assert (ledger.rejected, ledger.parked, ledger.parked_keys) == (0, 0, 0)

    def test_a_long_park_is_released_in_parts_and_a_dead_process_leaves_nothing_behind(self, world, monkeypatch):
        monkeypatch.setattr("migration_worker.redriving.ROWS", 3)
        world.put("trips", [change("t", stage=1), *(change("t", delay=n) for n in range(10))])
        world.drain()
        fix(world)

        class Dead(Exception):
            pass

        def die(step):
            if step is Step.REDRIVE_COMMITTED and world.ledger("trips").parked < 10:
                raise Dead

        with pytest.raises(Dead):
            redrive(world, "trips", "TYPE_MISMATCH", reached=die)
        assert 0 < world.ledger("trips").parked < 10
        world.put("trips", [change("t", stage="last")])
        world.drain()
        redrive(world, "trips", "TYPE_MISMATCH")

        assert world.rows("SELECT stage, delay FROM {target}.trips") == [("last", 9)]
        ledger = world.ledger("trips")
        assert (ledger.rejected, ledger.parked, ledger.parked_keys) == (0, 0, 0)

    def test_keys_for_which_one_transaction_has_no_room_are_gone_on_with_in_the_next(self, world):
        home = lane_of(canonical(["0"]), 4)
        one, two = [name for name in map(str, range(50)) if lane_of(canonical([name]), 4) == home][:2]
        world.put("trips", [change(name, stage=1) for name in (one, two)])
        world.put("trips", [change(name, delay=n) for n in range(4) for name in (one, two)])
        world.drain()
        fix(world)
        redriving = pristine(world, "trips", "TYPE_MISMATCH")
        redriving.enter(home)
        keys, tried = (canonical([one]), canonical([two])), []

        in_part = keys
        while in_part:
            tried.append(redriving.step(home, 0, 3, redriving.look(home, 0), in_part=in_part))
            in_part = tried[-1].in_part

        assert tried[0].in_part == keys
        assert sum(one.gains.done for one in tried) == 10
        assert world.rows("SELECT DISTINCT stage, delay FROM {target}.trips") == [("1", 3)]

    def test_the_row_that_the_server_refuses_is_found_within_one_key(self, world):
        with world.database.transaction() as session:
            session.execute(f"ALTER TABLE {world.target}.trips ADD CONSTRAINT late CHECK (delay <> 13)")
        world.put("trips", [change("t", stage=1), change("t", delay=1), change("t", delay=13), change("t", stage="x")])
        world.drain()
        fix(world)

        redrive(world, "trips", "TYPE_MISMATCH")

        assert world.rows("SELECT stage, delay FROM {target}.trips") == [("1", 1)]
        assert [code for _, _, code, _ in world.rejects("trips")] == ["CHECK_VIOLATION"]
        ledger = world.ledger("trips")
        assert (ledger.parked, ledger.parked_keys) == (1, 1)


class TestAttempts:
    def test_a_dry_run_counts_and_changes_nothing(self, world):
        world.put("people", [bad_person("a"), bad_person("b"), person("b", "newer")])
        world.put("trips", [change("t", stage=2), change("t", delay=3)])
        world.drain()
        fix(world)
        tables = (
            "reject",
            "row_outcome",
            "reject_pattern",
            "parked_key",
            "lane_progress",
            "merged_document",
            "redrive_row",
        )
        before = {table: world.rows(f"SELECT * FROM {table}") for table in tables}

        people = redrive(world, "people", "TYPE_MISMATCH", dry_run=True)
        trips = redrive(world, "trips", "TYPE_MISMATCH", dry_run=True)

        assert (people.applied, people.superseded) == (1, 1)
        assert (trips.applied, trips.superseded, trips.released) == (1, 1, 1)
        assert {table: world.rows(f"SELECT * FROM {table}") for table in tables} == before
        assert world.rows("SELECT id FROM {target}.people") == [("b",)]
        assert world.rows("SELECT id FROM {target}.trips") == []

    def test_a_limit_stops_there_and_the_next_call_goes_on(self, world):
        world.put("people", [bad_person(f"u{n}") for n in range(20)])
        world.drain()
        fix(world)

        first = redrive(world, "people", "TYPE_MISMATCH", limit=7)
        assert (first.applied, world.ledger("people").rejected) == (7, 13)
        second = redrive(world, "people", "TYPE_MISMATCH")

        assert second.applied == 13
        assert world.rows("SELECT n_tried, rejects_before, rejects_after FROM redrive_attempt") == [(20, 20, 0)]
