"""The short way of a converter: a test and a value as Python source, for values that nothing needs to be said about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Quick:
    """Where `test` holds for {v}, the column takes `value`, and the converter would have said the same."""

    test: str
    value: str = "{v}"
    names: Mapping[str, object] = field(default_factory=dict)
    """What other {names} of the two stand for."""


def calling(kind: type, convert: Convert) -> Quick:
    """The converter itself, for values of the one class that it mostly meets: neither absent nor null."""
    return Quick("{v}.__class__ is {kind}", "{convert}({v})", {"kind": kind, "convert": convert})
