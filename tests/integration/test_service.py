"""A whole process inside its surroundings: what a container platform sees of it."""

import json
import os
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).parents[2]
BODY = """
import os, sys
from runtime.exits import run
from runtime.service import service
from runtime.settings import DatabaseAccess, Http, Output, Settings

class Own(Settings):
    database: DatabaseAccess
    http: Http
    output: Output

def main():
    settings = Own.from_env(os.environ)
    with service("sample", settings, {}) as process:
        process.metrics.received.labels(stream="users").inc(7)
        while not process.stop.wait(0.05):
            process.heartbeat.beat()

sys.exit(run(main))
"""


def begun(**env: str) -> subprocess.Popen[str]:
    full = {"PATH": os.environ["PATH"], "HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0", **env}
    return subprocess.Popen(
        [sys.executable, "-c", BODY], cwd=ROOT, env=full, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_service_listens_tells_its_configuration_and_leaves_when_asked():
    child = begun(DATABASE_URL="mysql+pymysql://u:hush@h/c", METRICS_EMF="1")
    first, second = json.loads(child.stdout.readline()), json.loads(child.stdout.readline())
    connection = HTTPConnection("127.0.0.1", first["port"], timeout=60)
    connection.request("GET", "/healthz")
    healthy = connection.getresponse().status
    connection.close()

    child.send_signal(signal.SIGTERM)
    rest, told = child.communicate(timeout=60)

    assert (healthy, child.returncode, told) == (200, 0, "")
    assert (first["event"], second["event"]) == ("http_listening", "started")
    assert second["configuration"]["DATABASE_URL"] == "mysql+pymysql://u:***@h/c"
    events = [json.loads(line) for line in rest.splitlines()]
    assert [line["migration_received_total"] for line in events if "_aws" in line] == [7]
    assert events[-1]["event"] == "stopped"
    assert "hush" not in rest


def test_a_service_without_its_configuration_says_so_in_one_line_and_exits_2():
    child = begun(LOG_LEVEL="loud")

    said, told = child.communicate(timeout=60)

    assert child.returncode == 2
    assert said == ""
    assert told.count("\n") == 1
    assert "DATABASE_URL is missing" in told
    assert "LOG_LEVEL" in told
