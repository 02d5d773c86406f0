"""Receipts: whoever received a message holds it for a time, and for no longer."""

from tests.conformance.bench import Bench, Queue
from tests.conformance.case import Case
from tests.conformance.differing import refused, same

_NOT_HELD = ("InvalidParameterValue", "ReceiptHandleIsInvalid", "MessageNotInflight")
"""What AWS says of a receipt that counts no more; which of the three depends on the operation and the moment."""


def a_message_comes_again_after_its_time(bench: Bench) -> None:
    """A message that is not deleted in its visibility time-out comes again, counted, and under the same id.

    Source: Developer Guide, visibility timeout; API reference, ReceiveMessage, ApproximateReceiveCount
    """
    queue = bench.queue(VisibilityTimeout="1")
    queue.send("body")
    (first,) = queue.take()
    bench.until_expired()

    (second,) = queue.take()

    same(second["MessageId"], first["MessageId"])
    same(second["Attributes"]["ApproximateReceiveCount"], "2")


def a_message_given_back_comes_at_once(bench: Bench) -> None:
    """A visibility time-out that is set to 0 gives the message back.

    Source: API reference, ChangeMessageVisibility
    """
    queue = bench.queue()
    queue.send("body")
    (message,) = queue.take()

    queue.show(message, after=0)

    same(queue.bodies(), ["body"])


def an_expired_receipt_deletes_nothing(bench: Bench) -> None:
    """DeleteMessage with a receipt whose time is over is refused: "The receipt handle has expired".

    Source: localstack test_fifo_delete_message_with_expired_receipt_handle, validated against AWS;
    Developer Guide, troubleshooting, "InvalidParameterValue error"
    """
    queue, message = _expired(bench)

    with refused("InvalidParameterValue", says="The receipt handle has expired"):
        queue.delete([message])

    same(queue.bodies(), ["body"])


def an_expired_receipt_fails_alone_in_its_batch(bench: Bench) -> None:
    """In DeleteMessageBatch an expired receipt is a Failed line of the sender's fault, and the others succeed.

    Source: API reference, DeleteMessageBatch and BatchResultErrorEntry; the code as of DeleteMessage
    """
    queue = bench.queue()
    for group in ("old", "good"):
        queue.send(group, group)
    held = {message["Body"]: message for message in queue.take(2)}
    queue.show(held["old"], after=1)
    bench.until_expired()
    handles = [{"Id": name, "ReceiptHandle": message["ReceiptHandle"]} for name, message in held.items()]

    answer = queue.sqs.delete_message_batch(QueueUrl=queue.url, Entries=handles)

    same([line["Id"] for line in answer.get("Successful", [])], ["good"])
    same([(line["Id"], line["SenderFault"]) for line in answer.get("Failed", [])], [("old", True)])


def an_expired_receipt_holds_nothing_for_longer(bench: Bench) -> None:
    """ChangeMessageVisibility with a receipt whose time is over is refused.

    Source: API reference, ChangeMessageVisibility, MessageNotInflight and ReceiptHandleIsInvalid
    """
    queue, message = _expired(bench)

    with refused(*_NOT_HELD):
        queue.show(message, after=30)


def an_earlier_receipt_deletes_nothing(bench: Bench) -> None:
    """A receipt counts no more when its message has been received again.

    Source: API reference, DeleteMessage, "the most recently received ReceiptHandle"
    """
    queue, message = _expired(bench)
    (again,) = queue.take(VisibilityTimeout=30)

    with refused(*_NOT_HELD):
        queue.delete([message])

    queue.show(again, after=0)
    same(queue.bodies(), ["body"])


def a_deleted_message_cannot_be_held(bench: Bench) -> None:
    """ChangeMessageVisibility of a message that is deleted is refused.

    Source: API reference, ChangeMessageVisibility, MessageNotInflight
    """
    queue = bench.queue()
    queue.send("body")
    (message,) = queue.take()
    queue.delete([message])

    with refused(*_NOT_HELD):
        queue.show(message, after=30)


def _expired(bench: Bench) -> tuple[Queue, dict]:
    """A queue with one message whose receipt has expired."""
    queue = bench.queue(VisibilityTimeout="1")
    queue.send("body")
    (message,) = queue.take()
    bench.until_expired()
    return queue, message


CASES = tuple(
    Case(run)
    for run in (
        a_message_comes_again_after_its_time,
        a_message_given_back_comes_at_once,
        an_expired_receipt_deletes_nothing,
        an_expired_receipt_fails_alone_in_its_batch,
        an_expired_receipt_holds_nothing_for_longer,
        an_earlier_receipt_deletes_nothing,
        a_deleted_message_cannot_be_held,
    )
)
