"""What a fuzz target is: a reader with its promises, which are broken when it raises."""

import atexit
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from local_stack.folders import ROOT
from migration_core.errors import Rejected

_PAGE = ROOT / "docs" / "reject-codes.md"
DOCUMENTED = frozenset(re.findall(r"^\| ([A-Z][A-Z0-9_]+) \|", _PAGE.read_text(encoding="utf-8"), re.MULTILINE))
SECONDS = 10
"""What one input may take before it counts as a hang."""
_LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Target:
    """One reader; `run` returns where its promises hold for these bytes, and raises anything where not."""

    name: str
    run: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    """Inputs to begin with: from the examples, and from the bad inputs that the tests on real servers send."""
    bar: int = 1_000_000
    """Executions of a full run."""
    longest: int = 512
    """Bytes of an input that the fuzzer makes; a seed may be longer."""


@cache
def folder() -> Path:
    """Where a target may write: one folder a process, which goes with it."""
    made = Path(mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def expect_reject(error: Rejected, *stages: str) -> str:
    """The code of a reject that a person could look up, and that tells neither the value nor a place in our code."""
    reason = error.reason
    assert reason.code in DOCUMENTED, reason
    assert reason.stage in stages, reason
    assert reason.detail
    assert len(reason.detail) < _LONGEST_DETAIL, len(reason.detail)
    assert not reason.field_path or reason.field_path.startswith("$"), reason
    return reason.code


def expect_places(error: Exception, file: str) -> None:
    """Every line of a message to a person begins with the file, and holds nothing that a terminal would obey."""
    for line in str(error).split("\n"):
        assert line.startswith(file), line
        assert line.isprintable(), ascii(line)
