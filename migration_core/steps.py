"""Every step of the protocol by name, so that a test can kill a process exactly there."""

from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    """Named after what has just been done."""

    # snapshot_loader, when it fetches a folder
    FETCH_PART_BEGUN = "fetch.part_begun"
    FETCH_PART_VERIFIED = "fetch.part_verified"
    FETCH_PART_PLACED = "fetch.part_placed"
    FETCH_PARTS_PLACED = "fetch.parts_placed"
    FETCH_MANIFEST_PLACED = "fetch.manifest_placed"

    # snapshot_loader
    LOADER_MANIFEST_VERIFIED = "loader.manifest_verified"
    LOADER_REGISTERED = "loader.registered"
    LOADER_CHUNK_WRITTEN = "loader.chunk_written"
    LOADER_CHUNK_COMMITTED = "loader.chunk_committed"
    LOADER_PART_VERIFIED = "loader.part_verified"
    LOADER_DUPLICATES_FOUND = "loader.duplicates_found"
    LOADER_PART_OPENED = "loader.part_opened"
    LOADER_RUNG = "loader.rung"
    LOADER_STREAM_OPENED = "loader.stream_opened"

    # a reload: before and within what the loader does
    RELOAD_GENERATION_RAISED = "reload.generation_raised"
    RELOAD_LANE_CLOSED = "reload.lane_closed"
    RELOAD_CUT = "reload.cut"
    RELOAD_KEYS_SWEPT = "reload.keys_swept"

    # a replay into shadow tables: its batches are those of apply_batch
    REPLAY_TABLES_MADE = "replay.tables_made"
    REPLAY_BEGUN = "replay.begun"
    REPLAY_FENCED = "replay.fenced"
    REPLAY_RENAMED = "replay.renamed"
    REPLAY_LANE_SWITCHED = "replay.lane_switched"
    REPLAY_SWAPPED = "replay.swapped"

    # migration_master
    MASTER_TOOK_OVER = "master.took_over"
    MASTER_BATCH_READ = "master.batch_read"
    MASTER_OFFSETS_MOVED = "master.offsets_moved"
    MASTER_NUMBERS_TAKEN = "master.numbers_taken"
    MASTER_RAW_WRITTEN = "master.raw_written"
    MASTER_HEADS_MOVED = "master.heads_moved"
    MASTER_COMMITTED = "master.committed"
    MASTER_RUNG = "master.rung"

    # migration_worker (and every other caller of apply_batch)
    WORKER_RECEIVED = "worker.received"
    WORKER_LOCKED = "worker.locked"
    WORKER_READ = "worker.read"
    WORKER_TRANSFORMED = "worker.transformed"
    WORKER_WRITTEN = "worker.written"
    WORKER_OUTCOMES_WRITTEN = "worker.outcomes_written"
    WORKER_WATERMARK_MOVED = "worker.watermark_moved"
    WORKER_COMMITTED = "worker.committed"
    WORKER_DELETED = "worker.deleted"
    SWEEPER_ATTEMPT_MARKED = "sweeper.attempt_marked"
    SWEEPER_SWEPT = "sweeper.swept"

    # migration_verifier
    AUDIT_LOOKED = "audit.looked"
    AUDIT_WRITTEN = "audit.written"
    AUDIT_COMMITTED = "audit.committed"
    PURGE_DELETED = "purge.deleted"
    PURGE_COUNTED = "purge.counted"
    PURGE_COMMITTED = "purge.committed"

    # redrive
    REDRIVE_LOCKED = "redrive.locked"
    REDRIVE_FOLDED = "redrive.folded"
    REDRIVE_WRITTEN = "redrive.written"
    REDRIVE_SETTLED = "redrive.settled"
    REDRIVE_COMMITTED = "redrive.committed"

    # verify
    VERIFIER_COMPARED = "verifier.compared"
    VERIFIER_SAVED = "verifier.saved"

    # statistics
    STATISTIC_BEGUN = "statistic.begun"
    STATISTIC_TABLES_MADE = "statistic.tables_made"
    STATISTIC_COUNTED = "statistic.counted"
    STATISTIC_COMMITTED = "statistic.committed"
    STATISTIC_BUILT = "statistic.built"
    STATISTIC_SWAPPED = "statistic.swapped"
    STATISTIC_DONE = "statistic.done"

    # the cut-over, at every one of its own steps
    CUTOVER_STEP_BEGUN = "cutover.step_begun"
    CUTOVER_HOOK_CALLED = "cutover.hook_called"
    CUTOVER_STEP_DONE = "cutover.step_done"
    CUTOVER_STEP_MOVED = "cutover.step_moved"
    CHANGES_WRITTEN = "changes.written"
    CHANGES_MARKED = "changes.marked"


Reached = Callable[[Step], None]


def nothing(step: Step) -> None:
    """The default `reached`: production code does not stop anywhere."""
