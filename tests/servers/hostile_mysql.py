"""A MySQL server that takes any login and then asks the client for what it should never get."""

import socket
import socketserver
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread

_OK = b"\x00\x00\x00\x02\x00\x00\x00"
_EOF = b"\xfe\x00\x00\x02\x00"
_NO_TLS = 0x000FF7FF
"""Every capability of MySQL 8 but the one that would begin TLS."""
_COM_QUERY = 3


@dataclass
class Hostile:
    """What it asks for, from when on, and everything that clients have sent to it."""

    port: int = 0
    wanted: str = ""
    """The file that it asks for instead of answering a query; "" answers as a server should."""
    honest: int = 0
    """Queries that each session has answered properly first: four are those of every login."""
    in_clear: bool = False
    """Whether it asks for the password as it is."""
    queries: list[bytes] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    """Packets that were no command: files, and passwords."""

    def url(self, password: str = "secret") -> str:
        """As DATABASE_URL."""
        return f"mysql+pymysql://user:{password}@127.0.0.1:{self.port}/control"


@contextmanager
def hostile_mysql() -> Iterator[Hostile]:
    """One that answers until the block ends."""
    hostile = Hostile()

    class Session(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                _talk(self.request, hostile)
            except (ConnectionError, EOFError):
                return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        hostile.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield hostile
        finally:
            server.shutdown()
            thread.join()


def _talk(client: socket.socket, hostile: Hostile) -> None:
    _write(client, 0, _greeting())
    number, _login = _read(client)
    if hostile.in_clear:
        _write(client, number + 1, b"\xfemysql_clear_password\x00")
        number, password = _read(client)
        hostile.sent.append(password)
    _write(client, number + 1, _OK)
    answered = 0
    while True:
        number, packet = _read(client)
        if packet[0] != _COM_QUERY:
            return
        hostile.queries.append(packet[1:])
        if not hostile.wanted or answered < hostile.honest:
            answered += 1
            _answer(client, packet[1:])
            continue
        _write(client, 1, b"\xfb" + hostile.wanted.encode())
        number, content = _read(client)
        while content and number:
            hostile.sent.append(content)
            number, content = _read(client)
        if not number:
            return  # the client passed over the question, and has begun a new command
        _write(client, number + 1, _OK)


def _answer(client: socket.socket, query: bytes) -> None:
    if not query.startswith(b"SELECT @@local_infile"):
        _write(client, 1, _OK)
        return
    for number, packet in enumerate((b"\x02", _column(), _column(), _EOF, b"\x011\x0867108864", _EOF), 1):
        _write(client, number, packet)


def _greeting() -> bytes:
    return (
        b"\x0a9.7.4\x00" + struct.pack("<I", 1) + b"saltsalt\x00" + struct.pack("<H", _NO_TLS & 0xFFFF) + b"\xff"
        + struct.pack("<HH", 2, _NO_TLS >> 16) + b"\x15" + bytes(10) + b"saltsaltsalt\x00mysql_native_password\x00"
    )  # fmt: skip


def _column() -> bytes:
    return b"\x03def\x00\x00\x00\x01a\x00\x0c" + struct.pack("<HIBHBH", 63, 20, 8, 0, 0, 0)


def _write(client: socket.socket, number: int, packet: bytes) -> None:
    client.sendall(struct.pack("<I", len(packet))[:3] + bytes([number & 0xFF]) + packet)


def _read(client: socket.socket) -> tuple[int, bytes]:
    head = _exactly(client, 4)
    return head[3], _exactly(client, int.from_bytes(head[:3], "little"))


def _exactly(client: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = client.recv(size - len(found))
        if not piece:
            raise EOFError
        found += piece
    return found
