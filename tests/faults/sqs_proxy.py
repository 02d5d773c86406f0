"""A proxy before the real SQS server that can lie as AWS may: refuse entries, throttle, lose answers, fall silent."""

import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

Answer = tuple[int, bytes] | None
"""Status and body; None cuts the connection without an answer."""
Forward = Callable[[dict[str, Any]], tuple[int, bytes]]
Fault = Callable[[dict, Forward], Answer]


class SqsProxy:
    """`next` plans what happens to the coming requests of one operation; all others pass unchanged."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.requests: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.over = Event()
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)

    def next(self, operation: str, *faults: Fault) -> None:
        self._faults[operation].extend(faults)

    def answer(self, target: str, request: dict[str, Any]) -> Answer:
        operation = target.rpartition(".")[2]
        self.requests[operation].append(request)

        def forward(changed: dict[str, Any]) -> tuple[int, bytes]:
            connection = HTTPConnection(self.upstream.hostname, self.upstream.port, timeout=30)
            headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
            connection.request("POST", "/", json.dumps(changed), headers)
            found = connection.getresponse()
            body = found.read()
            connection.close()
            return found.status, body

        planned = self._faults[operation]
        return planned.popleft()(request, forward) if planned else forward(request)


@contextmanager
def sqs_proxy(upstream: str) -> Iterator[tuple[SqsProxy, str]]:
    proxy = SqsProxy(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = proxy.answer(self.headers["X-Amz-Target"], request)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer[0])
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(answer[1])))
            self.end_headers()
            self.wfile.write(answer[1])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is http.server's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield proxy, f"http://127.0.0.1:{server.server_port}"
    finally:
        proxy.over.set()
        server.shutdown()
        server.server_close()


def error(code: str, status: int = 400) -> Fault:
    """The whole request is refused."""
    return lambda _request, _forward: (status, json.dumps({"__type": f"com.amazonaws.sqs#{code}"}).encode())


def cut(_request: dict[str, Any], _forward: Forward) -> Answer:
    """The connection ends before the request arrives."""
    return None


def answer_lost(request: dict[str, Any], forward: Forward) -> Answer:
    """The request is carried out, but nobody hears of it."""
    forward(request)
    return None


def refuse(*numbers: int, code: str = "InternalError", sender: bool = False) -> Fault:
    """Some entries of a batch fail with HTTP 200, as AWS does it."""

    def fault(request: dict[str, Any], forward: Forward) -> Answer:
        entries = request["Entries"]
        good = [entry for number, entry in enumerate(entries) if number not in numbers]
        failed = [
            {"Id": entry["Id"], "SenderFault": sender, "Code": code}
            for number, entry in enumerate(entries)
            if number in numbers
        ]
        body = json.loads(forward({**request, "Entries": good})[1]) if good else {"Successful": []}
        return 200, json.dumps({**body, "Failed": [*body.get("Failed", []), *failed]}).encode()

    return fault
