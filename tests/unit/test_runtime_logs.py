"""Log lines: one an event, parseable, and without anything that a record or a secret holds."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from migration_core.errors import Halted
from runtime import logs
from runtime.telling import told


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield io.StringIO()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    logging.captureWarnings(capture=False)


def test_an_event_is_one_json_object_with_its_fields(stream):
    logs.configure("migration-worker", to=stream)

    logging.getLogger("migration_worker.loop").warning("lane_busy", extra={"stream": "users", "lane": 7})

    event = json.loads(stream.getvalue())
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "lane_busy",
        "level": "warning",
        "logger": "migration_worker.loop",
        "program": "migration-worker",
        "stream": "users",
        "lane": 7,
    }


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_line_break_in_a_value_cannot_forge_an_event(stream, form):
    logs.configure("migration-master", form=form, to=stream)

    logging.getLogger(__name__).info("topic_seen", extra={"topic": "a\r\n{}\x1b[31m\u2028\x85b"})

    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_words_of_a_foreign_error_are_not_logged_even_as_a_cause(stream, form):
    logs.configure("migration-worker", form=form, to=stream)
    key = "bob@example.org"

    try:
        try:
            {}[key]
        except KeyError as error:
            raise Halted("lane 3 of users stands still") from error
    except Halted:
        logging.getLogger(__name__).exception("lane_halted")

    assert "bob@example.org" not in stream.getvalue()
    assert "lane 3 of users stands still" in stream.getvalue()
    assert "KeyError" in stream.getvalue()
    assert "led to" in stream.getvalue()


def test_a_drivers_error_is_told_by_its_number():
    assert told(Exception(1062, "Duplicate entry 'bob@example.org' for key 'PRIMARY'")) == "Exception 1062"


def test_the_sdks_never_log_requests_even_when_everything_else_is_debugged(stream):
    logs.configure("migration-master", level="DEBUG", to=stream)

    logging.getLogger("botocore.auth").debug("Authorization: hush")
    logging.getLogger("migration_master").debug("batch_read")

    assert "hush" not in stream.getvalue()
    assert "batch_read" in stream.getvalue()


def test_text_is_one_readable_line(stream):
    logs.configure("migration-master", form="text", to=stream)

    logging.getLogger("master").info("gap_found", extra={"topic": "legacy.users", "partition": 3})

    assert stream.getvalue().endswith(" info master gap_found topic=legacy.users partition=3\n")
