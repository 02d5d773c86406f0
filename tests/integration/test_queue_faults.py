"""A queue that lies in every way in which AWS may, between a real master and real workers: the result is the same."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import pytest

from db.ledger import ledger
from db.source_positions import start_positions
from examples.health_devices.scenario import scenario
from examples.scenario import SourceRecord
from migration_core.doorbell import Doorbell
from migration_core.errors import ConfigError
from migration_core.steps import Step, nothing
from migration_worker.serve import DoorbellLoop
from migration_worker.sweeper import Sweeper
from replay.check import check
from replay.publish import ends, publish, read_log
from tests.chaos.sqs_faults import Rates, answer_lost
from tests.chaos.sqs_proxy import SqsProxy, sqs_proxy
from tests.chaos.suspended import go_on, until_stopped
from tests.integration.applying import Applying, applying, person
from tests.integration.evidence import OrderWatch
from tests.integration.migrating import Migrating, migrating
from tests.servers import own
from tests.waiting import until
from work_queue.attributes import QueueAttributes, attributes
from work_queue.client import client
from work_queue.queue import WorkQueue

pytestmark = [pytest.mark.servers, pytest.mark.long]

USERS = 40
RECORDS = 8
"""Changes that are published at once."""


@pytest.fixture(autouse=True)
def _credentials(credentials):
    """The programs inherit them."""


@pytest.fixture
def proxy(servers) -> Iterator[SqsProxy]:
    with sqs_proxy(servers.sqs_endpoint, seed=7) as found:
        yield found


# Whole runs


def at(**rates: float) -> Callable[[SqsProxy], None]:
    """Faults by chance."""
    return lambda proxy: proxy.at(Rates(**rates))


TROUBLES = {
    ("lost", "delayed", "reordered"): at(lost=0.3, delayed=0.3, reordered=0.3),
    ("doubled", "expired"): at(doubled=0.5, expired=0.4),
    ("refused", "throttled", "unavailable"): at(refused=0.5, throttled=0.2, unavailable=0.2),
    ("answer_lost",): at(answer_lost=0.5),
    ("away",): SqsProxy.away,
    ("black_hole",): SqsProxy.black_hole,
}
"""What the queue does for a while, by the names of what must have happened before that ends."""


def test_whatever_the_queue_does_everything_is_applied_once_and_in_order(servers, proxy, tmp_path):
    with migrating(replace(servers, sqs_endpoint=proxy.url), scenario(USERS), tmp_path) as world:
        world.publish_initial()
        world.begin_without_snapshot()
        watch = OrderWatch(world.database, world.scenario.target_schema, world.tables)
        watch.begin()
        world.start_services()
        changes = world.scenario.live()
        for names, begin in TROUBLES.items():
            with during(proxy, begin):
                happened = False
                while not happened:
                    world.written += publish_some(world, changes)
                    world.until(lambda: drained(world), "the last row")
                    happened = all(proxy.happened[name] for name in names)
                assert differences(world) == [], names
        world.written += publish(world.config, changes, world.published)
        world.prove()
        assert watch.end() == []
        assert not world.exits


@contextmanager
def during(proxy: SqsProxy, begin: Callable[[SqsProxy], None]) -> Iterator[None]:
    """From the beginning of a trouble to its end."""
    proxy.happened.clear()
    begin(proxy)
    try:
        yield
    finally:
        proxy.clear()


def publish_some(world: Migrating, changes: Iterator[SourceRecord]) -> int:
    """The next changes; there are always some left for the end."""
    count = publish(world.config, islice(changes, RECORDS), world.published)
    assert count == RECORDS
    return count


def drained(world: Migrating) -> bool:
    """Whether everything that is published has an outcome."""
    streams = ledger(world.database)
    return sum(one.received for one in streams) == world.written and not any(
        one.pending or one.parked for one in streams
    )


def differences(world: Migrating) -> list[str]:
    """What is not as the source says now, while the programs run on."""
    found = ends(world.config, world.scenario)
    with TemporaryDirectory() as folder:
        model = world.scenario.model(Path(folder))
        model.stream(read_log(world.config, start_positions(world.database), found))
        verdict = check(world.database, world.scenario.target_schema, model, ledger(world.database))
        model.close()
    remainders = [str(one) for one in verdict.remainders if one.total]
    return [*verdict.differences, *verdict.rejects, *verdict.counts, *remainders]


# One thing at a time


@pytest.fixture
def world(servers, proxy, tmp_path) -> Iterator[Applying]:
    with applying(replace(servers, sqs_endpoint=proxy.url), tmp_path) as found:
        yield found
        assert found.remainders() == []


def in_queue(servers, world: Applying) -> QueueAttributes:
    """What the server itself says."""
    return attributes(client(own.REGION, endpoint=servers.sqs_endpoint), world.queue_url)


def bells(*lanes: int) -> list[Doorbell]:
    return [Doorbell("people", lane, 1) for lane in lanes]


def loop(world: Applying, queue: WorkQueue, reached=nothing) -> DoorbellLoop:
    """A worker's doorbell loop whose sweeper nobody calls."""
    work = world.work(reached)
    return DoorbellLoop(queue, work, Sweeper(work), wait=timedelta(), reached=reached)


def test_lanes_whose_doorbells_were_in_a_lost_answer_go_on_while_sqs_still_holds_them_back(servers, proxy, world):
    world.put("people", [person(f"u{n}") for n in range(20)])
    world.queue.ring(bells(0, 1, 2, 3))
    proxy.next("ReceiveMessage", answer_lost)

    world.start()
    world.until_drained()

    until(lambda: in_queue(servers, world).in_flight == 4, "all four are held back")
    assert world.rows("SELECT COUNT(*) FROM {target}.people") == [(20,)]


def test_a_worker_that_was_suspended_after_its_commit_finds_its_receipts_expired_and_goes_on(servers, proxy, world):
    sqs = client(own.REGION, endpoint=proxy.url)
    sqs.set_queue_attributes(QueueUrl=world.queue_url, Attributes={"VisibilityTimeout": "1"})
    world.put("people", [person(f"u{n}") for n in range(20)])
    world.queue.ring(bells(0, 1, 2, 3))
    process = world.start(MIGRATION_FAILPOINTS=f"{Step.WORKER_COMMITTED}:1:stop")
    until_stopped(process)
    until(lambda: in_queue(servers, world).in_flight == 0, "the end of the visibility time-out")

    world.put("people", [person(f"u{n}", "new") for n in range(20)])
    go_on(process)
    world.until_drained()
    until(lambda: in_queue(servers, world).messages + in_queue(servers, world).in_flight == 0, "an empty queue")

    assert proxy.happened["receipt_expired"] > 0
    assert world.rows("SELECT name, COUNT(*) FROM {target}.people GROUP BY name") == [("new", 20)]
    assert process.poll() is None
    assert "doorbells_not_settled" not in (world.mapping_file.parent / "worker-0.log").read_text()


def test_two_workers_with_doorbells_of_one_lane_after_one_was_given_back_do_not_interleave(world):
    world.put("people", [person(f"u{n}") for n in range(40)])
    (lane, *_) = world.lanes_with_work("people")
    world.queue.ring([*bells(lane), *bells(lane)])
    first, second = world.queue.receive(2)
    world.queue.release([first])
    other_queue = WorkQueue(client(own.REGION, endpoint=world.environment["AWS_ENDPOINT_URL_SQS"]), world.queue_url)
    other = loop(world, other_queue)
    seen = []

    def let_the_other_try(step: Step) -> None:
        if step is Step.WORKER_READ:
            other.turn(Event())
            counts = other_queue.counts.snapshot()
            seen.append((counts.get("received"), counts.get("deleted"), world.rows("SELECT id FROM {target}.people")))

    loop(world, world.queue, let_the_other_try).serve([second])
    until(lambda: other.turn(Event()) or other_queue.counts.snapshot().get("deleted"), "the other doorbell's end")
    other_queue.close()

    assert seen == [(1, None, [])]
    assert lane not in world.lanes_with_work("people")
    world.drain()
    assert world.ledger("people").applied == 40


def test_a_lane_that_is_rung_again_within_a_second_is_served_again_although_sqs_remembers_ids(proxy, world):
    serving = loop(world, world.queue)
    for name in ("one", "two", "three"):
        world.put("people", [person("a", name)])
        (lane,) = world.lanes_with_work("people")
        world.queue.ring(bells(lane))
        serving.turn(Event())

        assert world.rows("SELECT name FROM {target}.people") == [(name,)]
        assert not world.lanes_with_work("people")


def test_a_queue_that_its_server_has_lost_is_missed_by_nobody(servers, proxy, world):
    process = world.start()
    until(lambda: "ReceiveMessage" in proxy.requests, "the first receive")
    proxy.away()
    client(own.REGION, endpoint=servers.sqs_endpoint).delete_queue(QueueUrl=world.queue_url)
    proxy.clear()

    world.put("people", [person(f"u{n}") for n in range(20)])
    assert world.queue.ring(bells(0, 1, 2, 3)) == bells(0, 1, 2, 3)
    world.until_drained()

    with pytest.raises(ConfigError, match="there is no queue"):
        in_queue(servers, world)
    assert world.rows("SELECT COUNT(*) FROM {target}.people") == [(20,)]
    assert process.poll() is None
