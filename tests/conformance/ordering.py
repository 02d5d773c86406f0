"""Order: within a group what was sent first comes first, and nothing passes a message that somebody holds."""

from tests.conformance.bench import Bench, Queue
from tests.conformance.case import Case
from tests.conformance.differing import same

_DIGITS = 20


def a_group_arrives_in_order(bench: Bench) -> None:
    """Messages of one group arrive in the order in which they were sent.

    Source: Developer Guide, FIFO queue delivery logic, "Receiving messages"
    """
    queue = bench.queue()
    sent = [str(number) for number in range(12)]
    for body in sent:
        queue.send(body)

    same(queue.drained(), sent)


def a_batch_arrives_in_order(bench: Bench) -> None:
    """Entries of one SendMessageBatch arrive in the order of the request.

    Source: Developer Guide, FIFO queue delivery logic, "Sending messages": stored in the order in which they were sent
    """
    queue = bench.queue()
    sent = [str(number) for number in range(300)]
    for start in range(0, len(sent), 10):
        queue.send_batch(*sent[start : start + 10])

    same(queue.drained(), sent)


def one_receive_takes_several_of_a_group(bench: Bench) -> None:
    """One receive takes as many messages of a group as it may before it turns to another group.

    Source: Developer Guide, FIFO queue delivery logic, "Receiving messages";
    localstack test_fifo_receive_message_group_id_ordering, validated against AWS
    """
    queue = bench.queue()
    for body, group in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a")):
        queue.send(body, group)

    found = queue.bodies()

    same(sorted(found), ["a1", "a2", "a3", "b1"])
    same([body for body in found if body < "b"], ["a1", "a2", "a3"])


def a_message_in_flight_holds_its_group_alone(bench: Bench) -> None:
    """While a message is in flight no other one of its group is delivered, and other groups go on.

    Source: Developer Guide, FIFO queue delivery logic;
    localstack test_fifo_receive_message_visibility_timeout_shared_in_group, validated against AWS
    """
    queue = _of_two_groups(bench)

    same(queue.bodies(1), ["a1"])
    same(queue.bodies(), ["b1"])
    same(queue.bodies(wait=0), [])


def a_group_opens_when_all_in_flight_is_deleted(bench: Bench) -> None:
    """With one of two messages in flight deleted the group stays shut, with both deleted it opens.

    Source: localstack test_fifo_message_group_visibility_after_delete and ..._partial_delete, validated against AWS
    """
    queue = bench.queue()
    queue.send_batch("1", "2", "3")
    one, other = queue.take(2)

    queue.delete([one])
    same(queue.bodies(wait=0), [])
    queue.delete([other])
    same(queue.bodies(), ["3"])


def a_message_given_back_overlaps_one_in_flight(bench: Bench) -> None:
    """Of two messages in flight the first is given back: another consumer gets it, while the second is still held.

    Source: localstack test_fifo_message_group_visibility_after_terminate_visibility_timeout, validated against AWS
    """
    queue = _of_two_groups(bench)
    first, _second = queue.take(2)

    queue.show(first, after=0)

    same(sorted(queue.bodies()), ["a1", "b1"])


def a_message_held_for_longer_lets_out_earlier_ones_only(bench: Bench) -> None:
    """Of three messages whose time is over the second is held for longer: the first comes, the third waits for it.

    Source: localstack snapshots of partial changes of visibility in a group, validated against AWS
    """
    queue = bench.queue(VisibilityTimeout="1")
    queue.send_batch("1", "2", "3")
    _first, second, _third = queue.take(3)

    queue.show(second, after=30)
    bench.until_expired()

    same(queue.bodies(), ["1"])


def order_outlives_the_visibility_timeout(bench: Bench) -> None:
    """Messages that come again after their visibility time-out come in the same order.

    Source: localstack test_fifo_messages_in_order_after_timeout, validated against AWS
    """
    queue = bench.queue(VisibilityTimeout="1")
    for body in "123":
        queue.send(body)
    same(queue.bodies(), ["1", "2", "3"])

    bench.until_expired()

    same(queue.bodies(), ["1", "2", "3"])


def one_attempt_id_gets_the_same_messages(bench: Bench) -> None:
    """A receive that is repeated with its ReceiveRequestAttemptId gets the messages of the first answer again.

    Source: API reference, ReceiveMessage, ReceiveRequestAttemptId
    """
    queue = bench.queue()
    queue.send_batch("1", "2")

    same(queue.bodies(ReceiveRequestAttemptId="attempt"), ["1", "2"])
    same(queue.bodies(ReceiveRequestAttemptId="attempt"), ["1", "2"])


def sequence_numbers_grow(bench: Bench) -> None:
    """Every message has a sequence number of twenty digits, and numbers of one group grow.

    Source: API reference, SendMessage; localstack test_fifo_message_attributes, validated against AWS
    """
    queue = bench.queue()
    numbers = [queue.send(body)["SequenceNumber"] for body in "123"]

    same([len(number) for number in numbers], [_DIGITS] * 3)
    same(numbers, sorted(numbers))


def a_batch_tells_sequence_numbers(bench: Bench) -> None:
    """The answer to SendMessageBatch has a sequence number in each successful line.

    Source: API reference, SendMessageBatchResultEntry
    """
    lines = bench.queue().send_batch("1", "2")["Successful"]

    same(["SequenceNumber" in line for line in lines], [True, True])


def _of_two_groups(bench: Bench) -> Queue:
    queue = bench.queue()
    for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        queue.send(body, group)
    return queue


CASES = tuple(
    Case(run)
    for run in (
        a_group_arrives_in_order,
        a_batch_arrives_in_order,
        one_receive_takes_several_of_a_group,
        a_message_in_flight_holds_its_group_alone,
        a_group_opens_when_all_in_flight_is_deleted,
        a_message_given_back_overlaps_one_in_flight,
        a_message_held_for_longer_lets_out_earlier_ones_only,
        order_outlives_the_visibility_timeout,
        one_attempt_id_gets_the_same_messages,
        sequence_numbers_grow,
        a_batch_tells_sequence_numbers,
    )
)
