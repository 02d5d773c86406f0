"""Rows of a processed table as LOAD DATA lines, by a function made once for the table's column kinds."""

from collections.abc import Callable, Sequence
from typing import Any

from migration_core.mapping import Kind

Encoder = Callable[[Sequence[tuple[Any, ...]]], list[bytes]]

_AS_TEXT = {Kind.TEXT, Kind.JSON}


def line_encoder(kinds: Sequence[Kind]) -> Encoder:
    """A function from rows to lines. Generated from column numbers alone, so no name or value can become code."""
    names = [f"c{index}" for index in range(len(kinds))]
    fields = r"\t".join("{" + _expression(name, kind) + "}" for name, kind in zip(names, kinds, strict=True))
    source = f'lambda rows: [f"{fields}\\n".encode() for ({", ".join(names)},) in rows]'
    scope = {"N": "\\N", "E": _escaped}
    return eval(source, scope)  # type: ignore[no-any-return]  # noqa: S307 - built from numbers and fixed words only


def _expression(name: str, kind: Kind) -> str:
    if kind in _AS_TEXT:
        return f"N if {name} is None else E({name})"
    if kind is Kind.BYTES:
        return f"N if {name} is None else {name}.hex()"
    return f"N if {name} is None else {name}"


def _escaped(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if "\t" in text:
        text = text.replace("\t", "\\t")
    if "\n" in text:
        text = text.replace("\n", "\\n")
    return text
