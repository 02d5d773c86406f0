"""JSON objects from bytes, strictly: nothing is repaired, and every failure has a precise code.

msgspec reads in one pass; only what it refuses, or what looks suspicious, is read a second time for its reason.
"""

import json
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import msgspec

from migration_core.errors import Rejected
from migration_core.pattern import shape

LONGEST_RECORD = 8 << 20
"""Bytes; a longer record is kept raw and rejected."""
DEEPEST = 100
LONGEST_NUMBER = 4300
"""Digits; Python refuses to convert more, because that is quadratic."""

BOM = b"\xef\xbb\xbf"
_OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff", b"\x00")
_ESCAPED_COLON = b"\\u003"
_BACKSLASH, _BRACKET = b"\\["  # a search for a number is far faster than one for a byte string
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode
# InvalidOperation is no ValueError: Decimal raises it for an exponent that not even it can hold.
FAILURES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, InvalidOperation)


def parse_object(text: bytes, *, longest: int = LONGEST_RECORD, stage: str = "decode") -> dict[str, Any]:
    """The object in `text`, fractions as Decimal; Rejected with the code of its fault otherwise."""
    if len(text) > longest:
        raise Rejected("REC_TOO_LARGE", stage=stage, detail=f"{len(text)} bytes, {longest} are allowed")
    text = text.removeprefix(BOM)
    try:
        found = _decode(text)
    except FAILURES:
        explain(text, stage)
    if type(found) is not dict:
        raise Rejected("PARSE_NOT_OBJECT", stage=stage, detail="the record is no JSON object", shape=shape(found))
    if text.count(b"{") + (text.count(b"[") if _BRACKET in text else 0) > DEEPEST:
        _refuse_depth(found, stage)
    written = _encode(found)
    # An object's pairs have one colon each. As many colons as the decoded object writes again leave no room for a pair
    # that was dropped; an escaped colon could stand in for it, so that text is read the slow way.
    if written != text and (text.count(b":") != written.count(b":") or (_BACKSLASH in text and _ESCAPED_COLON in text)):
        _refuse_duplicates(text, stage)
    return found


def explain(text: bytes, stage: str) -> NoReturn:
    """Raise Rejected with the reason why `text` is no acceptable JSON."""
    if not text:
        raise Rejected("PARSE_EMPTY", stage=stage, detail="the record is empty, and no tombstone")
    if text.startswith(_OTHER_ENCODINGS) or text[1:2] == b"\x00":
        raise Rejected("ENC_NOT_UTF8", stage=stage, detail="the record is UTF-16 or UTF-32")
    try:
        characters = text.decode()
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} is no UTF-8"
        raise Rejected("ENC_INVALID_UTF8", stage=stage, detail=detail) from error
    found = _read_slowly(characters, stage)
    _refuse_depth(found, stage)
    if _has_surrogate(found):
        raise Rejected("ENC_LONE_SURROGATE", stage=stage, detail="a string holds half of a surrogate pair")
    raise Rejected("PARSE_JSON", stage=stage, detail="the record is no JSON")


def _read_slowly(characters: str, stage: str) -> object:
    try:
        return json.loads(
            characters,
            object_pairs_hook=_unique(stage),
            parse_constant=_no_constant(stage),
            parse_int=_short_int(stage),
            parse_float=_decimal(stage),
        )
    except RecursionError as error:
        raise Rejected("JSON_TOO_DEEP", stage=stage, detail=f"nested deeper than {DEEPEST}") from error
    except json.JSONDecodeError as error:
        detail = f"{error.msg} at line {error.lineno} column {error.colno}"
        raise Rejected("PARSE_JSON", stage=stage, detail=detail) from error


def _refuse_duplicates(text: bytes, stage: str) -> None:
    _read_slowly(text.decode(), stage)


def _refuse_depth(found: object, stage: str) -> None:
    level: list[object] = [found]
    for _ in range(DEEPEST):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise Rejected("JSON_TOO_DEEP", stage=stage, detail=f"nested deeper than {DEEPEST}")


def _children(node: object) -> list[object]:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [child for child in inner if isinstance(child, dict | list)]


def _has_surrogate(node: object) -> bool:
    waiting = [node]
    while waiting:
        match waiting.pop():
            case str() as text if any("\ud800" <= character <= "\udfff" for character in text):
                return True
            case dict() as pairs:
                waiting += [*pairs, *pairs.values()]
            case list() as items:
                waiting += items
    return False


def _unique(stage: str) -> Any:  # noqa: ANN401 - a hook of the standard library
    def hook(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Rejected("JSON_DUPLICATE_KEY", stage=stage, detail="an object names a member twice")
        return found

    return hook


def _no_constant(stage: str) -> Any:  # noqa: ANN401 - a hook of the standard library
    def hook(_name: str) -> NoReturn:
        raise Rejected("JSON_NONFINITE", stage=stage, detail="NaN and Infinity are no JSON")

    return hook


def _short_int(stage: str) -> Any:  # noqa: ANN401 - a hook of the standard library
    def hook(digits: str) -> int:
        if len(digits) > LONGEST_NUMBER:
            raise Rejected("NUM_TOO_LONG", stage=stage, detail=f"a number has {len(digits)} digits")
        return int(digits)

    return hook


def _decimal(stage: str) -> Any:  # noqa: ANN401 - a hook of the standard library
    def hook(digits: str) -> Decimal:
        try:
            return Decimal(digits)
        except InvalidOperation as error:
            raise Rejected("NUM_OVERFLOW", stage=stage, detail="a number's exponent is beyond any column") from error

    return hook
