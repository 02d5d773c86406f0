"""Values that may be shown to anybody: the shape of each character, never the character."""

import json
from typing import Any

from migration_core.mapping.path import parse_path

_LONGEST = 48


def masked(text: str) -> str:
    """Letters become a or A, digits 9, what is no ASCII u; punctuation and blanks stay, and the end is cut off."""
    shown = "".join(map(_mask, text[:_LONGEST]))
    return shown + ("…" if len(text) > _LONGEST else "")


def masked_member(value: bytes | None, path: str) -> str:
    """The member of a record that `path` names, masked; the whole record where it cannot be found."""
    if value is None:
        return "(no value)"
    text = value.decode("utf-8", "replace")
    try:
        member: Any = json.loads(text)
        for name in parse_path(path).names:
            member = member[name]
    except (ValueError, KeyError, TypeError, RecursionError):
        return masked(text)
    return masked(member if isinstance(member, str) else json.dumps(member, ensure_ascii=False))


def _mask(character: str) -> str:
    if not character.isascii():
        return "u"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    if character.isdigit():
        return "9"
    return character if character.isprintable() else "?"
