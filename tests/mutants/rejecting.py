"""What redriving, the circuit breaker and live control must never do."""

from tests.mutants.mutant import Mutant

_REDRIVE = "tests/integration/test_redrive.py"
_UNIQUE = f"{_REDRIVE}::TestUniqueValues"
_PARTIAL = f"{_REDRIVE}::TestPartialChanges"
_CLI = "tests/integration/test_redrive_cli.py"
_BREAKER = "tests/integration/test_breaker.py"
_STOPS = "tests/integration/test_master_stops.py"
_CONTROL = "tests/integration/test_live_control.py"

MUTANTS = [
    Mutant(
        "a redriven image overwrites a newer one",
        "migration_core/refolding.py",
        '    live = [row for row in rows if row.sequence > newest.get(row.entity_key or b"", -1)]\n',
        "    live = list(rows)\n",
        (f"{_REDRIVE}::TestImages::test_a_reject_older_than_what_stands_is_superseded_and_changes_nothing",),
        also=(
            (
                '    late = [row for row in rows if row.sequence <= newest.get(row.entity_key or b"", -1)]\n',
                "    late: list[RawRow] = []\n",
            ),
        ),
    ),
    Mutant(
        "what was applied between look and lock is not seen",
        "db/redrive_images.py",
        "    lane.catch_up(known, every=False)\n",
        "",
        (f"{_REDRIVE}::TestImages::test_what_was_applied_between_the_look_and_the_lock_stands",),
    ),
    Mutant(
        "a lane is asked for the rows of no key",
        "db/later_rows.py",
        "    if not known.keys:\n        return up_to\n",
        "",
        (f"{_REDRIVE}::TestImages::test_a_lane_without_such_rejects_is_passed_whatever_was_applied_to_it_meanwhile",),
    ),
    Mutant(
        "a refused row that was overtaken waits to overwrite the newer one",
        "db/redrive_images.py",
        "    if key is not None and known.newest.get(key, sequence) > sequence:\n        raise Stale",
        "    if key is not None and known.newest.get(key, sequence) > sequence:\n        pass",
        (f"{_UNIQUE}::test_a_row_that_the_server_refused_and_that_was_overtaken_since_does_not_wait_to_overwrite",),
    ),
    Mutant(
        "a row settled since the look is not noticed",
        "db/redrive.py",
        "                elif settled == known.settled:\n",
        "                elif True:\n",
        (f"{_UNIQUE}::test_a_row_that_waited_and_was_settled_since_the_look_is_not_overwritten_by_an_older_one",),
    ),
    Mutant(
        "a key that is released in part is free at once",
        "db/redrive_partial.py",
        "        if first is None:\n",
        "        if key not in folded.new_parks:\n",
        (f"{_PARTIAL}::test_a_long_park_is_released_in_parts_and_a_dead_process_leaves_nothing_behind",),
    ),
    Mutant(
        "a dry run commits",
        "db/redrive.py",
        "        if self._dry_run:\n            raise _DryRun\n",
        "        del self\n",
        (f"{_REDRIVE}::TestAttempts::test_a_dry_run_counts_and_changes_nothing",),
    ),
    Mutant(
        "the same rules are tried again and again",
        "migration_worker/redriving.py",
        "            if not force:\n                self._refuse_to_loop()\n",
        "",
        (f"{_CLI}::TestRedrive::test_the_same_rules_are_not_tried_twice_unless_forced",),
    ),
    Mutant(
        "how far a redrive is gets committed before its rows",
        "db/redrive.py",
        "                held.advance(after, tried[0])\n",
        "                held.advance(after, tried[0])\n                session.connection.commit()\n",
        (f"{_REDRIVE}::TestAttempts::test_a_dry_run_counts_and_changes_nothing",),
    ),
    Mutant(
        "too many rejects are kept before the stream pauses",
        "db/breaker.py",
        "    if why:\n",
        "    if why and (session.connection.commit() or True):\n",
        (f"{_BREAKER}::test_a_stream_that_rejects_everything_pauses_alone_and_no_flood_is_kept",),
    ),
    Mutant(
        "after a resume the same rows trip again",
        "db/breaker.py",
        "at <= grace_to)}",
        "at < 0)}",
        (f"{_BREAKER}::test_after_a_person_resumed_the_same_rows_pass_and_the_next_ones_are_looked_at_again",),
    ),
    Mutant(
        "a stop that comes late is not seen by the commit",
        "db/ingest.py",
        "            _refuse_past(stops_in(found[2]), streams[stream])\n",
        "",
        (f"{_STOPS}::test_a_stop_that_is_set_while_records_are_on_their_way_holds_before_their_commit",),
    ),
    Mutant(
        "ingest stops behind the record that it shall stop at",
        "migration_master/ingest.py",
        "record.source_offset < stop]",
        "record.source_offset <= stop]",
        (f"{_STOPS}::test_not_one_record_is_stored_from_the_stop_on_and_all_of_them_once_it_is_cleared",),
    ),
    Mutant(
        "each worker has the whole rate to itself",
        "db/rate_limit.py",
        "        rows, left = granted(tokens, elapsed, rate, most)\n",
        "        rows, left = granted(rate, elapsed, rate, most)\n",
        (f"{_CONTROL}::TestRate::test_all_workers_together_apply_no_more_than_the_rate",),
    ),
    Mutant(
        "a busy target is worked on",
        "migration_worker/brake.py",
        "        if self.reason:\n            return 0\n",
        "",
        (f"{_CONTROL}::TestThrottle::test_a_busy_target_is_left_alone_and_says_why",),
    ),
    Mutant(
        "a redriven record takes the place of another entity",
        "migration_core/refolding.py",
        "row.entity_key is not None and _key(stream, row) != row.entity_key",
        "row.entity_key is None and _key(stream, row) != row.entity_key",
        (f"{_CLI}::TestRedrive::test_a_record_never_takes_another_entitys_place_by_a_key_that_it_was_not_stored_with",),
    ),
]
