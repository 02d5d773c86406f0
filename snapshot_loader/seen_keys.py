"""The hashes of a snapshot's keys so far, by lane, on disk beyond a few megabytes: which of them stand twice.

Sixteen bytes a row. A comparison goes through all earlier hashes at about 50 ns each, so it waits until the fresh ones
are worth it: then it costs under a microsecond a row, whatever the size of the snapshot and of its parts.
"""

import os
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile

WORTH_IT = 16
"""Earlier rows to a fresh one, at most."""
_WIDTH = 8
_BUFFERED = 1 << 13
_IN_MEMORY = 4 << 20

Numbers = Sequence[int]


@dataclass(slots=True)
class _Lane:
    """Rows in order of their sequence: those in `segments` on file, then the buffered ones."""

    segments: list[tuple[int, int]] = field(default_factory=list)
    """(first byte, rows): as many hashes, then as many sequences."""
    hashes: "array[int]" = field(default_factory=lambda: array("Q"))
    sequences: "array[int]" = field(default_factory=lambda: array("q"))
    fresh_from: int = 0
    """The number of the first segment that was never compared."""


class SeenKeys:
    """Fed with every row in order; a hash of 0 is no key."""

    def __init__(self, in_memory: int = _IN_MEMORY, buffered: int = _BUFFERED) -> None:
        self._file = SpooledTemporaryFile(max_size=in_memory, prefix="snapshot-keys-")  # noqa: SIM115 - see close
        self._buffered = buffered
        self._lanes: dict[int, _Lane] = defaultdict(_Lane)
        self._old = 0
        self._fresh = 0

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()

    def add(self, lane: int, hashes: Numbers, sequences: Numbers) -> None:
        """The next rows of a lane."""
        kept = self._lanes[lane]
        kept.hashes.extend(hashes)
        kept.sequences.extend(sequences)
        self._fresh += len(hashes)
        if len(kept.hashes) >= self._buffered:
            self._flush(kept)

    def worth_comparing(self) -> bool:
        """Whether there are enough fresh rows for a look at all earlier ones."""
        return self._fresh * WORTH_IT >= self._old

    def repeated(self) -> Iterator[tuple[int, Mapping[int, Sequence[int]]]]:
        """By lane, the hashes of fresh rows that stand at several places, with all their sequences in order."""
        for number, lane in self._lanes.items():
            self._flush(lane)
            twice = self._twice(lane)
            if twice:
                yield number, self._places(lane, twice)

    def compared(self) -> None:
        """Every fresh row was looked at."""
        for lane in self._lanes.values():
            self._flush(lane)
            lane.fresh_from = len(lane.segments)
        self._old += self._fresh
        self._fresh = 0

    def _twice(self, lane: _Lane) -> set[int]:
        fresh: set[int] = set()
        twice: set[int] = set()
        for segment in lane.segments[lane.fresh_from :]:
            block = self._hashes(segment)
            once = set(block)
            twice |= fresh & once
            fresh |= once
            if len(once) < len(block):
                for hashed in block:
                    if hashed in once:
                        once.remove(hashed)
                    else:
                        twice.add(hashed)
        for segment in lane.segments[: lane.fresh_from]:
            twice |= fresh.intersection(self._hashes(segment))
        twice.discard(0)
        return twice

    def _places(self, lane: _Lane, hashes: set[int]) -> Mapping[int, Sequence[int]]:
        places: dict[int, list[int]] = defaultdict(list)
        for segment in lane.segments:
            block = self._hashes(segment)
            if not hashes.isdisjoint(block):
                for hashed, sequence in zip(block, self._sequences(segment), strict=True):
                    if hashed in hashes:
                        places[hashed].append(sequence)
        return places

    def _flush(self, lane: _Lane) -> None:
        if not lane.hashes:
            return
        lane.segments.append((self._file.seek(0, os.SEEK_END), len(lane.hashes)))
        self._file.write(lane.hashes.tobytes())
        self._file.write(lane.sequences.tobytes())
        lane.hashes, lane.sequences = array("Q"), array("q")

    def _hashes(self, segment: tuple[int, int]) -> "array[int]":
        return self._read("Q", segment[0], segment[1])

    def _sequences(self, segment: tuple[int, int]) -> "array[int]":
        return self._read("q", segment[0] + segment[1] * _WIDTH, segment[1])

    def _read(self, kind: str, first: int, count: int) -> "array[int]":
        self._file.seek(first)
        block: array[int] = array(kind)
        block.frombytes(self._file.read(count * _WIDTH))
        return block
