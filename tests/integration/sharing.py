"""One world for the tests of a module, emptied between them: a schema of its own for each would cost a second."""

from tests.integration.applying import Applying

_EMPTIED = (
    "row_outcome", "reject", "reject_pattern", "parked_key", "merged_document", "lane_attempt", "lane_audit",
    "lane_source_audit", "ledger_remainder", "run", "stream_generation", "snapshot_part", "snapshot",
)  # fmt: skip
_RAW = ("raw_people", "raw_logins", "raw_trips")
_PROCESSED = ("people", "phones", "logins", "trips")
_BEGUN_AGAIN = (
    "UPDATE lane_head SET head = 0, `rows` = 0, head_time = NULL",
    "UPDATE lane_progress SET applied = 0, applied_time = NULL, parked = 0, audited = 0, halted = NULL",
    "UPDATE lane_progress SET n_applied = 0, n_superseded = 0, n_filtered = 0, n_parked = 0, n_rejected = 0",
    "UPDATE stream_counter SET next_number = 0",
    "UPDATE stream_state SET state = 'running', reason = ''",
    "DELETE FROM source_offset WHERE topic NOT LIKE '%%.%%'",
    "DELETE s FROM source s LEFT JOIN source_offset o USING (source_id) WHERE o.source_id IS NULL",
    "UPDATE source_offset SET next_offset = 0, epoch = 0, last_offset = NULL, last_sha256 = NULL",
)


def emptied(world: Applying) -> Applying:
    """The same world as it was before any row had come."""
    world.stop()
    world.running.clear()
    with world.database.transaction() as session:
        for table in (*_EMPTIED, *_RAW, *(f"{world.target}.{name}" for name in _PROCESSED)):
            session.execute(f"DELETE FROM {table}")
        for statement in _BEGUN_AGAIN:
            session.execute(statement, ())
    return world
