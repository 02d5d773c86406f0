"""The fast part of `make sqs-conformance`, and that the proxy's memory outlives the server behind it."""

from uuid import uuid4

import pytest

from tests.chaos.sqs_proxy import REMEMBERED_SECONDS, sqs_proxy
from tests.conformance.__main__ import SHORTENED
from tests.conformance.bench import Bench, Queue
from tests.conformance.every import CASES, DIFFERENCES, ELASTICMQ, PROXY
from tests.conformance.examining import Target, examine, surprises
from tests.servers import own
from work_queue.client import client

pytestmark = pytest.mark.servers


def test_elasticmq_differs_from_aws_where_the_table_says_and_nowhere_else(servers, credentials):
    target = Target(ELASTICMQ, client(own.REGION, endpoint=servers.sqs_endpoint), REMEMBERED_SECONDS)

    found = examine(target, CASES, slow=False)

    assert [one.words for one in surprises(found, DIFFERENCES)] == []


def test_the_proxy_mends_what_the_table_says(servers, credentials):
    with sqs_proxy(servers.sqs_endpoint, faster=SHORTENED) as proxy:
        target = Target(PROXY, client(own.REGION, endpoint=proxy.url), REMEMBERED_SECONDS / SHORTENED)

        found = examine(target, CASES, slow=False)

    assert [one.words for one in surprises(found, DIFFERENCES)] == []
    assert not any(one.skipped for one in found)


def test_an_id_counts_on_behind_the_proxy_when_the_server_has_lost_everything(servers, credentials):
    direct = client(own.REGION, endpoint=servers.sqs_endpoint)
    name, id_ = f"conformance-{uuid4().hex}.fifo", uuid4().hex
    with sqs_proxy(servers.sqs_endpoint) as proxy:
        bench = Bench(client(own.REGION, endpoint=proxy.url), REMEMBERED_SECONDS)
        queue = Queue(bench.sqs, direct.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})["QueueUrl"])
        queue.send("first", MessageDeduplicationId=id_)
        direct.delete_queue(QueueUrl=queue.url)
        direct.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})

        queue.send("second", MessageDeduplicationId=id_)

        assert queue.drained() == []
        direct.delete_queue(QueueUrl=queue.url)
