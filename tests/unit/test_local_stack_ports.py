"""Ports for servers that begin a moment later."""

import socket
from pathlib import Path

import pytest

from local_stack import ports
from local_stack.ports import free_port, is_free

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_port_where_somebody_listens_is_not_free():
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        assert not is_free(taken)

    assert is_free(taken)


def test_a_port_is_none_of_those_that_are_given_already(monkeypatch):
    monkeypatch.setattr(ports, "_FIRST", 29998)
    monkeypatch.setattr(ports, "_LAST", 30002)
    given = {29998, 29999, 30001, 30002}

    assert free_port(but=given) == 30000


@pytest.mark.skipif(not RANGE.exists(), reason="only Linux tells its range")
def test_no_port_is_one_that_somebody_who_asks_for_any_may_be_given():
    first, last = map(int, RANGE.read_text().split())

    assert not any(first <= free_port() <= last for _ in range(1000))
