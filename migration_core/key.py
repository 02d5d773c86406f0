"""The canonical bytes of an entity's key: the same from a snapshot line, a value or a record key."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from migration_core.errors import Rejected
from migration_core.pattern import shape

KEY_VERSION = 1
"""Stored at registration: other rules would give other lanes."""
LONGEST_KEY = 512
BIGINT = range(-(1 << 63), 1 << 64)
_NUL = b"\\u0000"

KeyType = Literal["string", "int"]
KeyPart = str | int

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[str | int]).decode


def canonical(parts: Sequence[KeyPart]) -> bytes:
    """A compact JSON array in UTF-8: injective, readable, and compared as bytes."""
    try:
        key = _encode(parts)
    except UnicodeEncodeError as error:
        raise Rejected("KEY_INVALID", stage="key", detail="the key holds half of a surrogate pair") from error
    if len(key) > LONGEST_KEY:
        raise Rejected("KEY_INVALID", stage="key", detail=f"the key has {len(key)} bytes, {LONGEST_KEY} are allowed")
    # The bytes may also be a backslash and the text u0000, so the characters decide.
    if _NUL in key and any(type(part) is str and "\0" in part for part in parts):
        raise Rejected("KEY_INVALID", stage="key", detail="the key holds a NUL character")
    return key


def parts_of(key: bytes) -> tuple[KeyPart, ...]:
    """What `canonical` was given."""
    return tuple(_decode(key))


def checked_part(value: object, kind: KeyType, path: str) -> KeyPart:
    """One part of a key as it came, if its type is the declared one; nothing is converted."""
    if kind == "string" and type(value) is str:
        return value
    if kind == "int" and type(value) is int and value in BIGINT:
        return value
    if value is None:
        raise Rejected("KEY_NULL", stage="key", field_path=path, detail="the key is absent or null")
    raise Rejected("KEY_INVALID", stage="key", field_path=path, detail=f"the key is no {kind}", shape=shape(value))


def part_of_text(text: str, kind: KeyType, path: str) -> KeyPart:
    """One part from a record key that is plain text: an int only in its one canonical spelling."""
    if kind == "string":
        return text
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) < 21 and str(int(text)) == text:  # noqa: PLR2004 - 20 digits hold any BIGINT
        return checked_part(int(text), kind, path)
    raise Rejected("KEY_INVALID", stage="key", field_path=path, detail="the key is no int", shape=shape(text))
