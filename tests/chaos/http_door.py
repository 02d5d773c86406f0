"""An HTTP server for JSON whose door can be shut: connections are refused then, and those that were open end."""

import json
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

JsonAnswer = tuple[int, dict[str, Any]] | None
"""Status and body; None ends the connection without an answer."""
_POLL_SECONDS = 0.02


class HttpDoor:
    """At one port of the loopback for as long as it lives; `answer` gets the value of `header` and the body."""

    def __init__(self, header: str, answer: Callable[[str, dict[str, Any]], JsonAnswer]) -> None:
        self.header = header
        self.answer = answer
        self._connections: set[socket.socket] = set()
        self._lock = Lock()
        self._shut = True
        self._server = _Server(self, 0)
        self.port: int = self._server.server_port
        self.open()

    def open(self) -> None:
        """Let clients in; nothing where they are let in already."""
        if self._shut:
            self._shut = False
            self._server.server_activate()
            Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()

    def shut(self) -> None:
        """Let nobody in, and end every connection."""
        if not self._shut:
            self._shut = True
            self._close_server()
            # A socket that is bound and does not listen refuses connections, and keeps the port from others.
            self._server = _Server(self, self.port)

    def close(self) -> None:
        """For good."""
        if self._shut:
            self._server.server_close()
        else:
            self._close_server()

    def entered(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)

    def left(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.discard(connection)

    def _close_server(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, door: HttpDoor, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler, bind_and_activate=False)
        self.door = door
        self.server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that was killed is no news
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.door.entered(self.connection)

    def finish(self) -> None:
        self.server.door.left(self.connection)
        with suppress(ConnectionError):
            super().finish()

    def do_POST(self) -> None:
        door = self.server.door
        length = int(self.headers["Content-Length"])
        text = self.rfile.read(length)
        if len(text) < length:  # the client was killed while it asked
            self.close_connection = True
            return
        answer = door.answer(self.headers[door.header], json.loads(text))
        if answer is None:
            self.close_connection = True
            return
        told = json.dumps(answer[1]).encode()
        self.send_response(answer[0])
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is http.server's
        pass
