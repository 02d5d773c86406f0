"""The look of a value without the value: letters, digits and all other characters by their class."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

_LONGEST = 120
_NOWHERE = object()
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def masked(value: bytes | None, field_path: str = "") -> str:
    """The member at `field_path` of a JSON document, or all of what is none; never a letter or digit of it."""
    if value is None:
        return "nothing (a tombstone)"
    try:
        found = _at(_decode(value), field_path)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _shortened(_mask(value[: _LONGEST + 1].decode("utf-8", "replace")))
    return _shortened(_look(found))


def _at(document: Any, path: str) -> Any:  # noqa: ANN401 - JSON of any type
    """What the path leads to, also within an envelope; the whole document where it leads nowhere."""
    names = path.removeprefix("$").split(".")[1:]
    within = list(document.values()) if isinstance(document, Mapping) else []
    for start in (document, *within):
        found = start
        for name in names:
            found = found.get(name, _NOWHERE) if isinstance(found, Mapping) else _NOWHERE
        if found is not _NOWHERE:
            return found
    return document


def _look(value: Any) -> str:  # noqa: ANN401 - JSON of any type
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{_mask(value[:_LONGEST])}"'
        case int() | Decimal() | float():
            return _mask(f"{value:.120f}" if isinstance(value, float) else _digits(value))
        case list():
            return "[" + ", ".join(_look(one) for one in value[:_LONGEST]) + "]"
        case _:
            # A member's name may be somebody's name too.
            members = list(value.items())[:_LONGEST]
            return "{" + ", ".join(f'"{_mask(str(name)[:_LONGEST])}": {_look(one)}' for name, one in members) + "}"


def _digits(value: int | Decimal) -> str:
    if isinstance(value, int) and value.bit_length() > _LONGEST * 4:
        return "9" * (_LONGEST + 1)  # str() of a huge integer is refused
    return str(value)


def _mask(text: str) -> str:
    return "".join(map(_class, text))


def _class(character: str) -> str:
    if not character.isascii():
        return "u"
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return character if character.isprintable() else "·"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
