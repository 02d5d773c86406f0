"""The command line as a newcomer meets it: every command explains itself, and at once."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from migration_cli.app import app

ROOT = Path(__file__).parents[2]
HEAVY = ("boto3", "sqlalchemy", "pymysql", "confluent_kafka", "alembic", "pydantic", "rich", "structlog", "msgspec")


def commands(command, path=("migration",)):
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))
    if not getattr(command, "commands", {}):
        yield path, command


EVERY = list(commands(typer.main.get_command(app)))
NAMES = [" ".join(path) for path, _ in EVERY]


@pytest.mark.parametrize(("path", "command"), EVERY, ids=NAMES)
def test_every_command_explains_itself_with_an_example_that_parses(path, command):
    told = command.help or ""
    example = re.search(rf"Example: {' '.join(path)}( .*)?$", told, re.MULTILINE)

    assert example, f"{' '.join(path)} has no example of itself in its help"
    arguments = re.findall(r'"[^"]*"|\S+', (example.group(1) or "").strip())
    command.make_context(path[-1], [argument.strip('"') for argument in arguments], resilient_parsing=False)


@pytest.mark.parametrize(("path", "command"), EVERY, ids=NAMES)
def test_every_option_says_what_it_does(path, command):
    for parameter in command.params:
        assert getattr(parameter, "help", ""), f"{' '.join(path)} {parameter.name}"


def test_every_command_that_prints_can_print_json():
    printing = [(path, command) for path, command in EVERY if path[-1] not in SERVICES]

    for path, command in printing:
        assert "as_json" in {parameter.name for parameter in command.params}, " ".join(path)


SERVICES = ("load", "master", "worker", "verifier", "replay")


def test_help_needs_none_of_the_heavy_libraries():
    body = f"import sys; import migration_cli.app; print([name for name in {HEAVY!r} if name in sys.modules])"
    child = subprocess.run([sys.executable, "-c", body], cwd=ROOT, capture_output=True, text=True, check=True)

    assert child.stdout == "[]\n"


def asked(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], **env}
    command = [sys.executable, "-m", "migration_cli", *arguments]
    return subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, check=False)


def test_the_version_is_that_of_the_project():
    assert re.fullmatch(r"migration \d+\.\d+\.\d+\n", asked("--version").stdout)


def test_a_missing_variable_is_one_line_and_exit_code_2():
    answer = asked("status")

    assert answer.returncode == 2
    assert answer.stdout == ""
    assert re.fullmatch(r"environment: DATABASE_URL is missing .*\n", answer.stderr)


def test_a_server_that_is_away_is_one_line_and_exit_code_75():
    answer = asked("status", DATABASE_URL="mysql+pymysql://u:hush@127.0.0.1:9/control")

    assert answer.returncode == 75
    assert answer.stderr.count("\n") == 1
    assert "hush" not in answer.stderr


def test_a_mistyped_command_is_usage_and_names_the_near_one():
    answer = asked("stauts")

    assert answer.returncode == 2
    assert "Did you mean 'status'" in answer.stderr


def test_check_names_what_is_missing_for_every_part_and_says_no():
    answer = asked("check", "--json")

    assert answer.returncode == 1
    for name in ("DATABASE_URL", "SQS_QUEUE_URL", "AWS_REGION"):
        assert name in answer.stdout


def test_pausing_nothing_in_particular_is_refused_before_anything_happens():
    answer = asked("pause", "users", "--all", DATABASE_URL="mysql+pymysql://u:p@127.0.0.1:9/control")

    assert answer.returncode == 2
    assert "--all" in answer.stderr
