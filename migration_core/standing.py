"""Which raw rows of one lane stand for each key: what a verifier folds before it looks at any value. Pure."""

from collections.abc import Collection, Iterable, Mapping
from operator import itemgetter


class Standing:
    """Fed with (sequence, key) in order; a row with an outcome of its own (rejected, parked) does not stand.

    An outcome may go while the rows are looked at: a parked row is released, a rejected one redriven. So such rows
    are remembered, and `rows_of` is told which of them still have one. No other row ever gains an outcome.
    """

    def __init__(self, *, partial: bool) -> None:
        self._partial = partial
        self._newest: dict[bytes, int] = {}
        self._earlier: dict[bytes, list[int]] = {}
        """Of partial changes: the rows before the newest."""
        self._held: dict[bytes, list[int]] = {}

    def __len__(self) -> int:
        return len(self._newest)

    def __contains__(self, key: bytes) -> bool:
        return key in self._newest

    @property
    def keys(self) -> Collection[bytes]:
        """Every key that occurs, also those of which no row stands."""
        return self._newest.keys()

    def add(self, rows: Iterable[tuple[int, bytes | None]], with_outcome: Collection[int] = ()) -> None:
        """The next rows of the lane; `with_outcome` are those of them that are rejected or parked now."""
        newest, held = self._newest, self._held
        for sequence, key in rows:
            if key is None:
                continue
            if sequence in with_outcome:
                newest.setdefault(key, 0)
                held.setdefault(key, []).append(sequence)
                continue
            if self._partial and (before := newest.get(key)):
                self._earlier.setdefault(key, []).append(before)
            newest[key] = sequence

    def in_order(self, *, after: int = 0, since: int = 0) -> list[tuple[int, bytes]]:
        """(place, key) of keys whose last row, whatever became of it, lies beyond `after`, in order of these places.

        With `since`, only keys with a row beyond it, and those some of whose rows may have been released meanwhile.
        """
        held = self._held
        places = (
            (max(sequence, held[key][-1]) if key in held else sequence, key) for key, sequence in self._newest.items()
        )
        return sorted(
            (one for one in places if one[0] > after and (one[0] > since or one[1] in held)), key=itemgetter(0)
        )

    def held_among(self, keys: Iterable[bytes]) -> list[bytes]:
        """Keys some of whose rows had an outcome when they were added."""
        return [key for key in keys if key in self._held] if self._held else []

    def rows_of(self, key: bytes, with_outcome: Mapping[bytes, Collection[int]]) -> tuple[int, ...]:
        """The sequences whose rows decide what `key` has: the newest one, or of partial changes all, in order.

        `with_outcome` holds, for each key of `held_among`, its rows that are rejected or parked now.
        """
        newest = self._newest[key]
        released = [one for one in self._held[key] if one not in with_outcome[key]] if key in self._held else []
        if self._partial:
            return tuple(sorted([*self._earlier.get(key, ()), *([newest] if newest else []), *released]))
        newest = max([newest, *released])
        return (newest,) if newest else ()
