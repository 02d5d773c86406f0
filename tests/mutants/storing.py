"""What the master and its reader must never do."""

from tests.mutants.mutant import Mutant

_MASTER = "tests/integration/test_master.py"
_ERRORS = "tests/integration/test_master_errors.py::TestErrors"
_LOG = "tests/integration/test_kafka_log.py"
_ORDERINGS = "tests/integration/test_orderings.py"
_HEADS = "            self._reached(Step.MASTER_HEADS_MOVED)\n"
_OFFSETS = (
    "            session.connection.commit()\n"
    "            self._reached(Step.MASTER_OFFSETS_MOVED)\n"
    "            self._move_offsets(session, batches)\n"
)

_DAMAGED = "tests/integration/test_connection_faults.py::TestTheWayToKafka"

MUTANTS = [
    Mutant(
        "a master that found no offsets believes that it took over",
        "migration_master/master.py",
        "            self._taken_over = bool(sources)\n",
        "            self._taken_over = True\n",
        (
            f"{_ERRORS}::test_of_two_masters_that_began_before_there_were_offsets_only_the_one_that_took_over_last_stores",
        ),
    ),
    Mutant(
        "masters of unlike streams count their epochs apart",
        "db/ingest.py",
        'f"SELECT COALESCE(MAX(epoch), 0), COALESCE(',
        'f"SELECT COALESCE(MAX(IF(stream_id = {max(self._stream_ids.values())}, epoch, 0)), 0), COALESCE(',
        (f"{_ERRORS}::test_masters_of_unlike_streams_never_have_the_same_epoch",),
    ),
    Mutant(
        "an idle master does not compare its place with the store's",
        "migration_master/master.py",
        " or not ingest.stands_at(plan.reading)",
        "",
        (f"{_ERRORS}::test_commits_that_a_fail_over_lost_are_made_again_by_a_master_that_has_nothing_else_to_read",),
    ),
    Mutant(
        "doorbells ring before the commit",
        "migration_master/ingest.py",
        "        touched = self._store.commit(parts)\n        self._touched(touched)\n",
        "        self._touched([TouchedLane(p.source.stream, row[0], 1, 0, 1) for p in parts for row in p.rows])\n"
        "        self._store.commit(parts)\n",
        (f"{_ORDERINGS}::TestTheMaster",),
    ),
    Mutant(
        "offsets move in a transaction of their own, before the rows",
        "db/ingest.py",
        "            self._move_offsets(session, batches)\n",
        "            self._move_offsets(session, batches)\n            session.connection.commit()\n",
        (f"{_ERRORS}::test_an_error_at_any_step_costs_nothing_and_doubles_nothing[master.offsets_moved]",),
    ),
    Mutant(
        "offsets move in a transaction of their own, behind the rows",
        "db/ingest.py",
        "            self._move_offsets(session, batches)\n            self._reached(Step.MASTER_OFFSETS_MOVED)\n",
        "",
        (f"{_ERRORS}::test_an_error_at_any_step_costs_nothing_and_doubles_nothing[master.offsets_moved]",),
        also=((_HEADS, f"{_HEADS}{_OFFSETS}"),),
    ),
    Mutant(
        "the fence does not look at the epoch",
        "db/ingest.py",
        'o.moved_at = NOW(6) WHERE o.epoch = %s"',
        'o.moved_at = NOW(6) WHERE o.epoch > %s - 1000"',
        (f"{_ERRORS}::test_a_second_master_fences_the_first",),
    ),
    Mutant(
        "the fence does not look at the offset",
        "db/ingest.py",
        " AND o.next_offset = v.expected ",
        " ",
        (f"{_ERRORS}::test_a_transaction_that_is_stored_already_cannot_be_stored_again",),
    ),
    Mutant(
        "take-over reads the offsets and raises no epoch",
        "db/ingest.py",
        'f"UPDATE source_offset SET epoch = %s WHERE stream_id IN ({marks})", (epoch, *ids))',
        'f"UPDATE source_offset SET epoch = %s WHERE stream_id IN ({marks})", (1, *ids))',
        (f"{_ERRORS}::test_a_second_master_fences_the_first",),
    ),
    Mutant(
        "a raw row that is there already is passed over",
        "db/raw.py",
        "    write(session.connection, Bulk(quoted(table_of(stream)), COLUMNS, binary=True), lines)\n",
        "    from contextlib import suppress\n\n    from db.bulk import Repaired\n\n    with suppress(Repaired):\n"
        "        write(session.connection, Bulk(quoted(table_of(stream)), COLUMNS, binary=True), lines)\n",
        (f"{_ORDERINGS}::TestTheMaster::test_a_raw_row_that_is_there_already_halts_and_stays_as_it_is",),
    ),
    Mutant(
        "after an error the master goes on from memory",
        "migration_master/master.py",
        "        self._trouble = reason\n        self.close()\n",
        "        self._trouble = reason\n",
        (f"{_ERRORS}::test_an_error_at_any_step_costs_nothing_and_doubles_nothing[master.committed]",),
    ),
    Mutant(
        "the end of a partition is not stored where only markers stand",
        "migration_master/ingest.py",
        "        if batch.next_offset <= source.next_offset:\n",
        "        if batch.next_offset <= source.next_offset or not batch.records:\n",
        (f"{_MASTER}::TestStoring::test_aborted_records_are_not_stored_and_the_position_passes_their_markers",),
    ),
    Mutant(
        "lanes by Python's own hash, which differs from process to process",
        "migration_core/lane.py",
        "    return crc32(key) % lanes\n",
        "    return hash(key) % lanes\n",
        (f"{_MASTER}::TestStoring::test_every_record_is_stored_once_with_its_bytes_its_lane_and_its_order",),
    ),
    Mutant(
        "auto.offset.reset=latest",
        "kafka_log/settings.py",
        '"auto.offset.reset": "error"',
        '"auto.offset.reset": "latest"',
        (f"{_LOG}::test_a_position_that_retention_took_is_fatal_for_its_partition",),
    ),
    Mutant(
        "records of aborted transactions are read",
        "kafka_log/settings.py",
        '"isolation.level": "read_committed"',
        '"isolation.level": "read_uncommitted"',
        (f"{_MASTER}::TestStoring::test_aborted_records_are_not_stored_and_the_position_passes_their_markers",),
    ),
    Mutant(
        "a damaged record hides the one before it when that is read again",
        "kafka_log/probe.py",
        "_AT_ONCE = 1\n",
        "_AT_ONCE = 100\n",
        (f"{_DAMAGED}::test_a_record_that_always_comes_damaged_stops_its_stream_after_some_tries_and_no_other",),
    ),
    Mutant(
        "records that were damaged on their way are not noticed",
        "kafka_log/settings.py",
        '    "check.crcs": "true",\n',
        '    "check.crcs": "false",\n',
        (f"{_DAMAGED}::test_a_record_that_was_damaged_on_its_way_is_read_again_and_never_stored",),
    ),
]
