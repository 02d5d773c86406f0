"""What real SQS does with FIFO messages and ElasticMQ does not: ids remembered for minutes, receipts that expire."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock
from uuid import uuid4

from tests.chaos.sqs_faults import EXPIRED, OK, Answer, Request, receipt_over, rest_of, told

Forward = Callable[[str, Request], Answer]
"""Hands a request of an operation to the server."""
Key = tuple[str, str, str]
"""Queue, group where ids are counted by group, id."""

_LONGEST_ID = 128
_MOST_RECEIPTS = _MOST_IDS = 100_000
_OVER = float("-inf")


class RememberedIds:
    """Answers by deduplication id, for so many seconds from the first time, whatever became of the message."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: OrderedDict[Key, tuple[float, Request]] = OrderedDict()

    def find(self, key: Key, now: float) -> Request | None:
        """The first answer, or None."""
        while self._known and next(iter(self._known.values()))[0] + self._seconds <= now:
            self._known.popitem(last=False)
        return self._known[key][1] if key in self._known else None

    def keep(self, key: Key, line: Request, now: float) -> None:
        """From now on it is a duplicate."""
        self._known[key] = (now, line)

    def forget(self, queue: str) -> None:
        """Everything of one queue."""
        for key in [key for key in self._known if key[0] == queue]:
            del self._known[key]


@dataclass(slots=True)
class Held:
    """A message in somebody's hands, until a moment."""

    message: Request
    queue_url: str
    until: float


class Receipts:
    """Who holds which message, and for how long; the oldest are forgotten."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._last: dict[str, str] = {}
        """Receipt by message id."""

    def hand_out(self, queue_url: str, messages: Iterable[Request], until: float) -> None:
        """A message that is received again makes its earlier receipt expire."""
        for message in messages:
            receipt, message_id = message["ReceiptHandle"], message["MessageId"]
            self.move(self._last.get(message_id, receipt), _OVER)
            self._last[message_id] = receipt
            self._held[receipt] = Held(message, queue_url, until)
        while len(self._held) > _MOST_RECEIPTS:
            self.take_back(next(iter(self._held)))

    def is_over(self, receipt: str, now: float) -> bool:
        """Whether its time has come; of a receipt that was never seen the server decides."""
        return receipt in self._held and self._held[receipt].until <= now

    def move(self, receipt: str, until: float) -> None:
        """To another moment."""
        if receipt in self._held:
            self._held[receipt].until = until

    def find(self, receipt: str) -> Held | None:
        return self._held.get(receipt)

    def take_back(self, receipt: str) -> None:
        """Its message is deleted."""
        held = self._held.pop(receipt, None)
        if held and self._last.get(held.message["MessageId"]) == receipt:
            del self._last[held.message["MessageId"]]


class AwsRules:
    """Stands before the server; the ids that it sees are made anew, so that these rules alone decide what is a double.

    What the rules remember stays when the server is restarted, as it does at AWS.
    """

    def __init__(
        self,
        forward: Forward,
        *,
        remembers: float,
        happened: Counter[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.happened = happened
        self._forward = forward
        self._clock = clock
        self._ids = RememberedIds(remembers)
        self._receipts = Receipts()
        self._sent_as: OrderedDict[str, str] = OrderedDict()
        """The id that a client sent, by the one that the server got; the oldest are forgotten."""
        self._attributes: dict[str, dict[str, str]] = {}
        self._sending, self._receiving = Lock(), Lock()

    def carry_out(self, operation: str, request: Request) -> Answer:
        """The answer that AWS would give, as far as these rules go."""
        match operation:
            case "SendMessage":
                return self._send_one(request)
            case "SendMessageBatch":
                return self._send(request)
            case "ReceiveMessage":
                return self._receive(request)
            case "DeleteMessage" | "ChangeMessageVisibility":
                return self._settle_one(operation, request)
            case "DeleteMessageBatch" | "ChangeMessageVisibilityBatch":
                return self._settle(operation, request)
            case "PurgeQueue" | "DeleteQueue":
                with self._sending:
                    self._ids.forget(_queue(request))
                if operation == "DeleteQueue":
                    self._attributes.pop(_queue(request), None)
            case "CreateQueue" | "SetQueueAttributes":
                named = {**self._attributes.get(_queue(request), {}), **request.get("Attributes", {})}
                self._attributes[_queue(request)] = named
        return self._forward(operation, request)

    def again(self, receipt: str) -> None:
        """Deliver a message a second time, behind what its group has by now."""
        held = self._receipts.find(receipt)
        if held is not None:
            again = {
                "QueueUrl": held.queue_url,
                "MessageBody": held.message["Body"],
                "MessageGroupId": held.message["Attributes"]["MessageGroupId"],
                "MessageDeduplicationId": uuid4().hex,
            }
            self._forward("SendMessage", again)

    # Ids

    def _send_one(self, request: Request) -> Answer:
        with self._sending:
            key, now = self._key(request, request), self._clock()
            known = key and self._ids.find(key, now)
            if known:
                return OK, known
            answer = self._forward("SendMessage", self._renamed(request))
            if key and answer is not None and answer[0] == OK:
                self._ids.keep(key, answer[1], now)
            return answer

    def _send(self, request: Request) -> Answer:
        with self._sending:
            now = self._clock()
            keys = [self._key(request, entry) for entry in request["Entries"]]
            first = [
                key is None or (keys.index(key) == number and not self._ids.find(key, now))
                for number, key in enumerate(keys)
            ]
            fresh = [
                self._renamed(entry) for entry, is_first in zip(request["Entries"], first, strict=True) if is_first
            ]
            answer = self._forward("SendMessageBatch", {**request, "Entries": fresh}) if fresh else (OK, {})
            if answer is None or answer[0] != OK:
                return answer
            lines = list(answer[1].get("Successful", []))
            key_of = {entry["Id"]: key for entry, key in zip(request["Entries"], keys, strict=True)}
            for line in lines:
                if key_of[line["Id"]]:
                    self._ids.keep(key_of[line["Id"]], line, now)
            for entry, key, is_first in zip(request["Entries"], keys, first, strict=True):
                if not is_first and (known := self._ids.find(key, now)):
                    lines.append({**known, "Id": entry["Id"]})
            return OK, {**answer[1], "Successful": lines}

    def _key(self, request: Request, entry: Request) -> Key | None:
        id_ = entry.get("MessageDeduplicationId")
        if not id_ or len(id_) > _LONGEST_ID:
            return None
        by_group = self._attribute(request, "DeduplicationScope") == "messageGroup"
        return _queue(request), entry.get("MessageGroupId", "") if by_group else "", id_

    def _renamed(self, entry: Request) -> Request:
        """Under an id that the server has never seen; what it would refuse stays as it is."""
        id_ = entry.get("MessageDeduplicationId")
        if not id_ or len(id_) > _LONGEST_ID:
            return entry
        own = uuid4().hex
        self._sent_as[own] = id_
        if len(self._sent_as) > _MOST_IDS:
            self._sent_as.popitem(last=False)
        return {**entry, "MessageDeduplicationId": own}

    # Receipts

    def _receive(self, request: Request) -> Answer:
        wanted = {*request.get("AttributeNames", ()), *request.get("MessageSystemAttributeNames", ())}
        seconds = float(request.get("VisibilityTimeout", self._attribute(request, "VisibilityTimeout") or 30))
        answer = self._forward("ReceiveMessage", {**request, "AttributeNames": ["All"]})
        if answer is None or not answer[1].get("Messages"):
            return answer
        messages = answer[1]["Messages"]
        with self._receiving:
            self._receipts.hand_out(request["QueueUrl"], messages, self._clock() + seconds)
        return OK, {**answer[1], "Messages": [self._shown(message, wanted) for message in messages]}

    def _shown(self, message: Request, wanted: set[str]) -> Request:
        """With the attributes that were asked for, and the id that was sent."""
        known = dict(message["Attributes"])
        if "MessageDeduplicationId" in known:
            id_ = known["MessageDeduplicationId"]
            known["MessageDeduplicationId"] = self._sent_as.get(id_, id_)
        shown = {name: value for name, value in known.items() if "All" in wanted or name in wanted}
        left = {name: value for name, value in message.items() if name != "Attributes"}
        return {**left, "Attributes": shown} if shown else left

    def _settle_one(self, operation: str, request: Request) -> Answer:
        with self._receiving:
            if self._receipts.is_over(request["ReceiptHandle"], self._clock()):
                self.happened["receipt_expired"] += 1
                return 400, told("InvalidParameterValue", EXPIRED.format(request["ReceiptHandle"]))
        answer = self._forward(operation, request)
        if answer is not None and answer[0] == OK:
            self._settled([request])
        return answer

    def _settle(self, operation: str, request: Request) -> Answer:
        with self._receiving:
            over = {
                number: receipt_over(entry)
                for number, entry in enumerate(request["Entries"])
                if self._receipts.is_over(entry["ReceiptHandle"], self._clock())
            }
            self.happened["receipt_expired"] += len(over)
        answer = rest_of(request, over, lambda left: self._forward(operation, left))
        if answer is not None and answer[0] == OK:
            good = {line["Id"] for line in answer[1]["Successful"]}
            self._settled([entry for entry in request["Entries"] if entry["Id"] in good])
        return answer

    def _settled(self, entries: Iterable[Request]) -> None:
        with self._receiving:
            for entry in entries:
                if "VisibilityTimeout" in entry:
                    self._receipts.move(entry["ReceiptHandle"], self._clock() + float(entry["VisibilityTimeout"]))
                else:
                    self._receipts.take_back(entry["ReceiptHandle"])

    def _attribute(self, request: Request, name: str) -> str | None:
        """Of the queue, as a client has set it through here, or as the server has it."""
        queue = _queue(request)
        if "VisibilityTimeout" not in self._attributes.get(queue, {}):
            wish = {"QueueUrl": request["QueueUrl"], "AttributeNames": ["All"]}
            answer = self._forward("GetQueueAttributes", wish)
            found = answer[1].get("Attributes", {}) if answer and answer[0] == OK else {}
            self._attributes[queue] = {**found, **self._attributes.get(queue, {})}
        return self._attributes[queue].get(name)


def _queue(request: Request) -> str:
    """Its name, which stays the same through whatever address it is asked for."""
    return str(request.get("QueueName") or request["QueueUrl"].rpartition("/")[2])
