"""Reconciliation on real servers: every difference at its row and column, and none where there is none."""

import json
import os
import subprocess
import sys

import pytest

from tests.integration.applying import applying, doc, person
from tests.integration.verifying import found, verified

pytestmark = pytest.mark.servers


@pytest.fixture
def world(servers, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    with applying(servers, tmp_path) as made:
        yield made


def change(world, *statements):
    """Behind the back of every program."""
    with world.database.transaction() as session:
        for statement in statements:
            session.execute(statement.replace("{target}", world.target))


class TestImages:
    def test_a_true_copy_has_no_difference_whatever_became_of_its_rows(self, world):
        world.put("people", [
            person("a", "old", ["1", "2"]), person("b", extra={"b": [1, 0.5]}), person("a", "new", ["2", "3"], age=5),
            person("c"), ("c", None), person("d"), person("d", hidden=True), person("e", age=13),
            person("f", age=300), ("g", b"{"), (None, doc(id="h")),
        ])  # fmt: skip
        world.drain()

        verification = verified(world)

        assert verification.equal, verification
        assert verification.compared == {"people": 2, "phones": 2, "logins": 0, "trips": 0}

    def test_each_difference_is_found_at_its_row_and_column(self, world):
        world.put("people", [person(name, "n", ["1", "2"], age=7) for name in "abcdef"])
        world.drain()
        change(
            world,
            "UPDATE {target}.people SET name = 'N' WHERE id = 'a'",
            "UPDATE {target}.people SET age = NULL, source_sequence = 1 WHERE id = 'b'",
            "DELETE FROM {target}.people WHERE id = 'c'",
            "DELETE FROM {target}.phones WHERE person_id = 'd' AND number = '2'",
            "INSERT INTO {target}.phones VALUES ('e', '3', 1)",
            "INSERT INTO {target}.people (id, name, source_sequence) VALUES ('x', 'n', 1)",
            "INSERT INTO {target}.phones VALUES ('y', '1', 1)",
        )

        verification = verified(world)

        assert found(world, verification) == {
            ("people", "different", ("a",), "name"),
            ("people", "different", ("b",), "age"),
            ("people", "different", ("b",), "source_sequence"),
            ("people", "missing", ("c",), ""),
            ("phones", "missing", ("d", "2"), ""),
            ("phones", "extra", ("e", "3"), ""),
            ("people", "extra", ("x",), ""),
            ("phones", "extra", ("y", "1"), ""),
        }
        assert verification.differences == 8
        assert not verification.equal


class TestCommand:
    def test_the_answer_is_an_exit_code_and_the_differences_are_listed_with_their_values_masked(self, world):
        world.put("people", [person("a", "secret", age=7)])
        world.drain()

        assert asked(world, "verify", "--json")[0] == 0
        change(world, "UPDATE {target}.people SET name = 'SECRET', age = 8")
        code, told = asked(world, "verify", "people", "--json")
        listed = asked(world, "verify", "--list", "--json")

        assert code == listed[0] == 1
        assert told["compared"] == {"people": 1, "phones": 0}
        assert {(one["column"], one["pattern"], one["differences"]) for one in told["patterns"]} == {
            ("name", "upper and lower case", 1),
            ("age", "another whole number", 1),
        }
        assert {(one["column"], one["expected"], one["actual"]) for one in listed[1]["samples"]} == {
            ("name", "string 5..16 a", "string 5..16 A"),
            ("age", "string 1 9", "string 1 9"),
        }


def asked(world, *arguments):
    """(exit code, JSON) of the real command."""
    child = subprocess.run(
        [sys.executable, "-m", "migration_cli", *arguments],
        env={**os.environ, **world.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.stderr == ""
    return child.returncode, json.loads(child.stdout)
