"""Limits: what a FIFO queue refuses to take, and what it tells of itself."""

from tests.conformance.bench import Bench
from tests.conformance.case import Case
from tests.conformance.differing import refused, same

_MIB = 1 << 20
_LONGEST_ID = 128


def a_message_without_a_group_is_refused(bench: Bench) -> None:
    """A FIFO message needs a group, and a batch with one that has none is refused as a whole.

    Source: localstack test_send_batch_missing_message_group_id_for_fifo_queue, validated against AWS
    """
    queue = bench.queue()
    entry = {"Id": "1", "MessageBody": "b", "MessageDeduplicationId": "id"}

    with refused("MissingParameter"):
        queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=[entry])


def an_id_has_128_characters_at_most(bench: Bench) -> None:
    """Groups and deduplication ids of 128 characters are taken, longer ones are refused.

    Source: API reference, SendMessage, MessageGroupId and MessageDeduplicationId
    """
    queue = bench.queue()
    longest, longer = "x" * _LONGEST_ID, "x" * (_LONGEST_ID + 1)
    queue.send("body", longest, MessageDeduplicationId=longest)

    with refused("InvalidParameterValue"):
        queue.send("body", longer)
    with refused("InvalidParameterValue"):
        queue.send("body", MessageDeduplicationId=longer)
    same([one["Attributes"]["MessageDeduplicationId"] for one in queue.receive()], [longest])


def a_body_has_the_characters_of_xml(bench: Bench) -> None:
    """A body with another character than XML has is refused.

    Source: API reference, SendMessage, "#x9 | #xA | #xD | #x20 to #xD7FF | ..."
    """
    queue = bench.queue()

    for body in ("\x0b", "\ufffe"):
        with refused("InvalidMessageContents"):
            queue.send(body)


def a_body_is_measured_in_bytes(bench: Bench) -> None:
    """A body of one MiB is taken, and a longer one is refused, counted in bytes of UTF-8.

    Source: API reference, SendMessage, "the maximum is 1,048,576 bytes"
    """
    queue = bench.queue()
    queue.send("x" * _MIB)

    for body in ("x" * (_MIB + 1), "\u20ac" * (_MIB // 2)):
        with refused():
            queue.send(body)


def a_batch_is_measured_as_a_whole(bench: Bench) -> None:
    """A batch whose bodies have more than one MiB together is refused.

    Source: API reference, SendMessageBatch, BatchRequestTooLong
    """
    queue = bench.queue()

    with refused("BatchRequestTooLong"):
        queue.send_batch("x" * (_MIB - 100), "y" * 101)


def a_batch_has_ten_entries_at_most(bench: Bench) -> None:
    """A batch of eleven entries is refused.

    Source: localstack test_too_many_entries_in_batch_request, validated against AWS
    """
    queue = bench.queue()

    with refused("TooManyEntriesInBatchRequest"):
        queue.send_batch(*(str(number) for number in range(11)))


def entries_of_a_batch_have_ids_of_their_own(bench: Bench) -> None:
    """A batch in which two entries have one Id is refused.

    Source: API reference, SendMessageBatch, BatchEntryIdsNotDistinct
    """
    queue = bench.queue()
    entry = {"Id": "1", "MessageBody": "b", "MessageGroupId": "g"}
    entries = [{**entry, "MessageDeduplicationId": id_} for id_ in "xy"]

    with refused("BatchEntryIdsNotDistinct"):
        queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)


def a_message_cannot_be_delayed_alone(bench: Bench) -> None:
    """DelaySeconds of one message is refused, since only a whole FIFO queue can have a delay.

    Source: localstack test_fifo_queue_send_message_with_delay_seconds_fails, validated against AWS
    """
    queue = bench.queue()

    with refused("InvalidParameterValue"):
        queue.send("body", DelaySeconds=2)


def a_queue_is_purged_once_a_minute(bench: Bench) -> None:
    """A second PurgeQueue within 60 seconds is refused.

    Source: localstack test_successive_purge_calls_fail, validated against AWS
    """
    queue = bench.queue()
    queue.sqs.purge_queue(QueueUrl=queue.url)

    with refused("PurgeQueueInProgress"):
        queue.sqs.purge_queue(QueueUrl=queue.url)


def a_queue_tells_its_scope(bench: Bench) -> None:
    """A queue tells DeduplicationScope and FifoThroughputLimit as it was created with them.

    Source: API reference, GetQueueAttributes
    """
    wanted = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}

    found = bench.queue(**wanted).attributes()

    same({name: found.get(name) for name in wanted}, wanted)


CASES = tuple(
    Case(run)
    for run in (
        a_message_without_a_group_is_refused,
        an_id_has_128_characters_at_most,
        a_body_has_the_characters_of_xml,
        a_body_is_measured_in_bytes,
        a_batch_is_measured_as_a_whole,
        a_batch_has_ten_entries_at_most,
        entries_of_a_batch_have_ids_of_their_own,
        a_message_cannot_be_delayed_alone,
        a_queue_is_purged_once_a_minute,
        a_queue_tells_its_scope,
    )
)
