"""What one check found: the one value of `migration check`, of the preflight and of its gates."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from migration_core.errors import MigrationError, Transient
from migration_core.gate import Gate, GateVerdict


class Verdict(StrEnum):
    """AWAY is a part that did not answer: the check may well pass later."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    WARN = "warn"
    FAIL = "fail"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the preflight table; `remedy` says what to do unless it passed."""

    part: str
    check: str
    verdict: Verdict
    found: str
    remedy: str = ""


def passed(part: str, check: str, found: str) -> Finding:
    """As it should be."""
    return Finding(part, check, Verdict.PASS, found)


def failed(part: str, check: str, found: str, remedy: str) -> Finding:
    """Work cannot begin."""
    return Finding(part, check, Verdict.FAIL, found, remedy)


def warned(part: str, check: str, found: str, remedy: str) -> Finding:
    """Work can begin, but somebody should know."""
    return Finding(part, check, Verdict.WARN, found, remedy)


def guarded(part: str, checks: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """All findings of a part; an error ends it with a finding that holds its message."""
    try:
        yield from checks()
    except Transient as error:
        yield Finding(part, "reachable", Verdict.AWAY, str(error), "try again when it answers")
    except MigrationError as error:
        yield failed(part, "usable", str(error), "see the message")


def gate_of(finding: Finding) -> Gate:
    """The same as a gate: a part that is away keeps the way shut, since nobody can say that it is well."""
    verdict = GateVerdict.FAIL if finding.verdict is Verdict.AWAY else GateVerdict(finding.verdict.value)
    return Gate(f"{finding.part}: {finding.check}", verdict, finding.found, finding.remedy)
