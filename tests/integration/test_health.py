"""The health endpoint as a probe and a scraper see it."""

import json
from datetime import timedelta
from http.client import HTTPConnection

import pytest

from migration_core.errors import ConfigError, Transient
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
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
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
