"""The lines of `kcat -J`: one object a record, its payload the value, with key, time and headers.

Bytes that are no UTF-8 cannot stand in a JSON string: `payload_b64` and `key_b64` hold them, and a header's value may
be an object {"b64": …}. Topic, partition and offset stay in the file; here the line's number takes their place.
"""

import json
from base64 import b64decode
from collections.abc import Sequence

import msgspec

from migration_core.errors import Rejected
from migration_core.headers import Header, encode_headers
from migration_core.records import Received

_BOM = b"\xef\xbb\xbf"
_TIME_TYPES = {"create": 1, "logappend": 2}


class _Base64(msgspec.Struct, forbid_unknown_fields=True):
    b64: str


class _Line(msgspec.Struct):
    payload: str | msgspec.UnsetType | None = msgspec.UNSET
    payload_b64: str | None = None
    key: str | None = None
    key_b64: str | None = None
    ts: int | None = None
    tstype: str = "unknown"
    headers: list[str | _Base64 | None] | None = None


_decode = msgspec.json.Decoder(_Line).decode


def parse(line: bytes, number: int) -> Received:
    """The record in line `number`."""
    # Inside a JSON string a quote is escaped, so these words in their quotes can only be names or whole values.
    if (
        line[:1] != b"{"
        or b"\\u00" in line
        or line.count(b'"payload') != 1
        or line.count(b'"key') != 1
        or line.count(b'"ts"') > 1
        or line.count(b'"tstype"') > 1
        or line.count(b'"headers"') > 1
    ):
        line = _each_name_once(line)
    try:
        found = _decode(line)
        value = _bytes(found.payload, found.payload_b64)
        key = None if found.key is None and found.key_b64 is None else _bytes(found.key, found.key_b64)
        headers = encode_headers(_pairs(found.headers)) if found.headers else None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise malformed("no line of kcat -J") from error
    time = found.ts if found.ts is not None and found.ts >= 0 else None
    return Received(number, key, value, headers, time, _TIME_TYPES.get(found.tstype, 0))


def malformed(why: str) -> Rejected:
    """What becomes of a line that does not follow its container."""
    return Rejected("SNAP_PARSE", stage="container", detail=why)


def render(topic: str, partition: int, record: Received, headers: Sequence[Header] = ()) -> bytes:
    """`record` of a topic as a line with its newline; `parse` gives the same bytes back."""
    fields: dict[str, object] = {
        "topic": topic,
        "partition": partition,
        "offset": record.source_offset,
        "tstype": next((name for name, kind in _TIME_TYPES.items() if kind == record.time_type), "unknown"),
        "ts": -1 if record.time is None else record.time,
    }
    if headers:
        fields["headers"] = [text for name, value in headers for text in (name, _header(value))]
    for name, value in (("key", record.record_key), ("payload", record.value)):
        text = None if value is None else _text(value)
        if value is not None and text is None:
            fields[f"{name}_b64"] = value  # the encoder writes bytes in base64
        else:
            fields[name] = text
    return _encode(fields) + b"\n"


_encode = msgspec.json.Encoder().encode


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _header(value: bytes | None) -> object:
    if value is None:
        return None
    text = _text(value)
    return {"b64": value} if text is None else text


def _bytes(text: str | msgspec.UnsetType | None, encoded: str | None) -> bytes | None:
    if encoded is not None:
        if isinstance(text, str):
            raise ValueError("bytes are given twice")
        return b64decode(encoded, validate=True)
    if isinstance(text, msgspec.UnsetType):
        raise ValueError("no payload")  # noqa: TRY004 - absent is not null: a tombstone is written out
    return None if text is None else text.encode()


def _pairs(listed: Sequence[str | _Base64 | None]) -> list[Header]:
    names, values = listed[::2], listed[1::2]
    pairs: list[Header] = []
    for name, value in zip(names, values, strict=True):
        if not isinstance(name, str):
            raise ValueError("a header's name is no string")  # noqa: TRY004 - all of these are one mistake
        held = b64decode(value.b64, validate=True) if isinstance(value, _Base64) else value
        pairs.append((name, held.encode() if isinstance(held, str) else held))
    return pairs


def _each_name_once(line: bytes) -> bytes:
    """The line without a BOM, once it is sure that no name stands twice in it: the decoder keeps the last unseen."""
    line = line.removeprefix(_BOM)
    try:
        names = json.loads(line, object_pairs_hook=lambda pairs: [name for name, _ in pairs])
    except (ValueError, RecursionError) as error:
        raise malformed("no line of kcat -J") from error
    if not isinstance(names, list) or len(set(map(str, names))) != len(names):
        raise malformed("a name stands twice")
    return line
