"""What can happen to a request to SQS: each fault by its name, planned for the next request or drawn at a rate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from random import Random
from typing import Any
from uuid import uuid4

Request = dict[str, Any]
"""A request, an entry of a batch, or a line of an answer, as the protocol has it in JSON."""
Answer = tuple[int, Request] | None
"""Status and body; None ends the connection without an answer."""

OK = 200
EXPIRED = "Value {} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."


@dataclass(frozen=True, slots=True)
class Onward:
    """The ways to the queue: at once, after a time, after whatever is sent next, or a second time."""

    now: Callable[[Request], Answer]
    later: Callable[[Request, float], None]
    overtaken: Callable[[Request], None]
    again: Callable[[str], None]
    """A message, by its receipt."""


Fault = Callable[[Request, Onward], Answer]
"""What becomes of one whole request."""
Fate = Callable[[Request, Request, Onward], Request | None]
"""What becomes of one entry (first) of a batch (second): its line in the answer; None when it goes on to the queue."""


# Of a whole request


def error(code: str, status: int = 400) -> Fault:
    """It is refused."""
    return lambda _request, _onward: (status, told(code))


def cut(_request: Request, _onward: Onward) -> Answer:
    """The connection ends before it arrives."""
    return None


def answer_lost(request: Request, onward: Onward) -> Answer:
    """It is carried out, but nobody hears of it."""
    onward.now(request)
    return None


# Of an entry in a batch


def refused(code: str = "InternalError", *, sender: bool = False) -> Fate:
    """It fails while the answer is HTTP 200, as AWS does it."""
    return lambda entry, _batch, _onward: {"Id": entry["Id"], "SenderFault": sender, "Code": code}


def expired(entry: Request, _batch: Request, _onward: Onward) -> Request:
    """Its receipt is over before its time; the message comes again."""
    return receipt_over(entry)


def lost(entry: Request, _batch: Request, _onward: Onward) -> Request:
    """It is accepted and never delivered."""
    return {"Id": entry["Id"], "MessageId": str(uuid4())}


def delayed(seconds: float) -> Fate:
    """It is accepted and held back for so long."""

    def fate(entry: Request, batch: Request, onward: Onward) -> Request:
        onward.later({**batch, "Entries": [entry]}, seconds)
        return lost(entry, batch, onward)

    return fate


def reordered(entry: Request, batch: Request, onward: Onward) -> Request:
    """It is accepted, and delivered after the others of its batch, or after the next one where it was alone."""
    onward.overtaken({**batch, "Entries": [entry]})
    return lost(entry, batch, onward)


def doubled(entry: Request, _batch: Request, onward: Onward) -> None:
    """It is deleted, and delivered again all the same."""
    onward.again(entry["ReceiptHandle"])


def each(fates: Mapping[int, Fate]) -> Fault:
    """To the entries with these numbers, these things happen; the others go on."""

    def fault(request: Request, onward: Onward) -> Answer:
        lines = {
            number: fates[number](entry, request, onward)
            for number, entry in enumerate(request["Entries"])
            if number in fates
        }
        return rest_of(request, {number: line for number, line in lines.items() if line is not None}, onward.now)

    return fault


def to(fate: Fate, *numbers: int) -> Fault:
    """One thing happens to the entries with these numbers."""
    return each(dict.fromkeys(numbers, fate))


def rest_of(request: Request, lines: Mapping[int, Request], send: Callable[[Request], Answer]) -> Answer:
    """The answer to a batch in which entries by number have their lines already, and `send` is asked for the others."""
    left = [entry for number, entry in enumerate(request["Entries"]) if number not in lines]
    answer = send({**request, "Entries": left}) if left else (OK, {})
    if answer is None or answer[0] != OK:
        return answer
    body = answer[1]
    return OK, {
        **body,
        "Successful": [*body.get("Successful", []), *(line for line in lines.values() if "Code" not in line)],
        "Failed": [*body.get("Failed", []), *(line for line in lines.values() if "Code" in line)],
    }


def receipt_over(entry: Request) -> Request:
    """The line of an entry whose receipt has expired."""
    message = EXPIRED.format(entry["ReceiptHandle"])
    return {"Id": entry["Id"], "SenderFault": True, "Code": "InvalidParameterValue", "Message": message}


def told(code: str, message: str = "") -> Request:
    """The body of an error."""
    return {"__type": f"com.amazonaws.sqs#{code}", "message": message}


# At a rate


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each fault happens, from 0 to 1: the first four of all requests, the others of all entries."""

    throttled: float = 0.0
    unavailable: float = 0.0
    cut: float = 0.0
    answer_lost: float = 0.0
    refused: float = 0.0
    lost: float = 0.0
    delayed: float = 0.0
    reordered: float = 0.0
    doubled: float = 0.0
    expired: float = 0.0

    def __post_init__(self) -> None:
        if any(not 0 <= getattr(self, one.name) <= 1 for one in fields(self)):
            raise ValueError(f"a rate is from 0 to 1: {self}")


_REQUESTS: Mapping[str, Fault] = {
    "throttled": error("RequestThrottled"),
    "unavailable": error("ServiceUnavailable", 503),
    "cut": cut,
    "answer_lost": answer_lost,
}
_ENTRIES: Mapping[str, Sequence[str]] = {
    "SendMessageBatch": ("refused", "lost", "delayed", "reordered"),
    "DeleteMessageBatch": ("refused", "expired", "doubled"),
    "ChangeMessageVisibilityBatch": ("refused", "expired"),
}
_LONGEST_DELAY_SECONDS = 3.0


def drawn(rates: Rates, operation: str, request: Request, chance: Random) -> tuple[list[str], Fault | None]:
    """What chance makes of one request: the names of what happens, and the fault; none of both most of the time."""
    name = _one_of(_REQUESTS, rates, chance)
    if name:
        return [name], _REQUESTS[name]
    names = [_one_of(_ENTRIES.get(operation, ()), rates, chance) for _ in request.get("Entries", ())]
    found = {number: name for number, name in enumerate(names) if name}
    fates = {number: _fate(name, chance) for number, name in found.items()}
    return list(found.values()), each(fates) if fates else None


def _one_of(names: Mapping[str, Fault] | Sequence[str], rates: Rates, chance: Random) -> str | None:
    left = chance.random()
    for name in names:
        left -= getattr(rates, name)
        if left < 0:
            return name
    return None


def _fate(name: str, chance: Random) -> Fate:
    fates: Mapping[str, Fate] = {
        "refused": refused(),
        "lost": lost,
        "delayed": delayed(chance.uniform(0, _LONGEST_DELAY_SECONDS)),
        "reordered": reordered,
        "doubled": doubled,
        "expired": expired,
    }
    return fates[name]
