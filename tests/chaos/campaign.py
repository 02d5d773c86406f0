"""What many rounds have shown together, kept in the ignored folder, so that an interrupted campaign goes on."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.chaos.plan import ROLES
from tests.chaos.recovery import Recovery
from tests.chaos.round import Tally

KILLS, KILLS_OF_A_ROLE, RECORDS = 1000, 100, 1_000_000
"""The bar of the whole campaign."""


@dataclass
class Campaign:
    """Finished rounds of one version of the code."""

    file: Path
    code: str
    seed: int
    """Of the first round; the others count on from it."""
    rounds: list[Tally] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    recovered: bool = False
    """Whether the recoveries were measured to their end, and the oracle agreed."""

    @classmethod
    def opened(cls, file: Path, code: str, seed: int) -> "Campaign":
        """Where it stood; from its beginning where there is none, or none of this code."""
        if file.exists():
            kept = json.loads(file.read_text(encoding="utf-8"))
            if kept["code"] == code:
                return cls(
                    file, code, kept["seed"], [Tally(**one) for one in kept["rounds"]],
                    [Recovery(**one) for one in kept["recoveries"]], kept["recovered"],
                )  # fmt: skip
        return cls(file, code, seed)

    @property
    def next_seed(self) -> int:
        return self.seed + len(self.rounds)

    @property
    def records(self) -> int:
        return sum(one.records for one in self.rounds)

    def kills(self) -> Counter[str]:
        """{role: kill -9}."""
        return kills_of(self.rounds)

    def left(self) -> list[str]:
        """What the bar still asks for, in words."""
        kills = self.kills()
        found = [f"{kills[role]} of {KILLS_OF_A_ROLE} kills of {role}" for role in ROLES
                 if kills[role] < KILLS_OF_A_ROLE]  # fmt: skip
        if kills.total() < KILLS:
            found.append(f"{kills.total()} of {KILLS:,} kills")
        if self.records < RECORDS:
            found.append(f"{self.records:,} of {RECORDS:,} records")
        return found

    def keep(self) -> None:
        """Written whole or not at all, so that a kill loses one round at most."""
        text = json.dumps(
            {
                "code": self.code,
                "seed": self.seed,
                "rounds": [asdict(one) for one in self.rounds],
                "recoveries": [asdict(one) for one in self.recoveries],
                "recovered": self.recovered,
            },
            indent=1,
        )
        self.file.parent.mkdir(parents=True, exist_ok=True)
        new = self.file.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(self.file)


def kills_of(rounds: Sequence[Tally]) -> Counter[str]:
    """{role: kill -9} of these rounds."""
    return sum((Counter({role: sum(of.values()) for role, of in one.kills.items()}) for one in rounds), Counter())
