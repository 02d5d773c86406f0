"""/healthz, /readyz and /metrics over HTTP; none of them means "caught up"."""

import json
import logging
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Lock, Thread, get_ident
from typing import Any, ClassVar, cast

from migration_core.errors import ConfigError
from runtime.metrics import CONTENT_TYPE
from runtime.telling import told

log = logging.getLogger(__name__)

Check = Callable[[], None]
"""Returns when its part is as it should be, raises a MigrationError that says what is not."""

_CLIENT_SECONDS = 5
_CLIENTS = 32
"""At a time: two probes and a scraper need three."""
_CHECKS_LAST = timedelta(seconds=1)
_TOLD_SECONDS = 1.0


class Heartbeat:
    """When the program's loops last moved: each thread that beats is one, and the one that is latest counts."""

    def __init__(self, limit: timedelta, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit.total_seconds()
        self._clock = clock
        self._last = {get_ident(): clock()}
        self._told: Callable[[], None] = lambda: None
        self._next_told = clock()

    def beat(self) -> None:
        """Call it once in every round of a loop."""
        self._last[get_ident()] = now = self._clock()
        if now >= self._next_told:
            self._next_told = now + _TOLD_SECONDS
            self._told()

    def leave(self) -> None:
        """This thread has no rounds any more."""
        self._last.pop(get_ident(), None)

    def on_beat(self, told: Callable[[], None]) -> None:
        """Let this hear of beats, though not of every one where many come within a second."""
        self._told = told

    def age(self) -> float:
        """Seconds since the last round of the loop that is latest."""
        return self._clock() - min(self._last.copy().values(), default=self._clock())

    def moves(self) -> bool:
        """Whether the loops moved recently enough."""
        return self.age() <= self._limit


class Readiness:
    """The checks of /readyz; askers within a second share one answer, so that they cannot wear the parts down."""

    def __init__(self, checks: Mapping[str, Check], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._checks = checks
        self._clock = clock
        self._lock = Lock()
        self._until = float("-inf")
        self._faults: dict[str, str] = {}

    def faults(self) -> Mapping[str, str]:
        """What is not as it should be, by the check's name; empty when ready."""
        with self._lock:
            if self._clock() >= self._until:
                found = {name: _fault(check) for name, check in self._checks.items()}
                self._faults = {name: fault for name, fault in found.items() if fault}
                self._until = self._clock() + _CHECKS_LAST.total_seconds()
            return self._faults


class HealthServer:
    """Answers from a thread of its own, so that a stuck loop can still be seen to be stuck."""

    def __init__(self, heartbeat: Heartbeat, readiness: Readiness, metrics: Callable[[], bytes]) -> None:
        self._heartbeat = heartbeat
        self._readiness = readiness
        self._metrics = metrics
        self._server: _Server | None = None

    def start(self, host: str, port: int) -> int:
        """Listen, and return the port in use: port 0 takes a free one."""
        handler = type("Handler", (_Handler,), {"answers": self._answers()})
        try:
            server = _Server((host, port), handler)
        except OSError as error:
            raise ConfigError(f"HTTP_PORT {port}: {error.strerror}; set HTTP_PORT=0 for a free one") from error
        Thread(target=server.serve_forever, name="health", daemon=True).start()
        self._server = server
        log.info("http_listening", extra={"host": host, "port": server.server_port})
        return server.server_port

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answers(self) -> dict[str, Callable[[], "_Answer"]]:
        return {"/healthz": self._health, "/readyz": self._ready, "/metrics": self._rendered}

    def _health(self) -> "_Answer":
        body = {"loop_age_seconds": round(self._heartbeat.age(), 3)}
        return _json(body, good=self._heartbeat.moves())

    def _ready(self) -> "_Answer":
        faults = self._readiness.faults()
        return _json({"faults": faults}, good=not faults)

    def _rendered(self) -> "_Answer":
        return HTTPStatus.OK, CONTENT_TYPE, self._metrics()


_Answer = tuple[HTTPStatus, str, bytes]
_Request = socket.socket | tuple[bytes, socket.socket]
"""As socketserver declares it; the second is for datagrams."""


class _Server(ThreadingHTTPServer):
    """Holds few connections at a time, and each for a short while: whoever dawdles makes room for the next."""

    daemon_threads = True
    request_queue_size = _CLIENTS

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._since: dict[_Request, float] = {}
        self._lock = Lock()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # http.server would ask DNS for its own name here, which can take seconds in a container.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "migration", self.server_address[1]

    def process_request(self, request: _Request, client_address: Any) -> None:  # noqa: ANN401 - as socketserver declares it
        with self._lock:
            # The oldest goes, so that a probe, which is quick, comes through whatever others do.
            if len(self._since) >= _CLIENTS:
                oldest = min(self._since, key=self._since.__getitem__)
                del self._since[oldest]
                _hang_up(oldest)
            self._since[request] = time.monotonic()
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        now = time.monotonic()
        with self._lock:
            for request, since in self._since.items():
                if now - since > _CLIENT_SECONDS:
                    _hang_up(request)

    def shutdown_request(self, request: _Request) -> None:
        with self._lock:
            self._since.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that left in the middle is no event; errors of our own are told by the handler."""


def _hang_up(request: _Request) -> None:
    """Its own thread finds out, and ends."""
    with suppress(OSError):
        cast("socket.socket", request).shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    answers: ClassVar[Mapping[str, Callable[[], _Answer]]] = {}
    timeout = _CLIENT_SECONDS
    error_content_type = "text/plain"
    error_message_format = "%(message)s\n"

    def version_string(self) -> str:
        """Without the versions of the language and its library."""
        return "migration"

    def do_GET(self) -> None:
        """Answer one of the three paths; anything else is 404."""
        answer = self.answers.get(self.path.partition("?")[0])
        try:
            status, kind, body = answer() if answer else (HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")
        except Exception:
            log.exception("http_failed", extra={"path": self.path})
            status, kind, body = HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", b"failed\n"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name is http.server's

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The number and its usual phrase: what the client sent is not sent back to it."""
        del message, explain
        super().send_error(code)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is http.server's
        """A probe every few seconds is no event."""


def _json(body: Mapping[str, object], *, good: bool) -> _Answer:
    status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
    said = {"status": "ok" if good else "failing", **body}
    return status, "application/json", json.dumps(said).encode() + b"\n"


def _fault(check: Check) -> str:
    try:
        check()
    except Exception as error:  # noqa: BLE001 - whatever a check raises, the part is not ready, and the answer says so
        return told(error)
    return ""
