"""The health endpoint as a probe and a scraper see it."""

import json
import socket
import threading
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPConnection
from select import select

import pytest

from migration_core.errors import ConfigError, Transient
from runtime import health
from runtime.health import HealthServer, Heartbeat, Readiness
from runtime.metrics import Metrics


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Part:
    """A part that is away while `fault` is set; counts how often it was asked."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.asked = 0

    def check(self) -> None:
        self.asked += 1
        if self.fault is not None:
            raise self.fault


class Probe:
    def __init__(self) -> None:
        self.clock = Clock()
        self.part = Part()
        self.metrics = Metrics()
        self.heartbeat = Heartbeat(timedelta(seconds=10), clock=self.clock)
        readiness = Readiness({"database": self.part.check}, clock=self.clock)
        self.server = HealthServer(self.heartbeat, readiness, self.metrics.render)
        self.port = self.server.start("127.0.0.1", 0)

    def ask(self, path: str, method: str = "GET") -> tuple[int, str, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path)
        answer = connection.getresponse()
        found = answer.status, answer.headers["Content-Type"], answer.read()
        connection.close()
        return found


@pytest.fixture
def probe():
    probe = Probe()
    yield probe
    probe.server.close()


def test_healthz_says_whether_the_loop_moved_lately(probe):
    probe.clock.now = 10
    assert probe.ask("/healthz")[0] == 200

    probe.clock.now = 10.5
    status, _, body = probe.ask("/healthz")
    assert status == 503
    assert json.loads(body) == {"status": "failing", "loop_age_seconds": 10.5}

    probe.heartbeat.beat()
    assert probe.ask("/healthz")[0] == 200


def test_readyz_names_the_part_that_is_away_and_recovers(probe):
    probe.part.fault = Transient("the broker is away")
    status, kind, body = probe.ask("/readyz")
    assert (status, kind) == (503, "application/json")
    assert json.loads(body)["faults"] == {"database": "Transient: the broker is away"}

    probe.part.fault = None
    probe.clock.now += 1
    assert probe.ask("/readyz")[0] == 200


def test_readyz_does_not_quote_a_foreign_error(probe):
    probe.part.fault = ValueError("password hush")

    assert b"hush" not in probe.ask("/readyz")[2]


def test_many_askers_within_a_second_cost_one_check(probe):
    for _ in range(5):
        probe.ask("/readyz")

    assert probe.part.asked == 1


def test_metrics_are_prometheus_text(probe):
    probe.metrics.received.labels(stream="users").inc()

    status, kind, body = probe.ask("/metrics")

    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b'migration_received_total{stream="users"} 1.0' in body


@pytest.mark.parametrize("path", ["/", "/health", "/metrics/", "/healthz/x"])
def test_anything_else_is_404(probe, path):
    assert probe.ask(path)[0] == 404


def test_a_head_request_gets_no_body(probe):
    assert probe.ask("/healthz", "HEAD") == (200, "application/json", b"")


def test_a_port_in_use_is_told_with_its_remedy(probe):
    with pytest.raises(ConfigError, match=f"HTTP_PORT {probe.port}: .*HTTP_PORT=0"):
        HealthServer(probe.heartbeat, Readiness({}), probe.metrics.render).start("127.0.0.1", probe.port)


# whoever else may reach the port


@pytest.fixture(scope="module")
def port():
    """Of one server for all of them: none may leave it worse than it was."""
    probe = Probe()
    yield probe.port
    probe.server.close()


def is_fine(port) -> bool:
    return say(port, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200 ")


def say(port, request: bytes) -> bytes:
    """What comes back until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "<script>"])
def test_only_reading_is_answered_and_nothing_that_was_sent_comes_back(port, method):
    answer = say(port, f"{method} /healthz?canary HTTP/1.1\r\nHost: canary\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.0 501 Not Implemented\r\n")
    assert b"canary" not in answer
    assert method.encode() not in answer


@pytest.mark.parametrize("path", ["/../etc/passwd", "//etc/passwd", "/healthz/..%2f", "http://x/healthz", "/%00"])
def test_no_path_leads_anywhere_else(port, path):
    assert say(port, f"GET {path} HTTP/1.0\r\n\r\n".encode()).startswith(b"HTTP/1.0 404 ")


def test_no_answer_names_what_it_runs_on(port):
    for request in (b"GET /healthz HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", b"X / HTTP/1.0\r\n\r\n"):
        head = say(port, request).partition(b"\r\n\r\n")[0].lower()

        assert b"server: migration\r\n" in head + b"\r\n"
        assert b"python" not in head


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /" + b"a" * (1 << 20) + b" HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\n" + b"x: y\r\n" * 100_000 + b"\r\n",
        b"GET / HTTP/1.0\r\nx: " + b"y" * (1 << 20) + b"\r\n\r\n",
        b"\0" * (1 << 20),
    ],
    ids=["a long line", "a flood of headers", "a long header", "no HTTP at all"],
)
def test_a_large_request_is_cut_off_and_the_next_is_answered(port, request_):
    with suppress(OSError):  # it hangs up while we still send
        assert not say(port, request_).startswith(b"HTTP/1.0 200")

    assert is_fine(port)


def test_a_body_is_not_read(port):
    request = b"GET /healthz HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n"

    assert say(port, request).startswith(b"HTTP/1.0 200")


def test_however_many_dawdle_a_probe_comes_through_and_their_number_is_bounded(port, monkeypatch):
    monkeypatch.setattr(health, "_CLIENT_SECONDS", 3600)
    monkeypatch.setattr(health._Handler, "timeout", 3600)
    before = threading.active_count()
    dawdlers = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    try:
        for one in dawdlers:
            with suppress(ConnectionError):
                one.sendall(b"GET /healthz HTT")

        assert is_fine(port)
        turns = 0
        while threading.active_count() > before + health._CLIENTS:
            turns += is_fine(port)  # those that were hung up on are on their way out
            assert turns < 1000
    finally:
        for one in dawdlers:
            one.close()


def test_whoever_sends_a_byte_now_and_then_is_hung_up_on(port, monkeypatch):
    monkeypatch.setattr(health, "_CLIENT_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(b"GET /healthz")
        with suppress(ConnectionError):
            for _ in range(1000):
                client.sendall(b"z")
                assert not select([client], [], [], 0.01)[0] or client.recv(1) == b""

        with pytest.raises(ConnectionError):
            client.sendall(b"z")
