"""Where a statistic stands, and whether what has changed since can simply be followed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

Mark = tuple[int, int]
"""(watermark, how often rows behind it were settled) of a lane."""
Marks = Mapping[int, Mark]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the followed stream now."""

    marks: Marks
    purged_to: Mapping[int, int]
    """By lane: below it raw rows may be gone."""
    switched: bool
    """Whether the application has written the processed tables since the last run, or does."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Of the run that is to be gone on from."""

    run_id: int
    definition: str
    marks: Marks


def why_everything(last: Stand | None, definition: str, facts: Facts) -> str:
    """Why all has to be counted anew, or "" where the changes since `last` are all in the raw rows behind its marks."""
    if last is None:
        return "no run of it has come to its end"
    if last.definition != definition:
        return "what is counted was changed in the mapping or in the SQL"
    if facts.switched:
        return "the application has written the tables itself since a switch, and no raw row tells of that"
    if last.marks.keys() != facts.marks.keys():
        return "the stream's lanes are others"
    if any(facts.marks[lane][1] != settled for lane, (_, settled) in last.marks.items()):
        return "rows behind the last run's marks were redriven, released or replayed"
    if any(facts.purged_to.get(lane, 0) > applied for lane, (applied, _) in last.marks.items()):
        return "raw rows that it had not seen were purged"
    return ""
