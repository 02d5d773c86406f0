"""A changed mapping replayed from raw on a real MySQL, beside the tables that are there, and swapped with them."""

import json
import signal
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from db import report_facts
from db.apply import Limits
from db.ledger import ledger
from db.ledger_proof import source_ledgers, stream_proofs
from db.registry import registered
from db.reject_decisions import the_pattern
from db.reject_report import patterns
from db.shadow import begin
from db.stream_state import pause_stream
from db.target import read_target
from db.target_health import HealthWatch
from migration_core.errors import ConfigError, StaleMapping
from migration_worker.brake import Brake
from migration_worker.lane_work import LaneWork
from migration_worker.opening import open_mapping, open_streams
from migration_worker.replaying import Replaying
from tests.integration import forked
from tests.integration.applying import Applying, Record, applying, doc, person
from tests.integration.verifying import verified

pytestmark = pytest.mark.servers

KILLED_AT = [
    "replay.begun",
    "replay.tables_made",
    "worker.watermark_moved",
    "worker.committed",
    "replay.fenced",
    "replay.renamed",
    "replay.lane_switched:2:kill",
    "replay.swapped",
]
"""In the order in which one replay comes by, run again and again; from the fourth on, to be swapped."""


@dataclass
class Replay:
    """`migration replay-schema` of one stream by a changed mapping."""

    world: Applying
    stream: str
    mapping: Path
    runs: int = 0

    def __call__(self, *options: str, code: int = 0, **variables: str) -> str:
        """What it says; it must end with `code`."""
        self.runs += 1
        log = self.mapping.parent / f"replay-{self.runs}"
        arguments = ("replay-schema", self.stream, "--mapping", str(self.mapping), *options)
        child = forked.start(arguments, {**self.world.environment, **variables}, log)
        child.join(60)
        out, err = forked.said(log)
        assert child.exitcode == code, f"{options} ended with {child.exitcode}: {out}{err}"
        return err + out

    def report(self) -> dict:
        return json.loads(self("--json").splitlines()[-1])

    def in_process(self) -> Replaying:
        """The same replay without its command."""
        mapping = open_mapping(self.world.database, self.mapping)
        with self.world.database.transaction() as session:
            target = read_target(session, self.world.target)
        stream = registered(self.world.database, self.stream)
        shadow = begin(self.world.database, stream, mapping.streams[self.stream], target)
        return Replaying(self.world.database, shadow, mapping, "new", Event())

    def workers(self) -> LaneWork:
        """Workers that were started with the changed mapping."""
        mapping = open_mapping(self.world.database, self.mapping)
        return LaneWork(
            self.world.database,
            open_streams(self.world.database, mapping, version="new", reached=lambda _step: None),
            Limits(),
            Brake(self.world.database, HealthWatch(self.world.database)),
        )


@pytest.fixture
def world(servers, tmp_path, credentials):
    with applying(servers, tmp_path) as found:
        yield found
        assert found.remainders() == []


def changed(world: Applying, stream: str, old: str, new: str) -> Replay:
    """The mapping of the world with one thing changed."""
    text = world.mapping_file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = world.mapping_file.with_name("changed.yaml")
    path.write_text(text.replace(old, new), encoding="utf-8")
    return Replay(world, stream, path)


def renamed(world: Applying) -> Replay:
    """People's names come from `nick`, which not everyone has."""
    return changed(world, "people", "name: $.name,", "name: {path: $.nick, required: true},")


def nicked(id_: str, nick: str, **members: object) -> Record:
    return person(id_, f"name of {id_}", nick=nick, **members)


def tables(world: Applying) -> set[object]:
    return {
        name
        for (name,) in world.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", world.target
        )
    }


def names(world: Applying, table: str = "people") -> dict[object, object]:
    return dict(world.rows(f"SELECT id, name FROM {{target}}.{table}"))


def counts(world: Applying) -> tuple[int, int, int]:
    found = world.ledger("people")
    return found.received, found.rejected, found.pending


def test_the_shadow_tables_hold_what_the_changed_mapping_says_and_nothing_else_is_touched(world):
    world.put(
        "people", [nicked("a", "A", phones=["1"]), nicked("b", "name of b"), person("c"), ("d", b"{"), ("a", None)]
    )
    world.put("people", [nicked("a", "A2", phones=["2", "3"])])
    world.drain()
    before = (names(world), world.rejects("people"), counts(world), ledger(world.database))

    report = renamed(world).report()

    assert names(world, "people__shadow") == {"a": "A2", "b": "name of b"}
    people, phones = report["tables"]
    assert (people["present"], people["replayed"], people["only_present"], people["only_replayed"]) == (3, 2, 1, 0)
    assert people["columns"] == {"name": 1, "extra": 2}  # the rest holds what the mapping does not name
    assert (phones["present"], phones["replayed"], phones["different"]) == (2, 2, 0)
    assert report["rejects"] == [
        {"stage": "transform", "code": "FIELD_MISSING", "field_path": "$.nick", "new": 1, "gone": 0}
    ]
    assert report["rows_meanwhile"] == 0
    assert (names(world), world.rejects("people"), counts(world), ledger(world.database)) == before


def test_a_swap_puts_tables_and_outcomes_in_place_and_loses_no_change_that_came_meanwhile(world):
    world.put("people", [nicked("a", "A"), person("b"), ("c", b"{")])
    world.drain()
    replay = renamed(world)
    replay()
    world.put("people", [nicked("b", "B"), nicked("e", "E")])
    world.drain()
    world.put("people", [nicked("f", "F")])

    said = replay("--swap")
    replay.workers().apply([("people", lane) for lane in range(4)])

    assert names(world) == {"a": "A", "b": "B", "e": "E", "f": "F"}
    assert names(world, "people__before") == {"a": "name of a", "b": "name of b", "e": "name of e"}
    assert counts(world) == (6, 2, 0)
    assert [reject[2] for reject in world.rejects("people")] == ["FIELD_MISSING", "PARSE_JSON"]
    assert world.rows("SELECT state, rejects FROM reject_pattern ORDER BY code") == [("open", 1), ("open", 1)]
    assert f"MIGRATION_CONFIG={replay.mapping}" in said
    replay("--drop")
    assert not {name for name in tables(world) if "__" in str(name)}


def test_what_is_applied_after_the_last_look_and_before_the_lanes_are_shut_is_in_the_new_tables(world):
    world.put("people", [nicked("a", "A")])
    world.drain()
    replay = renamed(world)
    replaying = replay.in_process()
    replaying.run()
    world.put("people", [nicked("a", "A2"), nicked("b", "B")])
    world.drain()

    replaying.swap()

    assert names(world) == {"a": "A2", "b": "B"}
    assert counts(world) == (3, 0, 0)


def test_a_worker_with_the_mapping_from_before_a_swap_writes_nothing_and_leaves(world):
    world.put("people", [nicked("a", "A")])
    world.drain()
    running, replay = world.work(), renamed(world)
    replay()
    replay("--swap")
    world.put("people", [nicked("a", "A2")])

    with pytest.raises(StaleMapping, match="rebuilt by another mapping"):
        running.apply([("people", lane) for lane in range(4)])
    process = world.start()
    code = process.wait(60)

    assert code == 2
    assert names(world) == {"a": "A"}
    replay.workers().apply([("people", lane) for lane in range(4)])
    assert names(world) == {"a": "A2"}


def test_a_running_worker_with_the_old_mapping_leaves_by_itself(world):
    world.put("people", [nicked("a", "A")])
    process = world.start()
    world.until_drained()
    replay = renamed(world)
    replay()
    replay("--swap")
    world.put("people", [nicked("a", "A2")])  # nobody rings: its sweep must find out

    assert process.wait(60) == 2
    assert names(world) == {"a": "A"}


def test_nobody_applies_between_the_fence_and_the_end_of_a_swap_that_died(world):
    world.put("people", [nicked("a", "A")])
    world.drain()
    replay = renamed(world)
    replay()
    replay("--swap", code=-signal.SIGKILL, MIGRATION_FAILPOINTS="replay.renamed")
    world.put("people", [nicked("a", "A2")])
    lanes = [("people", lane) for lane in range(4)]

    left = [work.apply(lanes) for work in (world.work(), replay.workers())]
    refused = replay("--drop", code=2)
    accepted = replay("--accept", code=2)

    assert left == [set(lanes), set(lanes)]
    assert names(world) == {"a": "A"}
    assert "--swap" in refused
    assert "--swap" in accepted
    replay("--swap")
    replay.workers().apply(lanes)
    assert names(world) == {"a": "A2"}


def test_a_replay_that_is_killed_at_each_of_its_steps_goes_on_by_the_same_command(world):
    world.put("people", [nicked(f"u{n}", f"N{n}") for n in range(20)] + [person("x"), ("y", b"{")])
    world.drain()
    replay = renamed(world)

    for number, step in enumerate(KILLED_AT):
        options = ["--swap"] * (number > 3)
        replay(*options, code=-signal.SIGKILL, MIGRATION_FAILPOINTS=step)

    assert names(world) == {f"u{n}": f"N{n}" for n in range(20)}
    assert counts(world) == (22, 2, 0)
    assert world.rows("SELECT state FROM replay") == [("swapped",)]
    assert world.rows("SELECT name FROM stream ORDER BY name") == [("logins",), ("people",), ("trips",)]


def test_partial_changes_are_folded_again_and_their_documents_are_swapped_too(world):
    set_ = doc(op="set", body={"id": "t", "stage": "planned", "phase": "p1", "delay": 1})
    world.put("trips", [("t", set_), ("t", doc(op="change", body={"id": "t", "phase": "p2"}))])
    world.drain()
    replay = changed(world, "trips", "stage: $.stage,", "stage: $.phase,")
    replay()
    replay("--swap")
    world.put("trips", [("t", doc(op="change", body={"id": "t", "delay": 9}))])

    replay.workers().apply([("trips", lane) for lane in range(4)])

    assert world.rows("SELECT id, stage, delay FROM {target}.trips") == [("t", "p2", 9)]
    assert world.rows("SELECT COUNT(*) FROM merged_document") == [(1,)]


def test_a_replay_from_raw_that_lacks_rows_is_not_swapped(world):
    world.put("people", [nicked("a", "A"), nicked("b", "B")])
    world.drain()
    with world.database.transaction() as session:
        session.execute(
            "DELETE FROM raw_people WHERE sequence = (SELECT * FROM (SELECT MAX(sequence) FROM raw_people) m)"
        )
    replay = renamed(world)
    replay()

    said = replay("--swap", code=1)

    assert "1 rows that stream 'people' has applied are no longer in raw" in said
    assert names(world) == {"a": "name of a", "b": "name of b"}
    world.put("people", [nicked("a", "A2")])
    world.drain()  # its lanes are as open as they were
    with world.database.transaction() as session:
        session.execute("UPDATE lane_head SET `rows` = `rows` - 1 WHERE `rows` > 0 LIMIT 1")
        session.execute("UPDATE lane_progress SET n_applied = n_applied - 1 WHERE n_applied > 0 LIMIT 1")


def test_a_replay_can_be_dropped_and_begun_anew_by_another_mapping(world):
    world.put("people", [nicked("a", "A"), person("b")])
    world.drain()
    renamed(world)()
    other = changed(world, "people", "name: $.name,", "name: {constant: same},")

    refused = other(code=2)
    other("--drop")
    report = other.report()

    assert "another mapping" in refused
    assert names(world, "people__shadow") == {"a": "same", "b": "same"}
    assert report["tables"][0]["columns"] == {"name": 2, "extra": 2}
    assert world.rows("SELECT state FROM replay ORDER BY replay_id") == [("dropped",), ("running",)]


def test_tables_that_others_refer_to_and_a_swap_without_a_replay_are_refused(world):
    world.rows("CREATE TABLE {target}.pets (id INT PRIMARY KEY, person VARCHAR(40) NOT NULL, CONSTRAINT owner "
               "FOREIGN KEY (person) REFERENCES {target}.people (id)) COLLATE utf8mb4_0900_bin")  # fmt: skip

    replay = renamed(world)

    assert "foreign keys or triggers" in replay(code=2)
    assert "there is no replay of stream 'people' to swap" in replay("--swap", code=2)
    assert world.rows("SELECT * FROM replay") == []


def test_a_mapping_that_is_accepted_may_write_and_the_others_may_not(world):
    replay = renamed(world)

    replay("--accept")
    world.put("people", [nicked("a", "A")])

    with pytest.raises(StaleMapping):
        world.work()
    replay.workers().apply([("people", lane) for lane in range(4)])
    assert names(world) == {"a": "A"}


def test_a_paused_stream_is_replayed_as_far_as_it_is_applied(world):
    world.put("people", [nicked("a", "A")])
    world.drain()
    stream_id = registered(world.database, "people").stream_id
    with world.database.transaction() as session:
        pause_stream(session, stream_id, "for a comparison")
    world.put("people", [nicked("b", "B")])

    assert renamed(world).report()["rows"] == 1


def test_what_a_swap_put_in_place_is_compared_though_no_row_is_new(world):
    world.put("people", [nicked("a", "A")])
    world.drain()
    verified(world)
    same = Replay(world, "people", world.mapping_file)
    same()
    same("--swap")
    with world.database.transaction() as session:
        session.execute(f"UPDATE {world.target}.people SET name = 'spoilt'")

    assert verified(world, since_last=True).differences == 1


def test_ledger_and_report_know_nothing_of_a_replay_that_is_under_way(world):
    world.put("people", [nicked("a", "A"), person("b")])
    world.drain()
    before = (source_ledgers(world.database), stream_proofs(world.database), patterns(world.database))
    told = (report_facts.streams(world.database), report_facts.events(world.database))

    renamed(world)()
    ((failing,),) = world.rows("SELECT hash FROM reject_pattern")

    assert (source_ledgers(world.database), stream_proofs(world.database), patterns(world.database)) == before
    assert (report_facts.streams(world.database), report_facts.events(world.database)) == told
    with pytest.raises(ConfigError, match="no pattern begins with"):
        the_pattern(world.database, str(failing))
