"""What a switch back could not tell the old platform: columns whose legacy value is lost in the mapping."""

from collections.abc import Iterator
from pathlib import Path

from migration_core.finding import Finding, passed, warned
from migration_core.reversing import reversal_of
from runtime.mapping_file import read_mapping

PART = "way back"
_NAMED = 5


def way_back_findings(path: Path) -> Iterator[Finding]:
    """One finding a stream."""
    for name, stream in read_mapping(path).model.streams.items():
        # Which columns hold the id is of no interest here, and needs the processed schema.
        lost = reversal_of(name, stream, dict.fromkeys(stream.tables, ())).lost
        if not lost:
            yield passed(PART, name, "every column can be told in legacy words")
            continue
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        remedy = "change files hold these columns as MySQL does: the old platform must read them so, or lose them"
        yield warned(PART, name, "; ".join(lost[:_NAMED]) + more, remedy)
