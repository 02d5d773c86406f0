"""Doorbells through SQS FIFO. It may lose, double, delay or refuse them: the work is done all the same, only later."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from migration_core.doorbell import Doorbell, encode, parse
from migration_core.errors import Transient
from work_queue.attributes import attributes
from work_queue.client import LONGEST_WAIT
from work_queue.counts import Counts
from work_queue.later import Later
from work_queue.requests import RETRY, Requests

if TYPE_CHECKING:  # of the development environment only
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef, SendMessageBatchRequestEntryTypeDef

log = logging.getLogger(__name__)

BATCH = 10
"""Entries that SQS takes in one request."""
_ATTEMPTS = 3
_EXPIRED = frozenset({"ReceiptHandleIsInvalid", "InvalidParameterValue", "AWS.SimpleQueueService.MessageNotInflight"})
"""Codes for a receipt whose time is over: somebody else has the doorbell by now, which is no error."""

T = TypeVar("T")
_Failed = list["BatchResultErrorEntryTypeDef"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as received; `bell` is None for a body that is not ours: delete it."""

    receipt: str
    bell: Doorbell | None


class WorkQueue:
    """One FIFO queue; safe to use from several threads, because the SDK's client is."""

    def __init__(
        self,
        client: "SQSClient",
        url: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._url = url
        self._pause = pause
        self._later = Later(partial(self._show, seconds=0))
        self.counts = Counts()
        self._requests = Requests(self.counts, clock, pause)

    def ring(self, bells: Sequence[Doorbell]) -> list[Doorbell]:
        """Send doorbells, and return those that the queue did not take: nothing is raised, their lanes get swept."""
        failed = [bell for batch in _batches(bells) for bell in self._send(batch)]
        self.counts.add("rung", len(bells) - len(failed))
        self.counts.add("not_rung", len(failed))
        return failed

    def receive(self, limit: int = BATCH, wait: timedelta = LONGEST_WAIT) -> list[Delivery]:
        """Up to ten messages, waiting at most 5 s for the first; Transient, at once in an outage, when SQS is away."""
        answer = self._requests.ask(
            "receive",
            lambda: self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(limit, BATCH),
                WaitTimeSeconds=int(min(wait, LONGEST_WAIT).total_seconds()),
            ),
        )
        found = [Delivery(message["ReceiptHandle"], parse(message["Body"])) for message in answer.get("Messages", ())]
        foreign = sum(delivery.bell is None for delivery in found)
        self.counts.add("received", len(found) - foreign)
        self.counts.add("foreign", foreign)
        return found

    def delete(self, deliveries: Sequence[Delivery]) -> None:
        """Forget messages whose work is committed; one that cannot be deleted now only comes again."""
        for batch in _batches([delivery.receipt for delivery in deliveries]):
            self._settle("deleted", batch, self._delete)

    def release(self, deliveries: Sequence[Delivery], after: timedelta = timedelta()) -> None:
        """Give messages back, to be received again after `after`.

        SQS counts whole seconds, so for less than one a thread waits here and then asks for zero.
        """
        receipts = [delivery.receipt for delivery in deliveries]
        if timedelta() < after < timedelta(seconds=1):
            self._later.add(receipts, after.total_seconds())
        else:
            self._show(receipts, seconds=int(after.total_seconds()))

    def check(self) -> None:
        """For /readyz: ConfigError when there is no such queue, Transient when SQS does not answer."""
        attributes(self._client, self._url)

    def close(self) -> None:
        """Give back at once what `release` still holds, and let the connections go."""
        self._later.close()
        self._client.close()

    def _send(self, bells: list[Doorbell]) -> list[Doorbell]:
        # A new id each time: SQS drops an id that it saw within five minutes, even when that message is long deleted.
        left = {str(uuid4()): bell for bell in bells}
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._pause(RETRY.total_seconds() * attempt)
            try:
                refused = self._requests.ask("send", partial(self._send_once, left))
            except Transient:
                break
            left = {entry["Id"]: left[entry["Id"]] for entry in refused}
            if refused:
                log.warning("doorbells_refused", extra={"count": len(refused), "code": refused[0]["Code"]})
            if all(entry["SenderFault"] for entry in refused):
                break
        return list(left.values())

    def _send_once(self, bells: dict[str, Doorbell]) -> _Failed:
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": id_, "MessageBody": encode(bell), "MessageGroupId": bell.group, "MessageDeduplicationId": id_}
            for id_, bell in bells.items()
        ]
        return self._client.send_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", [])

    def _show(self, receipts: list[str], *, seconds: int) -> None:
        for batch in _batches(receipts):
            self._settle("released", batch, partial(self._show_once, seconds=seconds))

    def _settle(self, outcome: str, receipts: list[str], act: Callable[[list[str]], _Failed]) -> None:
        """Delete or give back one batch, and count what became of each."""
        try:
            failed = self._requests.ask(outcome, lambda: act(receipts))
        except Transient:
            self.counts.add(f"not_{outcome}", len(receipts))
            return
        wrong = [entry["Code"] for entry in failed if entry["Code"] not in _EXPIRED]
        if wrong:
            log.warning("doorbells_not_settled", extra={"count": len(wrong), "wanted": outcome, "code": wrong[0]})
        self.counts.add(f"not_{outcome}", len(wrong))
        self.counts.add("expired", len(failed) - len(wrong))
        self.counts.add(outcome, len(receipts) - len(failed))

    def _delete(self, receipts: list[str]) -> _Failed:
        answer = self._client.delete_message_batch(
            QueueUrl=self._url,
            Entries=[{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(receipts)],
        )
        return answer.get("Failed", [])

    def _show_once(self, receipts: list[str], *, seconds: int) -> _Failed:
        answer = self._client.change_message_visibility_batch(
            QueueUrl=self._url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
                for number, receipt in enumerate(receipts)
            ],
        )
        return answer.get("Failed", [])


def _batches(things: Sequence[T]) -> Iterator[list[T]]:
    for start in range(0, len(things), BATCH):
        yield list(things[start : start + BATCH])
