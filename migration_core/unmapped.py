"""Fields of records that no column takes: what was seen of them, and when a new one is more than a stray. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from migration_core.gate import Gate, GateVerdict
from migration_core.records import RawRow

EVERY = 16
"""One row in so many is looked at: a look costs about as much as decoding and transforming the row."""
MOST_FIELDS = 200
"""Of one stream; documents whose member names are data would have no end of them."""
OTHERS = "(others)"
"""Stands for all fields beyond the most."""
LONGEST_PATH = 500
_KNOWN_AFTER = 1000
"""Documents looked at before which every field is one that the mapping's author could see."""
_STRAY = 20
_SHARE_PERCENT = 1
_NAMED = 3
GATE = "new fields"


@dataclass(slots=True)
class LookedAt:
    """Some documents, and the fields in them that no column takes."""

    documents: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    first: dict[str, tuple[int, int]] = field(default_factory=dict)
    """{path: (source id, offset or line) where it was met first}."""

    def take(self, row: RawRow, paths: Iterable[str]) -> None:
        """One more document; beyond the most fields, others are counted as one."""
        self.documents += 1
        for whole in paths:
            path = whole[:LONGEST_PATH]
            kept = path if path in self.fields or len(self.fields) < MOST_FIELDS else OTHERS
            self.fields[kept] += 1
            self.first.setdefault(kept, (row.source_id, row.source_offset))

    def add(self, other: "LookedAt") -> None:
        """Sum up, the earlier look first."""
        self.documents += other.documents
        for path, count in other.fields.items():
            kept = path if path in self.fields or len(self.fields) < MOST_FIELDS else OTHERS
            self.fields[kept] += count
            self.first.setdefault(kept, other.first[path])


@dataclass(frozen=True, slots=True)
class UnmappedField:
    """One field as all workers of its stream have seen it."""

    stream: str
    path: str
    documents: int
    """In how many of the documents that were looked at it stands."""
    looked_since: int
    """Documents looked at since it was first met."""
    looked_before: int
    first_at: str
    """Its first place, as topic[partition]@offset or file[part]@line."""
    first_seen: datetime
    accepted_by: str | None
    because: str | None

    @property
    def new(self) -> bool:
        """Whether it came when records without it were usual, is no stray, and nobody has said that it may stay out."""
        return (
            self.accepted_by is None
            and self.looked_before >= _KNOWN_AFTER
            and self.documents >= _STRAY
            and self.documents * 100 > self.looked_since * _SHARE_PERCENT
        )


def new_fields(fields: Iterable[UnmappedField]) -> list[UnmappedField]:
    """Those that a person must look at."""
    return [one for one in fields if one.new]


def new_fields_gate(fields: Sequence[UnmappedField]) -> Gate:
    """Whether the records still have the fields that the mapping was written for, or a person lets the others go."""
    if new := new_fields(fields):
        told = _some([f"{one.stream} {one.path}" for one in new])
        remedy = "map them and `migration replay-schema`, or `migration fields accept`"
        return Gate(GATE, GateVerdict.FAIL, told, remedy)
    if accepted := [one for one in fields if one.accepted_by is not None]:
        told = _some([f"{one.stream} {one.path}, accepted by {one.accepted_by}: {one.because}" for one in accepted])
        return Gate(GATE, GateVerdict.WARN, told, "nothing, unless the target needs them after all")
    return Gate(GATE, GateVerdict.PASS, "no field has come that the mapping does not know")


def _some(told: Sequence[str]) -> str:
    more = len(told) - _NAMED
    return "; ".join(told[:_NAMED]) + (f" and {more} more" if more > 0 else "")
