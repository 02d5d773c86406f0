"""A stack of three small servers: started once, remembered, kept as long as somebody needs it, frank when one dies."""

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

from local_stack.process import process_of
from local_stack.server import Command, Place
from local_stack.servers import ServerFailed
from local_stack.stack import LocalStack, running
from tests.waiting import until

LISTEN = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    listener.accept()[0].close()
"""


@dataclass
class Listener:
    """The least that a server can be: a process that takes connections at its port."""

    name: str
    program: str = LISTEN

    @property
    def title(self) -> str:
        return self.name.upper()

    @property
    def ports(self) -> tuple[str]:
        return (self.name,)

    def fetch(self, place: Place) -> None:
        """Python is here already."""

    def prepare(self, place: Place, ports: Mapping[str, int]) -> Command:
        return Command([sys.executable, "-S", "-c", self.program, str(ports[self.name])])

    def address(self, port: int, host: str = "127.0.0.1") -> str:
        return f"{host}:{port}"

    def version(self, address: str) -> str | None:
        host, _, port = address.partition(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            return None
        return "1"

    def cause(self, log: str) -> str | None:
        return None


@pytest.fixture
def listeners(monkeypatch) -> dict[str, Listener]:
    listeners = {name: Listener(name) for name in ("mysql", "kafka", "sqs")}
    monkeypatch.setattr("local_stack.stack.SERVERS", tuple(listeners.values()))
    return listeners


@pytest.fixture
def stack(listeners, tmp_path):
    stack = LocalStack(tmp_path / "with a space", cache=tmp_path / "cache", say=lambda _: None)
    yield stack
    stack.reset()


def test_up_twice_starts_nothing_anew(stack):
    servers = stack.up()
    before = (stack.directory / "state.json").read_bytes()

    assert stack.up() == servers == running(stack.directory)

    assert (stack.directory / "state.json").read_bytes() == before


def test_down_leaves_nothing_running_and_up_finds_the_same_ports(stack):
    servers = stack.up()
    stack.down()
    assert running(stack.directory) is None

    assert stack.up() == servers


def test_a_port_that_a_stranger_took_is_not_waited_for(stack):
    before = stack.up()
    stack.down()

    with socket.create_server(("127.0.0.1", int(before.kafka_bootstrap.rpartition(":")[2]))):
        after = stack.up()

    assert after.kafka_bootstrap != before.kafka_bootstrap
    assert after.mysql_url == before.mysql_url


def test_one_server_is_killed_and_started_alone(stack):
    servers = stack.up()

    stack.kill("kafka")
    assert [(one.title, one.running) for one in stack.status()] == [("MYSQL", True), ("KAFKA", False), ("SQS", True)]
    stack.start("kafka")

    assert running(stack.directory) == servers


def test_a_server_that_dies_at_its_start_says_why_and_the_others_stay_known(stack, listeners):
    listeners["kafka"].program = "raise SystemExit('no space left on device')"

    with pytest.raises(ServerFailed, match=r"^KAFKA died: its log ends: no space left on device \(.*kafka\.log\)$"):
        stack.up()

    assert {one.title: one.running for one in stack.status()} == {"MYSQL": True, "KAFKA": False, "SQS": True}
    assert "no space left" in (stack.status()[1].reason or "")
    listeners["kafka"].program = LISTEN
    stack.up()


def _says_nothing_but(words: str, log: Path) -> None:
    """No version, once the server has come so far that it could be asked."""
    until(lambda: words in log.read_text(), f"{log} says {words}")


def test_a_server_that_never_answers_is_given_up(stack, listeners, monkeypatch):
    stack.up()
    stack.stop("sqs")
    listeners["sqs"].program = "import time; print('thinking', flush=True); time.sleep(60)"
    monkeypatch.setattr(listeners["sqs"], "version", lambda _address: _says_nothing_but("thinking", stack.log("sqs")))
    monkeypatch.setattr("local_stack.stack._ARRIVES_WITHIN_SECONDS", 0.0)

    with pytest.raises(ServerFailed, match=r"^SQS does not answer: its log ends: thinking"):
        stack.start("sqs")


def test_the_last_user_that_leaves_stops_what_was_started_for_users(stack):
    users = [process_of(os.getpid()), process_of(os.getppid())]
    for user in users:
        stack.up(user)

    for user, still in zip(users, (True, False), strict=True):
        stack.leave(user)
        assert (running(stack.directory) is not None) is still


def test_what_a_person_has_started_outlives_its_users(stack):
    me = process_of(os.getpid())
    stack.up()
    stack.up(me)

    stack.leave(me)

    assert running(stack.directory) is not None


def test_users_that_died_hold_nothing(stack):
    me = process_of(os.getpid())
    stack.up(replace(me, began="an earlier boot/1"))
    stack.up(me)

    stack.leave(me)

    assert running(stack.directory) is None


def test_stacks_have_ports_of_their_own(listeners, tmp_path):
    stacks = [LocalStack(tmp_path / name, cache=tmp_path / "cache", say=lambda _: None) for name in "abc"]
    try:
        found = [stack.up() for stack in stacks]
        stacks[0].down()

        assert all(one.mysql_url != other.mysql_url for one, other in pairwise(found))
        assert [running(stack.directory) is not None for stack in stacks] == [False, True, True]
    finally:
        for stack in stacks:
            stack.reset()
