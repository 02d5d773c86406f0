"""Doorbells through a real SQS server, and what is left of them when it lies or is away."""

import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain, repeat
from uuid import uuid4

import pytest

from migration_core.doorbell import Doorbell
from migration_core.errors import ConfigError, Transient
from tests.chaos.sqs_faults import answer_lost, cut, error, expired, refused, to
from tests.chaos.sqs_proxy import SqsProxy, sqs_proxy
from tests.waiting import until
from work_queue.attributes import VISIBILITY, attributes, ensure_queue
from work_queue.client import client
from work_queue.queue import WorkQueue

pytestmark = pytest.mark.servers

NOW = timedelta()
SECOND = timedelta(seconds=1)
_A_TASK_HAS_SECONDS = 10
"""To leave after a SIGTERM."""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A queue behind the proxy, with time in the test's hand."""

    def __init__(self, proxy: SqsProxy, url: str) -> None:
        self.proxy = proxy
        self.clock = Clock()
        self.pauses: list[float] = []
        self.sqs = client("eu-central-1", endpoint=proxy.url)
        self.url = url
        self.queue = WorkQueue(self.sqs, url, clock=self.clock, pause=self.pauses.append)

    def sent(self) -> list[list[dict]]:
        return [request["Entries"] for request in self.proxy.requests["SendMessageBatch"]]

    def given_back(self) -> list[int]:
        """For how many seconds each doorbell stays hidden, by the requests so far; waits for the first."""
        requests = self.proxy.requests["ChangeMessageVisibilityBatch"]
        until(lambda: requests, "something is given back")
        return [entry["VisibilityTimeout"] for request in requests for entry in request["Entries"]]

    def received(self, wait: timedelta = SECOND) -> list[Doorbell | None]:
        deliveries = self.queue.receive(wait=wait)
        self.queue.delete(deliveries)
        return [delivery.bell for delivery in deliveries]


@pytest.fixture
def bench(servers, credentials) -> Iterator[Bench]:
    own = client("eu-central-1", endpoint=servers.sqs_endpoint)
    url = ensure_queue(own, f"test-{uuid4().hex}.fifo")
    with sqs_proxy(servers.sqs_endpoint) as proxy:
        bench = Bench(proxy, url)
        yield bench
        bench.queue.close()
    own.delete_queue(QueueUrl=url)
    own.close()


def bell(lane: int = 0, head: int = 1) -> Doorbell:
    return Doorbell("users", lane, head)


def lanes(count: int) -> list[Doorbell]:
    return [bell(lane) for lane in range(count)]


# What a queue does


def test_a_doorbell_arrives_as_it_was_rung(bench):
    assert bench.queue.ring([bell(7, head=123456789012345678)]) == []

    assert bench.received() == [Doorbell("users", 7, 123456789012345678)]
    assert bench.received(NOW) == []


def test_many_doorbells_take_one_request_for_ten(bench):
    bench.queue.ring(lanes(23))

    found = bench.received() + bench.received() + bench.received()

    assert sorted(one.lane for one in found) == list(range(23))
    assert [len(entries) for entries in bench.sent()] == [10, 10, 3]
    assert bench.queue.counts.snapshot() == {
        "request_send": 3, "rung": 23, "request_receive": 3, "received": 23, "request_deleted": 3, "deleted": 23,
    }  # fmt: skip
    assert bench.queue.counts.requests() == 9


def test_a_lane_can_be_rung_again_at_once_although_sqs_remembers_ids_for_five_minutes(bench):
    for head in (1, 1, 2):
        bench.queue.ring([bell(head=head)])

        assert bench.received() == [bell(head=head)]


def test_a_doorbell_in_work_holds_back_its_own_lane_and_no_other(bench):
    bench.queue.ring([bell(1)])
    held = bench.queue.receive(wait=SECOND)
    bench.queue.ring([bell(1), bell(2)])

    assert bench.received() == [bell(2)]
    assert bench.received(NOW) == []

    bench.queue.delete(held)
    assert bench.received() == [bell(1)]


def test_a_receive_waits_for_the_first_doorbell_and_no_longer_than_asked(bench):
    begun = time.monotonic()

    assert bench.queue.receive(wait=SECOND) == []

    assert time.monotonic() - begun > 0.9
    assert [request["WaitTimeSeconds"] for request in bench.proxy.requests["ReceiveMessage"]] == [1]


@pytest.mark.parametrize("body", ["", "not json", '{"stream":"users"}', '{"stream":"u","lane":-1,"head":1}', "[]"])
def test_a_foreign_body_is_delivered_without_a_doorbell_and_can_be_deleted(bench, body):
    bench.sqs.send_message(QueueUrl=bench.url, MessageBody=body or " ", MessageGroupId="g", MessageDeduplicationId="d")

    assert bench.received() == [None]

    assert bench.received(NOW) == []
    assert bench.queue.counts.snapshot()["foreign"] == 1


# Giving back


def test_a_released_doorbell_comes_again_at_once(bench):
    bench.queue.ring([bell()])

    bench.queue.release(bench.queue.receive(wait=SECOND))

    assert bench.received() == [bell()]


def test_a_doorbell_released_for_a_tenth_of_a_second_comes_again_then(bench):
    bench.queue.ring([bell()])
    deliveries = bench.queue.receive(wait=SECOND)
    begun = time.monotonic()

    bench.queue.release(deliveries, after=timedelta(milliseconds=100))
    (seconds,) = bench.given_back()

    assert time.monotonic() - begun >= 0.1
    assert seconds == 0  # a whole second would be the least that the queue itself can wait
    assert bench.received() == [bell()]


def test_a_process_that_leaves_gives_back_what_it_still_holds(bench):
    bench.queue.ring([bell()])
    leaving = WorkQueue(client("eu-central-1", endpoint=bench.proxy.url), bench.url)
    leaving.release(leaving.receive(wait=SECOND), after=timedelta(milliseconds=999))

    leaving.close()

    assert bench.given_back() == [0]
    assert bench.received() == [bell()]


def test_a_receipt_that_another_has_taken_over_is_no_error(bench, caplog):
    bench.queue.ring([bell()])
    slow = bench.queue.receive(wait=SECOND)
    bench.queue.release(slow)
    quick = bench.queue.receive(wait=SECOND)

    bench.queue.delete(slow)
    bench.queue.delete(quick)

    counts = bench.queue.counts.snapshot()
    assert (counts["expired"], counts["deleted"]) == (1, 1)
    assert not caplog.records


def test_an_expired_receipt_as_aws_answers_it_is_no_error(bench, caplog):
    bench.queue.ring(lanes(3))
    bench.proxy.next("DeleteMessageBatch", to(expired, 1))
    bench.proxy.next("ChangeMessageVisibilityBatch", to(refused("ReceiptHandleIsInvalid", sender=True), 0))
    deliveries = bench.queue.receive(wait=SECOND)

    bench.queue.delete(deliveries)
    bench.queue.release(deliveries[:1])

    assert bench.queue.counts.snapshot()["expired"] == 2
    assert bench.queue.counts.snapshot()["deleted"] == 2
    assert not caplog.records


# When the queue lies


def test_entries_that_sqs_refuses_are_sent_again_and_nothing_else_is(bench):
    bench.proxy.next("SendMessageBatch", to(refused(), 1, 3))

    assert bench.queue.ring(lanes(5)) == []

    first, second = bench.sent()
    assert [entry["MessageGroupId"] for entry in second] == ["users-l00001", "users-l00003"]
    assert [entry["MessageDeduplicationId"] for entry in second] == [
        first[number]["MessageDeduplicationId"] for number in (1, 3)
    ]
    assert sorted(one.lane for one in bench.received()) == [0, 1, 2, 3, 4]


def test_an_entry_that_is_refused_for_ever_is_given_up_after_three_requests(bench, caplog):
    bench.proxy.next("SendMessageBatch", to(refused(), 1), to(refused(), 0), to(refused(), 0))

    assert bench.queue.ring(lanes(3)) == [bell(1)]

    assert len(bench.sent()) == 3
    assert bench.queue.counts.snapshot()["not_rung"] == 1
    assert {record.message for record in caplog.records} == {"doorbells_refused"}


def test_an_entry_that_is_our_own_fault_is_not_sent_again(bench):
    bench.proxy.next("SendMessageBatch", to(refused("InvalidMessageContents", sender=True), 0))

    assert bench.queue.ring(lanes(2)) == [bell(0)]

    assert len(bench.sent()) == 1


@pytest.mark.parametrize("fault", [answer_lost, cut, error("RequestThrottled"), error("ServiceUnavailable", 503)])
def test_a_request_that_fails_fast_is_repeated_once_and_rings_once(bench, fault):
    bench.proxy.next("SendMessageBatch", fault)

    assert bench.queue.ring([bell()]) == []

    assert bench.received() == [bell()]
    assert bench.received(NOW) == []
    assert len({entries[0]["MessageDeduplicationId"] for entries in bench.sent()}) == 1


def test_two_rings_of_one_lane_never_share_an_id(bench):
    bench.queue.ring([bell()])
    bench.queue.ring([bell()])

    ids = [entries[0]["MessageDeduplicationId"] for entries in bench.sent()]
    assert len(set(ids)) == 2


def test_a_delete_that_fails_is_counted_and_the_doorbell_comes_again(bench, caplog):
    bench.queue.ring([bell()])
    bench.proxy.next("DeleteMessageBatch", to(refused(), 0))
    deliveries = bench.queue.receive(wait=SECOND)

    bench.queue.delete(deliveries)
    bench.queue.release(deliveries)

    assert bench.received() == [bell()]
    assert bench.queue.counts.snapshot()["not_deleted"] == 1
    assert [record.message for record in caplog.records] == ["doorbells_not_settled"]


# When the queue is away


def test_ringing_a_queue_that_is_away_returns_the_doorbells_and_asks_no_more_for_a_while(bench):
    bench.proxy.next("SendMessageBatch", *[cut] * 4)

    assert bench.queue.ring(lanes(12)) == lanes(12)
    assert bench.queue.ring(lanes(2)) == lanes(2)
    assert len(bench.sent()) == 2

    bench.clock.now += 1
    assert bench.queue.ring(lanes(2)) == lanes(2)
    assert len(bench.sent()) == 4

    bench.clock.now += 1
    assert bench.queue.ring(lanes(2)) == lanes(2)
    assert len(bench.sent()) == 4

    bench.clock.now += 1
    assert bench.queue.ring(lanes(2)) == []
    assert bench.queue.counts.snapshot()["not_rung"] == 18


@pytest.mark.parametrize("fault", [cut, error("AccessDenied", 403), error("RequestThrottled"), error("Oops", 500)])
def test_receiving_from_a_queue_that_is_away_is_worth_another_try(bench, fault):
    bench.queue.ring([bell()])
    bench.proxy.next("ReceiveMessage", fault, fault)

    with pytest.raises(Transient, match="did not answer"):
        bench.queue.receive(wait=NOW)
    with pytest.raises(Transient, match="a moment ago"):
        bench.queue.receive(wait=NOW)

    bench.clock.now += 1
    assert bench.received() == [bell()]


def test_deleting_and_releasing_while_the_queue_is_away_raise_nothing(bench):
    bench.queue.ring(lanes(2))
    one, other = bench.queue.receive(wait=SECOND)
    bench.proxy.next("DeleteMessageBatch", cut, cut)

    bench.queue.delete([one])
    bench.queue.release([other])

    counts = bench.queue.counts.snapshot()
    assert (counts["not_deleted"], counts["not_released"]) == (1, 1)


def test_a_queue_that_falls_silent_does_not_keep_a_stopping_process(bench):
    bench.proxy.black_hole()
    sqs = client("eu-central-1", endpoint=bench.proxy.url, wait=NOW)
    ticks = chain([0.0], repeat(2.0))  # the time-out of the first request, and then time stands still
    sender = WorkQueue(sqs, bench.url, clock=ticks.__next__)

    assert sender.ring(lanes(30)) == lanes(30)

    assert bench.proxy.happened["black_hole"] == 1  # neither the SDK nor the queue asks a silent server twice
    assert sqs.meta.config.connect_timeout + sqs.meta.config.read_timeout < _A_TASK_HAS_SECONDS
    bench.proxy.clear()
    sender.close()


def test_a_server_that_is_not_there_costs_no_time(credentials):
    pauses: list[float] = []
    sqs = client("eu-central-1", endpoint="http://127.0.0.1:9")
    queue = WorkQueue(sqs, "http://127.0.0.1:9/q.fifo", clock=Clock(), pause=pauses.append)

    assert queue.ring(lanes(30)) == lanes(30)

    assert queue.counts.snapshot()["request_send"] == 2
    assert pauses == [0.05]
    queue.close()


# Its attributes


def test_a_queue_is_created_once_with_the_attributes_that_cannot_be_changed_later(bench):
    name = bench.url.rpartition("/")[2]

    assert ensure_queue(bench.sqs, name) == bench.url

    found = attributes(bench.sqs, bench.url)
    assert found.fifo
    assert not found.content_based_deduplication
    assert found.visibility == VISIBILITY
    assert (found.messages, found.in_flight) == (0, 0)


def test_a_queue_that_makes_its_own_ids_is_refused(bench):
    name = f"test-{uuid4().hex}.fifo"
    wrong = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = bench.sqs.create_queue(QueueName=name, Attributes=wrong)["QueueUrl"]

    with pytest.raises(ConfigError, match="ContentBasedDeduplication is true"):
        ensure_queue(bench.sqs, name)

    bench.sqs.delete_queue(QueueUrl=url)


def test_a_queue_that_does_not_exist_is_a_mistake_and_one_that_is_silent_is_not(bench, credentials):
    with pytest.raises(ConfigError, match="there is no queue"):
        attributes(bench.sqs, bench.url.replace("test-", "nowhere-"))
    with pytest.raises(Transient):
        attributes(client("eu-central-1", endpoint="http://127.0.0.1:9"), bench.url)


def test_readiness_asks_the_queue_itself(bench):
    bench.queue.check()

    bench.sqs.delete_queue(QueueUrl=bench.url)
    with pytest.raises(ConfigError, match="there is no queue"):
        bench.queue.check()
    ensure_queue(bench.sqs, bench.url.rpartition("/")[2])


def test_what_waits_and_what_is_in_work_is_counted(bench):
    bench.queue.ring(lanes(3))
    held = bench.queue.receive(limit=1, wait=SECOND)

    found = attributes(bench.sqs, bench.url)

    assert (found.messages, found.in_flight, len(held)) == (2, 1, 1)
