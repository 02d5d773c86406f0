"""What people are told of rejects: patterns with their look and history, and the whole story of one record."""

import pytest

from tests.integration.applying import doc, person
from tests.integration.command_line import Cli
from tests.integration.emptying import emptied
from tests.integration.test_redrive import bad_person, change, fix

pytestmark = pytest.mark.servers


@pytest.fixture
def world(shared):
    return emptied(shared)


@pytest.fixture
def cli(world, monkeypatch, capsys) -> Cli:
    made = Cli(world.url, monkeypatch, capsys)
    made.env |= {"MIGRATION_CONFIG": str(world.mapping_file)}
    return made


def test_a_pattern_is_listed_with_its_share_its_trend_masked_samples_and_the_last_decision(world, cli):
    world.put("people", [bad_person(f"secret{n}", 4711) for n in range(5)] + [person(f"u{n}") for n in range(15)])
    world.drain()
    with world.database.transaction() as session:
        session.execute("UPDATE reject_hour SET hour = hour - INTERVAL 3 HOUR")
    world.put("people", [bad_person("secret5", 4712)])
    world.drain()
    (listed,) = cli.json("rejects", "list")
    cli.json("rejects", "accept", listed["pattern"], "--because", "agreed", "--by", "kim")

    (found,) = cli.json("rejects", "list")
    _, text, _ = cli.run("rejects", "list")

    assert found["share"] == pytest.approx(6 / 21)
    hours = found["by_hour"]
    assert [count for count in hours if count] == [5, 1]
    assert hours.index(1) - hours.index(5) in (3, 4)  # 4 where an hour began meanwhile
    assert found["samples"] == ["9999"] * 3
    assert (found["state"], found["decision"]["who"], found["decision"]["because"]) == ("accepted", "kim", "agreed")
    assert "accepted by kim" in text
    assert "▂" in text
    assert "secret" not in text
    assert "4711" not in text


def test_a_records_story_has_its_place_its_rule_its_attempts_and_what_came_after(world, cli):
    world.put("people", [bad_person("a"), person("a", "newer"), person("b")])
    world.drain()
    ((lane, sequence),) = world.rows("SELECT lane, sequence FROM reject")
    pattern = cli.json("rejects", "list")[0]["pattern"]
    cli.json("rejects", "redrive", pattern, "--by", "kim")

    rejected = cli.json("rejects", "show", "--record", f"{lane}:{sequence}", "--stream", "people")
    fix(world)
    cli.json("rejects", "redrive", pattern, "--by", "lee")
    mended = cli.json("rejects", "show", "--record", f"{world.name}.people/0/0")
    _, text, _ = cli.run("rejects", "show", "--record", f"{lane}:{sequence}")

    assert (rejected["outcome"], rejected["source"], rejected["offset"]) == ("rejected", f"{world.name}.people", 0)
    assert (rejected["failure"]["code"], rejected["failure"]["field_path"]) == ("TYPE_MISMATCH", "$.name")
    assert [(one["offset"], one["outcome"]) for one in rejected["later"]] == [(1, "done")]
    assert [(one["who"], one["outcome"], one["pattern"]) for one in rejected["attempts"]] == [
        ("kim", "rejected", pattern)
    ]
    assert (mended["outcome"], mended["failure"]) == ("done", None)
    assert [(one["who"], one["outcome"]) for one in mended["attempts"]] == [("kim", "rejected"), ("lee", "done")]
    assert "tried by lee" in text
    assert "later of this key" in text


def test_bytes_and_keys_are_told_in_hex_and_as_text_only_when_asked_for(world, cli):
    world.put("people", [("a", b'{"id":"a","name":"\x1b[31mred"}')])
    world.drain()
    record = f"{world.name}.people/0/0"

    quiet = cli.json("rejects", "show", "--record", record)
    asked = cli.json("rejects", "show", "--record", record, "--bytes")
    _, text, _ = cli.run("rejects", "show", "--record", record, "--bytes")

    assert not {"value", "record_key", "entity_key", "headers"} & quiet.keys()
    assert asked["value"] == {
        "text": r'{"id":"a","name":"\x1b[31mred"}',
        "hex": b'{"id":"a","name":"\x1b[31mred"}'.hex(),
    }
    assert "7b 22 69 64" in text
    assert "\x1b" not in text


def test_a_parked_and_a_pending_row_say_so(world, cli):
    world.put("trips", [change("t", stage=1), change("t", delay=2)])
    world.drain()
    world.put("trips", [("t", doc(op="drop", body={"id": "t"}))])

    outcomes = [
        cli.json("rejects", "show", "--record", f"{world.name}.trips/0/{offset}")["outcome"] for offset in range(3)
    ]

    assert outcomes == ["rejected", "parked", "pending"]


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ("x", "LANE:SEQUENCE"),
        ("1:99", "there is none"),
        ("nowhere/0/1", "no stream reads"),
        ("{name}.people/0/7", "is not stored"),
    ],
)
def test_a_record_that_is_not_there_is_usage_with_a_way_on(world, cli, record, says):
    code, _, err = cli.run("rejects", "show", "--record", record.format(name=world.name))

    assert code == 2
    assert says in err
