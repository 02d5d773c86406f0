"""The circuit breaker on real servers: a stream that rejects too much pauses, alone, and keeps none of the flood."""

import pytest

from db.stream_state import resume_stream
from tests.integration.applying import Applying, doc, person
from tests.integration.command_line import Cli
from tests.integration.emptying import emptied
from tests.integration.test_redrive import bad_person, change, counted_under_patterns

pytestmark = pytest.mark.servers


@pytest.fixture
def world(shared):
    yield emptied(shared)
    assert shared.remainders() == []
    assert counted_under_patterns(shared)


@pytest.fixture
def cli(world, monkeypatch, capsys) -> Cli:
    return Cli(world.url, monkeypatch, capsys)


def drain(world: Applying, *, rows: int = 4000) -> None:
    """As far as the streams let it; a paused one has no work."""
    work = world.work(rows=rows)
    for _ in range(200):
        found = work.looks([(stream, lane) for stream in world.mapping.streams for lane in range(4)])
        ready = [lane for lane, look in found.items() if look.has_work]
        if not ready:
            return
        work.apply(ready)
    raise AssertionError("it never ends")


def resume(world: Applying) -> None:
    with world.database.transaction() as session:
        ((stream_id,),) = session.rows("SELECT stream_id FROM stream WHERE name = 'people'")
        resume_stream(session, stream_id)


def refused(id_: str) -> tuple[str, bytes]:
    return id_, doc(id=id_, name="n", age=13)


@pytest.mark.parametrize("bad", [bad_person, refused])
def test_a_stream_that_rejects_everything_pauses_alone_and_no_flood_is_kept(world, cli, bad, caplog):
    cli.json("breaker", "people", "--in-a-row", "20")
    world.put("people", [bad(f"u{n}") for n in range(300)])
    world.put("trips", [change("t", stage="x")])

    drain(world)

    people = world.ledger("people")
    assert people.state == "paused"
    assert people.rejected < 20
    assert people.pending == 300 - people.rejected
    (listed,) = cli.json("rejects", "list")
    assert listed["pattern"][:10] in people.reason
    assert listed["code"] in people.reason
    alarms = [one for one in caplog.records if one.message == "stream_paused_by_rejects"]
    assert {(one.stream, one.pattern) for one in alarms} == {("people", listed["pattern"])}
    assert (world.ledger("trips").state, world.ledger("trips").applied) == ("running", 1)


def test_a_share_of_the_last_rows_is_enough_when_the_rows_are_many(world, cli):
    cli.json("breaker", "people", "--share", "5", "--of", "100")
    good = [person(f"u{n}") for n in range(400)]
    mixed = [bad_person(f"v{n}") if n % 10 == 0 else person(f"v{n}") for n in range(400)]
    world.put("people", good)
    drain(world, rows=50)
    assert world.ledger("people").state == "running"
    world.put("people", mixed)

    drain(world, rows=50)

    ledger = world.ledger("people")
    assert ledger.state == "paused"
    assert "rows were rejected" in ledger.reason
    assert ledger.rejected < 40


def test_few_rejects_pause_nothing(world):
    world.put("people", [bad_person(f"u{n}") if n % 15 == 0 else person(f"u{n}") for n in range(1500)])

    drain(world, rows=100)

    assert (world.ledger("people").state, world.ledger("people").rejected) == ("running", 100)


def test_after_a_person_resumed_the_same_rows_pass_and_the_next_ones_are_looked_at_again(world, cli):
    cli.json("breaker", "people", "--in-a-row", "20")
    world.put("people", [bad_person(f"u{n}") for n in range(300)])
    drain(world)
    resume(world)

    drain(world)
    passed = world.ledger("people")
    world.put("people", [bad_person(f"u{n}") for n in range(300)])
    drain(world)

    assert (passed.state, passed.rejected, passed.pending) == ("running", 300, 0)
    assert world.ledger("people").state == "paused"
    assert world.ledger("people").rejected < 320


def test_a_stream_whose_very_first_rows_tripped_passes_after_a_resume_too(world):
    world.put("people", [bad_person(f"u{n}") for n in range(700)])
    drain(world)
    first = world.ledger("people")
    resume(world)

    drain(world)

    assert (first.state, first.rejected) == ("paused", 0)
    assert (world.ledger("people").state, world.ledger("people").rejected) == ("running", 700)


def test_another_cause_among_the_rows_that_a_person_resumed_for_still_pauses(world, cli):
    cli.json("breaker", "people", "--in-a-row", "20")
    world.put("people", [bad_person(f"u{n}") for n in range(100)])
    world.put("people", [(f"v{n}", doc(id=f"v{n}")) for n in range(100)])
    drain(world, rows=20)
    assert "TYPE_MISMATCH" in world.ledger("people").reason
    resume(world)

    drain(world, rows=20)

    assert world.ledger("people").state == "paused"
    assert "FIELD_MISSING" in world.ledger("people").reason


def test_what_is_accepted_before_the_resume_never_counts_again(world, cli):
    cli.json("breaker", "people", "--in-a-row", "20")
    world.put("people", [bad_person(f"u{n}") for n in range(100)])
    drain(world)
    (listed,) = cli.json("rejects", "list")
    cli.json("rejects", "accept", listed["pattern"], "--because", "agreed")
    resume(world)
    world.put("people", [bad_person(f"w{n}") for n in range(100)])

    drain(world)

    assert (world.ledger("people").state, world.ledger("people").rejected) == ("running", 200)


def test_a_breaker_is_shown_and_turned_off(world, cli):
    usual = {one["stream"]: one for one in cli.json("breaker")}
    cli.json("breaker", "people", "--off")
    world.put("people", [bad_person(f"u{n}") for n in range(1200)])

    drain(world)

    assert (usual["people"]["share_percent"], usual["people"]["of_rows"], usual["people"]["in_a_row"]) == (
        10,
        1000,
        500,
    )
    assert (world.ledger("people").state, world.ledger("people").rejected) == ("running", 1200)
