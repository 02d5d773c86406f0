"""Holds a server against the cases, and what it does against what is known of it."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from migration_core.errors import Transient
from tests.conformance.bench import Bench
from tests.conformance.case import Case
from tests.conformance.differing import Differs, code_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_AT_ONCE = 4
"""Most cases wait for a second or two."""
_PATIENCE_SECONDS = 60.0
"""A case that would wait for longer is slow."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server by the name that it has in the table of differences."""

    name: str
    sqs: "SQSClient"
    remembers: float
    """For how many seconds a deduplication id counts there."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one case has shown."""

    case: str
    target: str
    difference: str = ""
    """What the server does instead of what AWS does."""
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Surprise:
    """A case whose outcome is not the one that the table has."""

    found: Found
    expected: str

    @property
    def words(self) -> str:
        if self.found.difference:
            return f"NEW difference of {self.found.target}: {self.found.case}: {self.found.difference}"
        return f"GONE difference of {self.found.target}: {self.found.case} is as at AWS now, and was: {self.expected}"


def examine(target: Target, cases: Iterable[Case], *, slow: bool) -> list[Found]:
    """Each case on queues of its own, several at once."""
    with ThreadPoolExecutor(_AT_ONCE) as together:
        return list(together.map(lambda case: _examined(target, case, slow=slow), cases))


def surprises(found: Iterable[Found], differences: Mapping[str, Mapping[str, str]]) -> list[Surprise]:
    """Cases that ran and ended otherwise than the table says, in both directions."""
    ran = [(one, differences[one.target].get(one.case, "")) for one in found if not one.skipped]
    return [Surprise(one, expected) for one, expected in ran if bool(one.difference) != bool(expected)]


def summary(found: Sequence[Found]) -> str:
    """One line of numbers a target."""
    lines = []
    for target in dict.fromkeys(one.target for one in found):
        own = [one for one in found if one.target == target]
        differ, skipped = sum(bool(one.difference) for one in own), sum(one.skipped for one in own)
        told = f"{target}: {len(own) - differ - skipped} of {len(own)} as at AWS, {differ} differ"
        lines.append(told + (f", {skipped} skipped (--slow)" if skipped else ""))
    return "; ".join(lines)


def _examined(target: Target, case: Case, *, slow: bool) -> Found:
    if case.waits_for_ids and target.remembers > _PATIENCE_SECONDS and not slow:
        return Found(case.name, target.name, skipped=True)
    bench = Bench(target.sqs, target.remembers)
    try:
        case.run(bench)
    except Differs as difference:
        return Found(case.name, target.name, str(difference))
    except ClientError as error:
        return Found(case.name, target.name, f"refused: {code_of(error)}")
    except BotoCoreError as error:
        raise Transient(f"{target.name} went away during {case.name}: {type(error).__name__}") from error
    finally:
        bench.remove()
    return Found(case.name, target.name)
