"""The TCP proxy does to bytes what its faults say, and nothing else; without any server but an echo."""

import socket

import pytest

from tests.chaos.listening import HOST, Listening
from tests.chaos.tcp_proxy import BlackHole, CutAfter, Flip, Latency, Refuse, Way, tcp_proxy
from tests.waiting import until

TEXT = b"0123456789" * 1000


@pytest.fixture
def echo():
    """A server that says everything again; `heard` is what it has heard of connections that have ended."""
    heard = []

    async def serve(reader, writer):
        found = b""
        try:
            while piece := await reader.read(1000):
                found += piece
                writer.write(piece)
                await writer.drain()
        finally:
            heard.append(found)

    listening = Listening(serve)
    yield listening.port, heard
    listening.close()


@pytest.fixture
def proxy(echo):
    with tcp_proxy(HOST, echo[0]) as found:
        yield found


@pytest.fixture
def client(proxy):
    with socket.create_connection((HOST, proxy.port), timeout=60) as found:
        found.sendall(b"hello")
        assert received(found, 5) == b"hello"
        yield found


def received(client, count) -> bytes:
    """So many bytes, or what came before the connection ended."""
    found = b""
    while len(found) < count and (piece := client.recv(count - len(found))):
        found += piece
    return found


def test_bytes_pass_unchanged_and_in_order_at_once_or_late(proxy, client):
    client.sendall(TEXT)
    at_once = received(client, len(TEXT))
    proxy.tell(Latency(0.01))
    for place in range(0, len(TEXT), 1000):
        client.sendall(TEXT[place : place + 1000])

    assert at_once == received(client, len(TEXT)) == TEXT


def test_an_end_reaches_the_other_side_behind_all_bytes(client, echo):
    client.sendall(TEXT)
    client.shutdown(socket.SHUT_WR)

    assert received(client, len(TEXT) + 1) == TEXT
    assert echo[1] == [b"hello" + TEXT]


@pytest.mark.parametrize("count", [0, 1, 2500, 9999])
def test_a_connection_ends_behind_exactly_so_many_bytes(proxy, client, count):
    proxy.tell(CutAfter(count, Way.TO_CLIENT, times=1))
    client.sendall(TEXT)

    try:
        assert received(client, len(TEXT)) == TEXT[:count]
    except ConnectionResetError:
        assert count < len(TEXT)
    assert sum(proxy.fired.values()) == 1


@pytest.mark.parametrize("flip", [Flip(7777), Flip(4, after=b"345"), Flip(0, Way.TO_SERVER)])
def test_one_bit_is_wrong_and_only_once(proxy, client, flip):
    place = flip.at + (TEXT.find(flip.after) + len(flip.after) if flip.after else 0)
    proxy.tell(flip)
    client.sendall(TEXT)
    first = received(client, len(TEXT))
    client.sendall(TEXT)

    assert [n for n in range(len(TEXT)) if first[n] != TEXT[n]] == [place]
    assert first[place] == TEXT[place] ^ 1
    assert received(client, len(TEXT)) == TEXT


def test_a_black_hole_swallows_and_resets_whoever_lost_something_in_the_end(proxy, client):
    hole = BlackHole(frozenset({Way.TO_CLIENT}))
    proxy.tell(hole)
    client.sendall(TEXT)
    until(lambda: proxy.fired[hole], "something is swallowed")
    client.settimeout(0.05)
    with pytest.raises(TimeoutError):
        client.recv(1)
    client.settimeout(10)
    proxy.clear()

    with pytest.raises(ConnectionResetError):
        client.recv(1)


def first_byte(port: int) -> bytes:
    """Of a new connection: it may be reset while it connects, or right behind it."""
    with socket.socket() as client:
        client.connect((HOST, port))
        return client.recv(1)


def test_a_reset_is_heard_at_once_and_new_connections_are_refused_as_long_as_it_is_told(proxy, client):
    refuse = Refuse()
    proxy.tell(refuse)

    assert proxy.reset() == 1
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionResetError):
        first_byte(proxy.port)
    proxy.clear()
    with socket.create_connection((HOST, proxy.port), timeout=60) as again:
        again.sendall(b"hello")
        assert received(again, 5) == b"hello"


@pytest.mark.parametrize("vanished", Way)
def test_of_a_side_that_vanishes_the_other_hears_nothing(proxy, client, echo, vanished):
    assert proxy.half_open(vanished) == 1
    if vanished is Way.TO_CLIENT:
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        assert echo[1] == []  # it goes on listening
    else:
        client.sendall(b"is anybody there?")
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(1)
