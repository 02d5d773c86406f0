"""The door before a server: let in, shut out, and let in again at the same port."""

import socket
from contextlib import contextmanager
from http.client import HTTPConnection, RemoteDisconnected

import pytest

from tests.chaos.http_door import HttpDoor


@contextmanager
def door(answer):
    found = HttpDoor("X-Amz-Target", answer)
    try:
        yield found
    finally:
        found.close()


def asked(connection: HTTPConnection) -> tuple[int, bytes]:
    connection.request("POST", "/", b'{"a": 1}', {"X-Amz-Target": "Do"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_request_is_answered_with_what_the_header_and_the_body_make():
    with door(lambda header, body: (201, {"header": header, **body})) as one:
        connection = HTTPConnection("127.0.0.1", one.port, timeout=60)

        assert asked(connection) == (201, b'{"header": "Do", "a": 1}')
        connection.close()


def test_no_answer_ends_the_connection():
    with door(lambda _header, _body: None) as one:
        connection = HTTPConnection("127.0.0.1", one.port, timeout=60)

        with pytest.raises(RemoteDisconnected):
            asked(connection)
        connection.close()


def test_whoever_dies_while_it_asks_is_not_heard(capsys):
    asked_for = []
    with (
        door(lambda _header, body: asked_for.append(body) or (200, {})) as one,
        socket.create_connection(("127.0.0.1", one.port), timeout=60) as client,
    ):
        client.sendall(b'POST / HTTP/1.1\r\nX-Amz-Target: Do\r\nContent-Length: 8\r\n\r\n{"a"')
        client.shutdown(socket.SHUT_WR)

        assert client.recv(1) == b""

    assert asked_for == []
    assert capsys.readouterr().err == ""


def test_a_shut_door_ends_what_is_open_refuses_what_is_new_and_opens_at_the_same_port():
    with door(lambda _header, _body: (200, {})) as one:
        early = HTTPConnection("127.0.0.1", one.port, timeout=60)
        asked(early)
        one.shut()
        one.shut()

        early.auto_open = 0
        with pytest.raises(ConnectionError):
            asked(early)
        late = HTTPConnection("127.0.0.1", one.port, timeout=60)
        with pytest.raises(ConnectionRefusedError):
            asked(late)
        late.close()

        one.open()
        one.open()
        assert asked(late) == (200, b"{}")
        early.close()
        late.close()


def test_a_door_that_is_shut_can_be_closed():
    with door(lambda _header, _body: (200, {})) as one:
        one.shut()
