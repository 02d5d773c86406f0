"""Single malformed lines are rejects; too many of them are another container, and end the load."""

import pytest

from migration_core.errors import SnapshotError
from snapshot_loader.malformed import SHARE, TOLERATED, MalformedLines


def test_so_many_are_tolerated_whatever_their_share():
    odd = MalformedLines("users-1", "kcat")

    odd.add(TOLERATED, range(1, TOLERATED + 1))

    with pytest.raises(SnapshotError, match="users-1: line 1: SNAP_PARSE"):
        odd.add(1, [TOLERATED + 1])


def test_more_are_tolerated_while_they_are_a_small_share():
    odd = MalformedLines("users-1", "kcat")
    lines = int((TOLERATED + 1) / SHARE)

    odd.add(lines, range(51, 51 + TOLERATED + 1))

    with pytest.raises(SnapshotError, match=r"line 51: .* 102 of 10100 lines are no kcat lines"):
        odd.add(0, [lines])
