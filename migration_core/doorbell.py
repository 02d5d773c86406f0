"""The message "this lane has work": it carries stream, lane and head, never data."""

from dataclasses import dataclass

import msgspec

AWAKE_SECONDS = 0.2
"""After a doorbell a worker looks for light work of all lanes for so long, and needs no other doorbell for it."""


@dataclass(frozen=True, slots=True)
class Doorbell:
    """One ring of one lane; `head` is what the ringer saw, for logs only."""

    stream: str
    lane: int
    head: int

    @property
    def group(self) -> str:
        """The FIFO message group: one per lane, so that a lane is served by one worker at a time."""
        return f"{self.stream}-l{self.lane:05d}"


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    stream: str
    lane: int
    head: int
    v: int = 1


_decode = msgspec.json.Decoder(_Body).decode


def encode(bell: Doorbell) -> str:
    """The message body; plain ASCII, which every queue accepts unchanged."""
    return msgspec.json.encode(_Body(bell.stream, bell.lane, bell.head)).decode()


def parse(body: str) -> Doorbell | None:
    """The doorbell in a message body, or None when it is foreign or malformed: it is then deleted and counted."""
    try:
        parsed = _decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    if parsed.v != 1 or parsed.lane < 0 or parsed.head < 0:
        return None
    return Doorbell(parsed.stream, parsed.lane, parsed.head)
