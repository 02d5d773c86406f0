"""What a client sees of the proxy before SQS when it lies."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from tests.chaos.sqs_faults import Rates, delayed, doubled, lost, reordered, to
from tests.chaos.sqs_proxy import SqsProxy, sqs_proxy
from tests.conformance.bench import Queue
from tests.conformance.differing import code_of
from tests.servers import own
from work_queue.client import client

pytestmark = pytest.mark.servers


@pytest.fixture
def proxy(servers) -> Iterator[SqsProxy]:
    with sqs_proxy(servers.sqs_endpoint) as found:
        yield found


@pytest.fixture
def queue(proxy, queue_url) -> Iterator[Queue]:
    sqs = client(own.REGION, endpoint=proxy.url)
    yield Queue(sqs, queue_url)
    sqs.close()


def test_a_lost_message_is_accepted_and_never_comes(proxy, queue):
    proxy.next("SendMessageBatch", to(lost, 0))

    assert len(queue.send_batch("a", "b")["Successful"]) == 2

    proxy.clear()
    assert queue.drained() == ["b"]


def test_a_delayed_message_comes_when_its_time_has_come_or_all_faults_end(proxy, queue):
    proxy.next("SendMessageBatch", to(delayed(0.1), 0), to(delayed(60), 0))
    queue.send_batch("soon")
    queue.send_batch("late")

    assert queue.bodies(wait=5) == ["soon"]
    assert queue.attributes()["ApproximateNumberOfMessages"] == "0"
    proxy.clear()
    assert queue.attributes()["ApproximateNumberOfMessages"] == "1"


def test_a_reordered_message_is_overtaken(proxy, queue, monkeypatch):
    monkeypatch.setattr("tests.chaos.withheld._LONGEST_SECONDS", 60.0)
    proxy.next("SendMessageBatch", to(reordered, 0), to(reordered, 0))

    queue.send_batch("1", "2")
    queue.send_batch("3")
    queue.send_batch("4")

    assert queue.drained() == ["2", "1", "4", "3"]


def test_a_doubled_message_is_delivered_again_although_it_is_deleted(proxy, queue):
    queue.send_batch("a")
    (message,) = queue.take()
    proxy.next("DeleteMessageBatch", to(doubled, 0))

    entry = {"Id": "0", "ReceiptHandle": message["ReceiptHandle"]}
    answer = queue.sqs.delete_message_batch(QueueUrl=queue.url, Entries=[entry])

    assert [line["Id"] for line in answer["Successful"]] == ["0"]
    assert queue.drained() == ["a"]


def test_a_purge_takes_everything_that_is_in_the_queue(proxy, queue):
    queue.send_batch("a", "b")

    proxy.purge()

    assert queue.drained() == []
    assert proxy.happened["purged"] == 1


def test_errors_at_a_rate_go_on_until_they_are_cleared(proxy, queue):
    proxy.at(Rates(throttled=1))
    for _ in range(3):
        with pytest.raises(ClientError) as told:
            queue.send_batch("a")
        assert code_of(told.value) == "RequestThrottled"
    assert proxy.happened["throttled"] == 3

    proxy.clear()

    assert queue.send_batch("a")["Successful"]


def test_a_service_that_is_away_refuses_connections_and_one_that_comes_back_is_the_same(proxy, queue):
    queue.send_batch("a")
    proxy.away()
    with pytest.raises((EndpointConnectionError, ConnectionClosedError)):
        queue.send_batch("b")
    with pytest.raises(EndpointConnectionError):
        queue.send_batch("c")

    proxy.clear()

    assert queue.drained() == ["a"]
