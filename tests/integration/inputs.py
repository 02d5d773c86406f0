"""How inputs and what must become of them are written down: one case a line, for every format and way in."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

STREAM, KCAT, NDJSON = "stream", "kcat", "ndjson"
KCAT_ZSTD, NDJSON_GZIP = "kcat_zstd", "ndjson_gzip"
"""Ways in: a topic, or the parts of a snapshot, compressed or not."""
JSON, DEBEZIUM = "json", "debezium"
STRICT = "strict"
"""JSON into a table with another unique index, which is written row by row."""

Value = Callable[[str], bytes | None]
"""Of a record, by its format."""
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Sent:
    """One record; `code` is the reject's, None where it must be applied."""

    key: bytes | None
    value: Value
    code: str | None = None
    time: int | None = None
    """Of Kafka, in milliseconds; None leaves it to whoever writes the record."""


@dataclass(frozen=True, slots=True)
class Case:
    """Records that are sent one behind the other, and the rows that their ids must have afterwards."""

    name: str
    sent: tuple[Sent, ...]
    rows: Mapping[str, Row | None] = field(default_factory=dict)
    ways: frozenset[str] = frozenset({STREAM, KCAT, NDJSON})
    formats: frozenset[str] = frozenset({JSON, DEBEZIUM})
    lines: Mapping[str, bytes] = field(default_factory=dict)
    """{container: a line of a part that is written as it stands}."""

    def carried_by(self, format_: str, way: str) -> bool:
        """Whether this way can carry it."""
        formats = self.formats | {STRICT} if JSON in self.formats else self.formats
        return container_of(way) in self.ways and format_ in formats


def container_of(way: str) -> str:
    """`stream` for a topic."""
    return way.partition("_")[0]


def compression_of(way: str) -> str:
    """As a manifest names it."""
    return way.partition("_")[2] or "none"


def document(id_: str, members: str = "") -> bytes:
    """A good document with more members, as they are written."""
    more = f", {members}" if members else ""
    needed = "" if '"needed"' in members else ', "needed": "x"'
    return f'{{"id": {json.dumps(id_, ensure_ascii=False)}{needed}{more}}}'.encode()


def enveloped(format_: str, body: bytes) -> bytes:
    """A document as the format carries it."""
    return body if format_ != DEBEZIUM else b'{"before": null, "after": %b, "op": "u", "ts_ms": 1700000000000}' % body


def key_of(id_: str) -> bytes:
    return json.dumps({"id": id_}).encode()


def image(
    id_: str, members: str = "", code: str | None = None, *, key: bytes | None = None, time: int | None = None
) -> Sent:
    """A document, as an image of its entity."""
    return Sent(key or key_of(id_), lambda format_: enveloped(format_, document(id_, members)), code, time)


def refused(code: str, **members: str) -> list[Case]:
    """Documents with a member that its column cannot take; their names say which."""
    return [Case(name, (image(name, text, code),), {name: None}) for name, text in members.items()]


def taken(row: Row, **members: str) -> list[Case]:
    """Documents with members that must arrive so."""
    return [Case(name, (image(name, text),), {name: row}) for name, text in members.items()]


def spoiled(code: str, **changes: Callable[[bytes], bytes]) -> list[Case]:
    """Records whose whole bytes are changed; only a record key can still say which entity they meant."""
    return [
        Case(name, (Sent(key_of(name), _changed(name, change), code),), {name: None})
        for name, change in changes.items()
    ]


def changed(row: Row, **changes: Callable[[bytes], bytes]) -> list[Case]:
    """Records whose bytes are changed and that mean the same."""
    return [Case(name, (Sent(key_of(name), _changed(name, change)),), {name: row}) for name, change in changes.items()]


def story(
    name: str,
    *sent: Sent,
    ends: Mapping[str, Row | None],
    ways: frozenset[str] = frozenset({STREAM}),
    formats: frozenset[str] = frozenset({JSON, DEBEZIUM}),
) -> Case:
    """Several records of one entity; a snapshot of images has each entity once."""
    return Case(name, sent, ends, ways, formats)


def as_lines(name: str, way: str, text: bytes, *codes: str) -> Case:
    """Lines of a part as they stand, each with its code."""
    sent = tuple(Sent(None, lambda _format: b"", code) for code in codes)
    return Case(name, sent, {}, frozenset({way}), lines={way: text})


def debezium(name: str, value: bytes, code: str | None = None, row: Row | None = None) -> Case:
    """A whole envelope."""
    return Case(name, (Sent(key_of(name), lambda _f: value, code),), {name: row}, formats=frozenset({DEBEZIUM}))


def _changed(name: str, change: Callable[[bytes], bytes]) -> Value:
    return lambda format_: change(enveloped(format_, document(name)))


def tombstone(id_: str) -> Sent:
    return Sent(key_of(id_), lambda _format: None)
