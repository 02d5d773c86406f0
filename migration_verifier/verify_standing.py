"""Whether the verifications that came to their end vouch for every stream as it stands now."""

from collections.abc import Mapping, Sequence

from db import verify_raw, verify_store
from db.engine import Database
from db.verify_raw import LaneState
from db.verify_store import Unit
from migration_core.gate import Gate, GateVerdict


def standing_gate(database: Database) -> Gate:
    """Of each stream the newest run decides: it found everything equal, and nothing was applied or settled since.

    A run that went on where an interrupted one stood has looked at its first lanes long before its end.
    """
    with database.transaction() as session:
        runs = [run for run in verify_store.finished(session) if run.against is None]
        changed = []
        for stream, lanes in verify_raw.lane_states(session).items():
            newest = next((run for run in runs if stream in run.detail["streams"]), None)
            equal = newest is not None and newest.equal
            if newest is None or not equal or not _covers(verify_store.units(session, newest.run_id), stream, lanes):
                changed.append(stream)
    if changed:
        found = f"rows of {', '.join(changed)} are not verified as they stand now"
        return Gate("verify", GateVerdict.FAIL, found, "run `migration verify`, then the cut-over again")
    return Gate("verify", GateVerdict.PASS, "nothing has changed since it was found equal")


def _covers(units: Sequence[Unit], stream: str, lanes: Mapping[int, LaneState]) -> bool:
    folds = [unit for unit in units if unit.kind == "fold" and unit.stream == stream]
    return lanes.keys() <= {unit.lane for unit in folds} and all(
        (unit.watermark, unit.progress.get("settled")) == lanes[unit.lane] for unit in folds if unit.lane in lanes
    )
