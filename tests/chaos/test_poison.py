"""Rows that kill, hang or starve the worker that transforms them, and rows that only take their time."""

import resource
import signal
import time
from pathlib import Path

import pytest

from db import lanes
from migration_core.lane import lane_of
from migration_worker.sweeper import POISON_ATTEMPTS
from tests.chaos.columns import FATAL
from tests.chaos.longer import FULL, only_full
from tests.integration.applying import Applying, person
from tests.integration.emptying import emptied
from tests.integration.forked import Forked
from tests.servers import own
from tests.servers.sessions import end_others
from work_queue.client import client

pytestmark = pytest.mark.servers

_WITHIN_SECONDS = 150
_MEGABYTE = 1 << 20


@pytest.fixture
def world(shared, credentials):
    yield emptied(shared)
    shared.stop()


def name_by(world: Applying, function: str) -> None:
    """Let the people's name go through a function of `tests.chaos.columns`."""
    text = world.mapping_file.read_text()
    world.mapping_file.write_text(
        text.replace("name: $.name,", f'name: {{path: $.name, using: "tests.chaos.columns:{function}"}},')
    )


def attempted(world: Applying, id_: str, attempts: int) -> None:
    """As if so many processes had died of the rows at the watermark of this id's lane."""
    parts = world.parts("people")
    lane = lane_of(parts.stream.key_of(b'{"id": "%b"}' % id_.encode(), None), 4)
    with world.database.transaction() as session:
        for _ in range(attempts):
            lanes.mark_attempt(session, parts.registered.stream_id, lane, 0)


def until_drained_by_whoever_lives(world: Applying, **variables: str) -> list[int]:
    """Start a worker whenever the last one has died, until every row has an outcome; how they died."""
    deaths = []
    until = time.monotonic() + _WITHIN_SECONDS
    worker = world.start(**variables)
    while any(world.ledger(stream).pending for stream in world.mapping.streams):
        assert time.monotonic() < until, f"not drained after {deaths}"
        if worker.poll() is not None:
            deaths.append(worker.returncode)
            worker = world.start(**variables)
        time.sleep(0.05)
    return deaths


@pytest.mark.parametrize(
    ("function", "death"),
    [
        pytest.param("hangs", 1, id="hangs"),
        pytest.param("kills", -signal.SIGKILL, id="kills", marks=only_full),
        pytest.param("needs_memory", 1, id="OOM", marks=only_full),
    ],
)
def test_a_row_that_ends_every_worker_is_rejected_alone_and_its_lane_goes_on(world, function, death):
    name_by(world, function)
    world.put("people", [person("bad", name=FATAL), *(person(f"u{n}") for n in range(20))])
    if not FULL:
        attempted(world, "bad", POISON_ATTEMPTS - 2)

    # Long enough for a busy machine to start a worker, where nothing hangs.
    deaths = until_drained_by_whoever_lives(world, STUCK_SECONDS="6" if function == "hangs" else "60")

    assert deaths
    assert set(deaths) == {death}
    assert [(offset, code) for offset, _, code, _ in world.rejects("people")] == [(0, "POISON_CRASH")]
    assert world.ledger("people").applied == 20
    assert world.remainders() == []


def test_rows_that_take_longer_than_a_doorbell_is_invisible_are_applied_once_and_with_no_end_of_rings(world):
    name_by(world, "slow")
    sqs = client(own.REGION, endpoint=world.environment["AWS_ENDPOINT_URL_SQS"])
    sqs.set_queue_attributes(QueueUrl=world.queue_url, Attributes={"VisibilityTimeout": "1"})
    sqs.close()
    world.put("people", [person(f"u{n}", name=str(n)) for n in range(400)])
    world.ring()
    for _ in range(2):
        world.start()

    world.until_drained()

    people = world.ledger("people")
    assert (people.applied, people.superseded, people.rejected) == (400, 0, 0)
    assert world.remainders() == []


def test_a_backlog_that_is_larger_than_the_worker_s_memory_is_worked_off_within_bounds(world):
    size, rows = 4000, 250_000 if FULL else 25_000
    for first in range(0, rows, 5000):
        world.put("people", [person(f"u{n}", extra_text="x" * size) for n in range(first, first + 5000)])
    worker = world.start()

    world.until_drained()

    assert _peak(worker) < min(200 * _MEGABYTE, rows * size * 2)
    assert world.ledger("people").applied == rows


def test_a_worker_that_is_refused_memory_leaves_and_blames_no_row(world):
    worker = world.start()
    _until_it_serves(world, worker)
    used = _status(worker, "VmData")  # not VmSize, which holds room that the allocator has set aside for each thread
    resource.prlimit(worker.pid, resource.RLIMIT_DATA, (used, used))
    world.put("people", [person(f"u{n}", text="x" * 400_000) for n in range(40)])
    world.ring()

    assert worker.wait(60) not in (0, None)
    assert [code for *_, code, _ in world.rejects("people")] == []
    world.start()
    world.until_drained()
    assert world.ledger("people").applied == 40
    assert world.rejects("people") == []


def test_a_worker_that_can_open_no_file_leaves_and_does_not_wait_for_ever(world):
    worker = world.start()
    _until_it_serves(world, worker)
    resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (3, 3))
    with world.database.transaction() as session:
        end_others(session, world.database.schema)

    assert worker.wait(60) not in (0, None)


def _until_it_serves(world: Applying, worker: Forked) -> None:
    world.put("trips", [("t", b'{"op": "set", "body": {"id": "t", "stage": "x"}}')])
    world.until_drained()
    assert worker.poll() is None


def _peak(worker: Forked) -> int:
    return _status(worker, "VmHWM")


def _status(worker: Forked, name: str) -> int:
    """Bytes, as the kernel counts them."""
    lines = Path(f"/proc/{worker.pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
