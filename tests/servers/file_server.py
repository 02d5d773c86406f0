"""A web server and a server of S3 objects in one, whose every answer can go wrong in a way that is asked for."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import unquote, urlsplit

_POLL_SECONDS = 0.02
_PATIENCE_SECONDS = 120
_BLOCK = 1 << 14


@dataclass(frozen=True)
class Fault:
    """What is wrong with one answer."""

    status: int | None = None
    location: str | None = None
    cut: int | None = None
    """The connection ends after so many bytes of the body."""
    hold: int | None = None
    """Nothing more comes after so many bytes, until `release` or the client is gone."""
    unsized: bool = False
    """No Content-Length: the end of the connection is that of the body."""
    ignores_range: bool = False
    ignores_if_range: bool = False
    shifted: int = 0
    """The range that comes begins so many bytes later than asked for."""
    etag: str | None = None
    body: bytes | None = None
    """Instead of the file's own."""
    encoding: str | None = None


@dataclass
class Asked:
    """One request, and how much of the body was sent."""

    name: str
    headers: dict[str, str]
    sent: int = 0


@dataclass
class FileServer:
    """Serves `files` by path; `faults` of a path are used up one a request."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    held: Event = field(default_factory=Event)
    release: Event = field(default_factory=Event)
    url: str = ""

    def of(self, name: str) -> list[Asked]:
        """The requests of one file."""
        return [one for one in self.asked if one.name == name]

    def sent(self, name: str) -> int:
        """Bytes of one file that were sent in all."""
        return sum(one.sent for one in self.of(name))

    def ranges(self, name: str) -> list[str | None]:
        """From where one file was asked for."""
        return [one.headers.get("range") for one in self.of(name)]


@contextmanager
def file_server(certificate: tuple[Path, Path] | None = None) -> Iterator[FileServer]:
    """At a port of the loopback; with a certificate and its key, over TLS."""
    served = FileServer()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": served}))
    scheme, host = "http", "127.0.0.1"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme, host = "https", "localhost"
    served.url = f"{scheme}://{host}:{server.server_port}"
    Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()
    try:
        yield served
    finally:
        served.release.set()
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is gone, or does not trust the certificate, is what tests are about."""


class _Handler(BaseHTTPRequestHandler):
    served: FileServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = unquote(urlsplit(self.path).path).lstrip("/")
        asked = Asked(name, {key.lower(): value for key, value in self.headers.items()})
        self.served.asked.append(asked)
        faults = self.served.faults.get(name, [])
        fault = faults.pop(0) if faults else Fault()
        if name not in self.served.files and fault == Fault():
            fault = replace(fault, status=404)
        if fault.status is not None:
            self._refuse(fault)
            return
        body = self.served.files[name] if fault.body is None else fault.body
        self._file(asked, body, fault)

    def _file(self, asked: Asked, body: bytes, fault: Fault) -> None:
        etag = fault.etag or f'"{md5(body, usedforsecurity=False).hexdigest()}"'
        if asked.headers.get("if-match", etag) != etag:
            self._refuse(Fault(status=412))
            return
        begin, status = self._begin(asked, etag, fault), 200
        if begin is not None:
            if begin >= len(body):
                self._refuse(Fault(status=416))
                return
            begin, status = begin + fault.shifted, 206
        self.send_response(status)
        self.send_header("ETag", etag)
        if begin is not None:
            self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        if fault.encoding:
            self.send_header("Content-Encoding", fault.encoding)
        rest = body[begin or 0 :]
        if fault.unsized:
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self._send(asked, rest, fault)

    def _begin(self, asked: Asked, etag: str, fault: Fault) -> int | None:
        """The first byte of a range, where one is asked for and given."""
        found = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", ""))
        if found is None or fault.ignores_range:
            return None
        if not fault.ignores_if_range and asked.headers.get("if-range", etag) != etag:
            return None
        return int(found[1])

    def _send(self, asked: Asked, rest: bytes, fault: Fault) -> None:
        most = next((limit for limit in (fault.cut, fault.hold) if limit is not None), len(rest))
        for start in range(0, min(most, len(rest)), _BLOCK):
            block = rest[start : min(start + _BLOCK, most)]
            asked.sent += len(block)  # before the client can have it and look
            self.wfile.write(block)
        self.wfile.flush()
        if fault.hold is not None:
            self.served.held.set()
            self.served.release.wait(_PATIENCE_SECONDS)
        if fault.cut is not None or fault.hold is not None:
            self.close_connection = True

    def _refuse(self, fault: Fault) -> None:
        self.send_response(fault.status or 500)
        if fault.location:
            self.send_header("Location", fault.location)
        self.send_header("Content-Length", "0")
        with suppress(OSError):
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tests look at what was asked for."""
