"""One promise of a FIFO queue, and how to see whether a server keeps it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.conformance.bench import Bench

_SOURCE = "Source: "


@dataclass(frozen=True, slots=True)
class Case:
    """A function whose docstring says what AWS does and where that is written; it raises Differs where it is not so."""

    run: Callable[[Bench], None]
    waits_for_ids: bool = False
    """It waits until a deduplication id is forgotten: five minutes, unless the server's time is shortened."""

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def says(self) -> str:
        """What AWS does, in a sentence."""
        return " ".join((self.run.__doc__ or "").partition(_SOURCE)[0].split())

    @property
    def source(self) -> str:
        """Where that is written."""
        return " ".join((self.run.__doc__ or "").partition(_SOURCE)[2].split())
