"""The paths of a mapping: `$.a.b` from the document or element, `$^.a` from what holds the element."""

import re
from dataclasses import dataclass

_PATH = re.compile(r"\$(\^*)((?:\.[A-Za-z_][\w-]*|\[\"(?:[^\"\\]|\\.)*\"\])*)(\[\*\])?")
_NAME = re.compile(r"\.([A-Za-z_][\w-]*)|\[\"((?:[^\"\\]|\\.)*)\"\]")


@dataclass(frozen=True, slots=True)
class JsonPath:
    """Names to follow, from `up` levels above the present element."""

    up: int
    names: tuple[str, ...]
    each: bool = False
    """Whether it ends in [*]: every element of a list."""

    def __str__(self) -> str:
        return "$" + "^" * self.up + "".join(map(_step, self.names)) + ("[*]" if self.each else "")


def parse_path(text: str) -> JsonPath:
    """Read a path; ValueError says what to write instead."""
    found = _PATH.fullmatch(text)
    if found is None:
        hint = f"$.{text}" if re.fullmatch(r"[\w.]+", text) else '$.name, $.outer.inner, $["odd name"] or $^.name'
        raise ValueError(f"{text!r} is no path; write {hint} instead")
    names = tuple(
        plain or quoted.replace('\\"', '"').replace("\\\\", "\\") for plain, quoted in _NAME.findall(found[2])
    )
    return JsonPath(len(found[1]), names, found[3] is not None)


def _step(name: str) -> str:
    if re.fullmatch(r"[A-Za-z_][\w-]*", name):
        return f".{name}"
    return '["' + name.replace("\\", "\\\\").replace('"', '\\"') + '"]'
