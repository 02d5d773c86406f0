"""Rows of a snapshot whose key stood earlier in the same snapshot: the first one stands."""

from db.engine import Session
from db.lanes import LockedLane
from migration_core.sequence import LAST_NUMBER, unpack


def duplicates_between(session: Session, stream_id: int, lane: LockedLane, up_to: int) -> frozenset[int]:
    """Sequences of such rows between the lane's watermark and `up_to`."""
    generation, _ = unpack(lane.applied)
    if unpack(lane.open_to) == (generation, LAST_NUMBER):
        return frozenset()  # all that is left belongs to the stream
    rows = session.rows(
        "SELECT sequence FROM snapshot_duplicate "
        "WHERE stream_id = %s AND lane = %s AND sequence > %s AND sequence <= %s",
        (stream_id, lane.lane, lane.applied, up_to),
    )
    return frozenset(sequence for (sequence,) in rows)
