"""JSON as RFC 8259 and docs/reject-codes.md have it, read by the standard library; the decoder must agree."""

import json
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from migration_core.json_text import BOM, DEEPEST, LONGEST_NUMBER


class Refused(Exception):
    """No acceptable object; the argument is the code, where the reference knows it."""


def strict_object(text: bytes) -> dict[str, Any]:
    """The object in `text`, or Refused."""
    try:
        found = json.loads(
            text.removeprefix(BOM).decode(),
            object_pairs_hook=_once,
            parse_int=_whole,
            parse_float=_fraction,
            parse_constant=_constant,
        )
    except (ValueError, RecursionError) as error:
        raise Refused("PARSE_JSON") from error
    if type(found) is not dict:
        raise Refused("PARSE_NOT_OBJECT")
    _walk(found)
    return found


def repeated(text: bytes) -> set[str]:
    """Names that come twice in one object of a text that is JSON."""
    found: set[str] = set()

    def hook(pairs: list[tuple[str, object]]) -> None:
        found.update(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)

    json.loads(text.removeprefix(BOM), object_pairs_hook=hook)
    return found


def _walk(found: object) -> None:
    level = [found]
    for _ in range(DEEPEST + 1):
        inner: list[object] = []
        for node in level:
            inner += [*node, *node.values()] if isinstance(node, dict) else node if isinstance(node, list) else ()
            if isinstance(node, str) and any("\ud800" <= character <= "\udfff" for character in node):
                raise Refused("ENC_LONE_SURROGATE")
        level = inner
    if any(isinstance(node, dict | list) for node in level):
        raise Refused("JSON_TOO_DEEP")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise Refused("JSON_DUPLICATE_KEY")
    return dict(pairs)


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise Refused("NUM_TOO_LONG")
    return int(digits)


def _fraction(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation as error:
        raise Refused("NUM_OVERFLOW") from error


def _constant(_name: str) -> NoReturn:
    raise Refused("JSON_NONFINITE")
