"""Which parts of the bars hold already, kept in the ignored folder for as long as the code is the same."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from local_stack.folders import ROOT

_IGNORED = {"build", "dist"}


@dataclass(frozen=True, slots=True)
class Proven:
    """One part that was run."""

    bar: str
    part: int
    seed: int
    count: int
    seconds: float
    where: dict[str, int]
    """{where a kill fell, or which kind of corruption: how often}."""
    deviation: str = ""
    """What did not hold; such a part is never kept as done."""


class Done:
    """What was proven before."""

    def __init__(self, file: Path, *, anew: bool) -> None:
        self._file = file
        self._code = fingerprint()
        self._parts: list[Proven] = []
        if file.exists() and not anew:
            kept = json.loads(file.read_text(encoding="utf-8"))
            if kept["code"] == self._code:
                self._parts = [Proven(**one) for one in kept["parts"]]

    def find(self, bar: str, part: int, seed: int, count: int) -> Proven | None:
        """The same part, if it holds already."""
        wanted = (bar, part, seed, count)
        return next((one for one in self._parts if (one.bar, one.part, one.seed, one.count) == wanted), None)

    def keep(self, proven: Proven) -> None:
        """Written whole or not at all, so that a kill loses one part at most."""
        self._parts.append(proven)
        text = json.dumps({"code": self._code, "parts": [asdict(one) for one in self._parts]}, indent=1)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(self._file)


def fingerprint() -> str:
    """Of all code: what holds of other code says nothing."""
    found = hashlib.sha256()
    for file in sorted(_files()):
        found.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return found.hexdigest()


def _files() -> Iterator[Path]:
    yield from ROOT.glob("requirements*.txt")
    for folder in ROOT.iterdir():
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in _IGNORED:
            yield from folder.rglob("*.py")
