"""A server under examination: queues of a case's own on it, with the few calls that cases are made of."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.conformance.differing import Differs

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_EXPIRES_SECONDS = 1
"""The shortest visibility time-out there is."""
_A_MOMENT = 0.3

Message = dict[str, Any]


@dataclass(slots=True)
class Queue:
    """One FIFO queue; every message has a fresh deduplication id unless the case names one."""

    sqs: "SQSClient"
    url: str

    def send(self, body: str, group: str = "g", **named: Any) -> Message:
        return self.sqs.send_message(
            QueueUrl=self.url,
            MessageBody=body,
            MessageGroupId=group,
            **{"MessageDeduplicationId": uuid4().hex, **named},
        )

    def send_batch(self, *bodies: str, **named: Any) -> Message:
        """All in one group and one request; `named` goes into every entry."""
        entries = [
            {
                "Id": str(number), "MessageBody": body, "MessageGroupId": "g",
                "MessageDeduplicationId": uuid4().hex, **named,
            }
            for number, body in enumerate(bodies)
        ]  # fmt: skip
        return self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    def receive(self, count: int = 10, *, wait: int = 1, **named: Any) -> list[Message]:
        """What one request gives."""
        answer = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=count, WaitTimeSeconds=wait, **{"AttributeNames": ["All"], **named}
        )
        return answer.get("Messages", [])

    def take(self, count: int = 1, **named: Any) -> list[Message]:
        """So many messages in one request, no more and no fewer."""
        messages = self.receive(count, **named)
        if len(messages) != count:
            raise Differs(f"{len(messages)} messages in one receive, not {count}")
        return messages

    def bodies(self, count: int = 10, *, wait: int = 1, **named: Any) -> list[str]:
        return [message["Body"] for message in self.receive(count, wait=wait, **named)]

    def drained(self) -> list[str]:
        """Bodies of everything that is there, each deleted before more is asked for."""
        found: list[str] = []
        while messages := self.receive():
            found += [message["Body"] for message in messages]
            self.delete(messages)
        return found

    def delete(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def show(self, message: Message, *, after: int) -> None:
        """Change how long it stays invisible."""
        self.sqs.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=after
        )

    def attributes(self) -> dict[str, str]:
        return self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]


@dataclass(slots=True)
class Bench:
    """Where a case is at work; `remembers` is for how many seconds a deduplication id counts there."""

    sqs: "SQSClient"
    remembers: float
    _urls: list[str] = field(default_factory=list)

    def queue(self, **attributes: str) -> Queue:
        """A new FIFO queue, with these attributes beside."""
        name = f"conformance-{uuid4().hex}.fifo"
        url = self.sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true", **attributes})["QueueUrl"]
        self._urls.append(url)
        return Queue(self.sqs, url)

    def until_expired(self) -> None:
        """Wait until what was received with the shortest time-out is visible again."""
        time.sleep(_EXPIRES_SECONDS + _A_MOMENT)

    def until_forgotten(self) -> None:
        """Wait until an id that was sent just now counts no more."""
        time.sleep(self.remembers + _A_MOMENT)

    def remove(self) -> None:
        """The queues, with all that they hold."""
        for url in self._urls:
            self.sqs.delete_queue(QueueUrl=url)
