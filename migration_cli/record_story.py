"""The story of one record, as `migration rejects show --record` tells it."""

import time
from typing import TYPE_CHECKING

import typer

from migration_cli.access import database
from migration_cli.console import say, say_json
from migration_core.errors import ConfigError

if TYPE_CHECKING:
    from db.engine import Database
    from db.record_story import Failure, Place, Story

_PERSONAL = ("entity_key", "record_key", "value", "headers")
_HASH_SHOWN = 10
_TELL_SECONDS = 2.0


def tell(record: str, stream: str | None, *, with_bytes: bool, as_json: bool) -> None:
    """Find the record and print what is known of it; its bytes only when asked for."""
    from dataclasses import asdict

    from db.record_story import story

    with database() as control:
        found = story(control, _place(control, record, stream))
    if as_json:
        shown = {name: value for name, value in asdict(found).items() if name not in _PERSONAL}
        if with_bytes:
            shown |= {name: _both(getattr(found, name)) for name in _PERSONAL}
        say_json(shown)
        return
    say(_told(found))
    if with_bytes:
        for name in _PERSONAL:
            value = getattr(found, name)
            say(f"  {name}: {as_text(value)}" + (f"\n    hex {value.hex(' ')}" if value else ""))


def as_text(value: bytes | None) -> str:
    """Bytes as a Python literal without its quotes: printable, and no terminal obeys them."""
    return "none" if value is None else repr(value)[2:-1]


def _place(control: "Database", record: str, stream: str | None) -> "Place":
    from db.record_story import by_position, by_sequence

    match record.split("/"), record.split(":"):
        case [topic, partition, offset], _ if partition.isdecimal() and offset.isdecimal():
            began = time.monotonic()
            for lane, place in enumerate(by_position(control, topic, int(partition), int(offset))):
                if place is not None:
                    return place
                if time.monotonic() - began > _TELL_SECONDS:
                    typer.echo(f"not in lane {lane}", err=True)
        case _, [lane, sequence] if lane.isdecimal() and sequence.isdecimal():
            return by_sequence(control, stream, int(lane), int(sequence))
    raise ConfigError(f"{record!r} names no record: write LANE:SEQUENCE or topic/partition/offset")


def _both(value: bytes | None) -> dict[str, str] | None:
    return None if value is None else {"text": as_text(value), "hex": value.hex()}


def _told(found: "Story") -> str:
    lines = [
        f"{found.stream} {found.source}[{found.partition}]@{found.offset}: {found.outcome}",
        f"  lane {found.lane}, sequence {found.sequence}, record time {found.time}",
        *(_failed(found.failure) if found.failure else ()),
        *(
            f"  tried by {one.who} {one.started_at.isoformat(' ', 'seconds')} with version {one.version}: {one.outcome}"
            + (f" by pattern {one.pattern[:_HASH_SHOWN]}" if one.pattern else "")
            for one in found.attempts
        ),
        *(
            f"  later of this key: {one.source}[{one.partition}]@{one.offset}, sequence {one.sequence}: {one.outcome}"
            for one in found.later
        ),
    ]
    return "\n".join(lines)


def _failed(failure: "Failure") -> list[str]:
    return [
        f"  pattern {failure.pattern[:_HASH_SHOWN]} ({failure.state}): {failure.stage} {failure.code} at "
        f"{failure.field_path or '$'}: {failure.detail} {f'({failure.shape})' if failure.shape else ''}".rstrip(),
        f"  rejected {failure.rejected_at.isoformat(' ', 'seconds')} by version {failure.version}",
        *(
            f"  {one.state} by {one.who} {one.decided_at.isoformat(' ', 'seconds')}: {one.because}"
            for one in failure.decisions
        ),
    ]
