"""Deduplication: an id counts for five minutes, whatever became of its message."""

from tests.conformance.bench import Bench
from tests.conformance.case import Case
from tests.conformance.differing import refused, same


def an_id_is_delivered_once(bench: Bench) -> None:
    """A message with an id that was sent before is accepted and not delivered.

    Source: Developer Guide, Amazon SQS FIFO queue key terms, "Message deduplication ID"
    """
    queue = bench.queue()
    for body in ("first", "second"):
        queue.send(body, MessageDeduplicationId="id")

    same(queue.drained(), ["first"])


def an_id_counts_after_its_message_is_deleted(bench: Bench) -> None:
    """An id counts on when its message has been received and deleted.

    Source: Developer Guide, key terms, "continues to keep track ... even after the message is received and deleted"
    """
    queue = bench.queue()
    queue.send("first", MessageDeduplicationId="id")
    same(queue.drained(), ["first"])

    queue.send("second", MessageDeduplicationId="id")

    same(queue.drained(), [])


def an_id_twice_in_a_batch_is_delivered_once(bench: Bench) -> None:
    """Two entries of one batch with one id both succeed, and one of them is delivered.

    Source: Developer Guide, key terms, "Message deduplication ID"
    """
    queue = bench.queue()

    answer = queue.send_batch("first", "second", MessageDeduplicationId="id")

    same(sorted(line["Id"] for line in answer["Successful"]), ["0", "1"])
    same(len(queue.drained()), 1)


def an_id_counts_in_the_whole_queue(bench: Bench) -> None:
    """An id that one group has used is a duplicate in every other group, unless the scope is the group.

    Source: API reference, CreateQueue, DeduplicationScope
    """
    queue = bench.queue()
    for group in ("a", "b"):
        queue.send(group, group, MessageDeduplicationId="id")

    same(queue.drained(), ["a"])


def an_id_counts_in_its_group_where_that_is_the_scope(bench: Bench) -> None:
    """With DeduplicationScope messageGroup two groups may use one id.

    Source: API reference, CreateQueue, DeduplicationScope
    """
    queue = bench.queue(DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    for group in ("a", "b", "a"):
        queue.send(group, group, MessageDeduplicationId="id")

    same(sorted(queue.drained()), ["a", "b"])


def equal_bodies_count_as_one_where_ids_are_made_of_them(bench: Bench) -> None:
    """With ContentBasedDeduplication a body that was sent before is not delivered, and an explicit id overrides it.

    Source: API reference, CreateQueue, ContentBasedDeduplication
    """
    queue = bench.queue(ContentBasedDeduplication="true")
    for _ in range(2):
        queue.sqs.send_message(QueueUrl=queue.url, MessageBody="body", MessageGroupId="g")
    queue.send("body")

    same(queue.drained(), ["body", "body"])


def a_message_without_any_id_is_refused(bench: Bench) -> None:
    """A message with neither an id nor ContentBasedDeduplication is refused, and with it the whole batch.

    Source: localstack test_send_batch_missing_deduplication_id_for_fifo_queue, validated against AWS
    """
    queue = bench.queue()
    bare = {"Id": "1", "MessageBody": "b", "MessageGroupId": "g"}
    good = {**bare, "Id": "2", "MessageDeduplicationId": "id"}

    with refused("InvalidParameterValue"):
        queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=[good, bare])
    same(queue.drained(), [])


def a_purge_forgets_ids(bench: Bench) -> None:
    """After PurgeQueue an id can be used again.

    Source: localstack test_purge_queue_clears_fifo_deduplication_cache, validated against AWS
    """
    queue = bench.queue()
    queue.send("first", MessageDeduplicationId="id")
    queue.sqs.purge_queue(QueueUrl=queue.url)

    queue.send("second", MessageDeduplicationId="id")

    same(queue.drained(), ["second"])


def an_id_is_free_again_after_five_minutes(bench: Bench) -> None:
    """Five minutes after it was sent an id can be used again.

    Source: Developer Guide, key terms, "5-minute deduplication interval"
    """
    queue = bench.queue()
    queue.send("first", MessageDeduplicationId="id")
    bench.until_forgotten()

    queue.send("second", MessageDeduplicationId="id")

    same(queue.drained(), ["first", "second"])


CASES = (
    *(
        Case(run)
        for run in (
            an_id_is_delivered_once,
            an_id_counts_after_its_message_is_deleted,
            an_id_twice_in_a_batch_is_delivered_once,
            an_id_counts_in_the_whole_queue,
            an_id_counts_in_its_group_where_that_is_the_scope,
            equal_bodies_count_as_one_where_ids_are_made_of_them,
            a_message_without_any_id_is_refused,
            a_purge_forgets_ids,
        )
    ),
    Case(an_id_is_free_again_after_five_minutes, waits_for_ids=True),
)
