"""The paths of a mapping: `$.a.b` from the document or element, `$^.a` from what holds the element."""

import re
from dataclasses import dataclass

_PLAIN, _QUOTED = r"[A-Za-z_][\w-]*", r'(?:[^"\\]|\\["\\])*'
_STEP = re.compile(rf'\.({_PLAIN})|\["({_QUOTED})"\]')
_PATH = re.compile(rf'\$(\^*)((?:\.{_PLAIN}|\["{_QUOTED}"\])*)(\[\*\])?')


@dataclass(frozen=True, slots=True)
class JsonPath:
    """Names to follow, from `up` levels above the present element."""

    up: int
    names: tuple[str, ...]
    each: bool = False
    """Whether it ends in [*]: every element of a list."""

    def __str__(self) -> str:
        return "$" + "^" * self.up + told(self.names) + ("[*]" if self.each else "")


def parse_path(text: str) -> JsonPath:
    """Read a path; ValueError says what to write instead."""
    found = _PATH.fullmatch(text)
    if found is None:
        hint = f"$.{text}" if re.fullmatch(r"[A-Za-z_][\w.-]*", text) else '$.name, $.outer.inner or $["odd name"]'
        raise ValueError(f"{text!r} is no path; write {hint} instead")
    names = tuple(plain or re.sub(r"\\(.)", r"\1", quoted) for plain, quoted in _STEP.findall(found[2]))
    return JsonPath(len(found[1]), names, found[3] is not None)


def told(names: tuple[str, ...]) -> str:
    """`names` as the end of a path, which `parse_path` reads back."""
    return "".join(f".{name}" if re.fullmatch(_PLAIN, name) else _quoted(name) for name in names)


def _quoted(name: str) -> str:
    return '["' + name.replace("\\", "\\\\").replace('"', '\\"') + '"]'
