"""Looks through the raw rows for keys that stand in two partitions, lane by lane, each lane kept once it is done."""

from db import crossed
from db.crossed import LaneToLook
from db.engine import Database
from migration_core.crossed import LISTED, CrossedKey, hash_ranges


def look(database: Database) -> None:
    """Look at every lane that has new rows; killed, the next call goes on with the lanes that are left."""
    for lane in crossed.lanes_to_look(database):
        count, keys = _crossed(database, lane)
        crossed.store(database, lane, count, keys)


def _crossed(database: Database, lane: LaneToLook) -> tuple[int, list[CrossedKey]]:
    """How many keys there are, and the first of them; a hash stands for its key, where it is not looked up."""
    count, keys = 0, list[CrossedKey]()
    for hashes in hash_ranges(lane.rows):
        found = crossed.hashes_in_two(database, lane, hashes)
        looked_up = found[: max(0, LISTED - len(keys))]
        known = crossed.keys_of(database, lane, looked_up)
        count += len(known) + len(found) - len(looked_up)
        keys += known
    return count, keys
