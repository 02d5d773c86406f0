"""A gate: one check that must pass before cut-over, with what it found and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class GateVerdict(StrEnum):
    """FAIL shuts the way to cut-over; WARN lets it pass, but somebody should know."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Gate:
    """What one gate says; `remedy` is empty when it passes."""

    name: str
    verdict: GateVerdict
    found: str
    remedy: str = ""
