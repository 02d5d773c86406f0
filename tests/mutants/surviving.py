"""What a process must never do when itself, its server or its time fails it, or when records surprise it."""

from tests.mutants.mutant import Mutant

_STUCK = "tests/unit/test_runtime_stuck.py"
_FIELDS = "tests/integration/test_surprises.py::TestFieldsThatNoColumnTakes"
_KEYS = "tests/integration/test_surprises.py::TestKeysInTwoPartitions"
_PROCESSES = "tests/chaos/test_processes.py"
_LOST = "tests/chaos/test_gone_back.py"

MUTANTS = [
    Mutant(
        "a function that gets no memory rejects its record",
        "migration_core/mapping/column.py",
        "        except MemoryError:\n            raise  # of",
        "        except LookupError:\n            raise  # of",
        ("tests/unit/test_mapping_rows.py::test_a_function_that_gets_no_memory_is_no_fault_of_the_value",),
    ),
    Mutant(
        "an attempt that ended the process by a bug does not count",
        "migration_worker/sweeper.py",
        "        survived = False\n",
        "        survived = True\n",
        ("tests/integration/test_worker.py::TestSweeping::test_attempts_that_ended_the_process_by_a_bug_do_count",),
    ),
    Mutant(
        "a full disk is blamed on the lane",
        "db/errno.py",
        "    1114,  # table is full: the disk or the temporary space is\n",
        "",
        ("tests/unit/test_db_failure.py::test_no_room_on_the_server_is_waited_for",),
    ),
    Mutant(
        "a process without room for a connection waits for ever",
        "db/failure.py",
        "    if isinstance(cause, OSError) and cause.errno in _NO_ROOM:\n",
        "    if isinstance(cause, OSError) and not cause.errno:\n",
        ("tests/unit/test_db_failure.py::test_no_room_in_this_process_is_not_waited_for",),
    ),
    Mutant(
        "one loop that moves hides another that hangs",
        "runtime/health.py",
        "        return self._clock() - min(self._last.copy().values(), default=self._clock())\n",
        "        return self._clock() - max(self._last.copy().values(), default=self._clock())\n",
        (f"{_STUCK}::test_the_loop_that_is_latest_counts",),
    ),
    Mutant(
        "a timer of Python's own watches over a hang",
        "runtime/stuck.py",
        "        faulthandler.dump_traceback_later(max(left, 0.001), exit=True, file=sys.__stderr__ or sys.stderr)\n",
        "        import os, threading\n"
        "        timer = threading.Timer(max(left, 0.001), lambda: (faulthandler.dump_traceback(), os._exit(1)))\n"
        "        timer.daemon = True\n"
        "        timer.start()\n",
        (f"{_STUCK}::test_a_process_that_hangs_ends_with_1_and_its_stacks_on_stderr",),
    ),
    Mutant(
        "a parked row waits for a time that the server's clock was put back from",
        "db/parks.py",
        "NOT BETWEEN NOW(6) AND NOW(6) + INTERVAL %s SECOND ORDER",
        "<= NOW(6) + INTERVAL 0 * %s SECOND ORDER",
        (f"{_PROCESSES}::test_a_server_whose_clock_was_put_back_is_measured_again_and_parked_rows_are_tried",),
    ),
    Mutant(
        "keys by other rules are taken as they are",
        "db/registry.py",
        "        if found[3] != KEY_VERSION:\n",
        "        if not found[3]:\n",
        (f"{_PROCESSES}::test_rules_of_another_time_are_refused_at_the_start",),
    ),
    Mutant(
        "a worker applies a stream by other rules than it was stored by",
        "migration_worker/opening.py",
        "        expect_rules(found, lanes=stream.lanes, partial=stream.partial)\n",
        "",
        (f"{_PROCESSES}::test_rules_of_another_time_are_refused_at_the_start",),
    ),
    Mutant(
        "a master that has vanished keeps the offsets for a minute",
        "migration_master/__main__.py",
        "holds_rows=True, ",
        "",
        ("tests/chaos/test_suspended.py::TestAMasterInItsTransaction",),
    ),
    Mutant(
        "the fields of a stream have no end",
        "db/unmapped.py",
        "        kept = path if path in known or len(known) < MOST_FIELDS else OTHERS\n",
        "        kept = path if path != OTHERS else OTHERS\n",
        (f"{_FIELDS}::test_the_fields_of_a_stream_have_an_end",),
    ),
    Mutant(
        "fields that could not be stored are forgotten",
        "migration_worker/fields.py",
        "                self.count(stream, looked)  # the next try has it\n",
        "                looked.fields.clear()\n",
        (f"{_FIELDS}::test_what_could_not_be_stored_is_stored_the_next_time",),
    ),
    Mutant(
        "a key in two partitions goes unseen",
        "db/crossed.py",
        "HAVING MIN(o.kafka_partition) <> MAX(o.kafka_partition)",
        "HAVING MIN(o.kafka_partition) > MAX(o.kafka_partition)",
        (f"{_KEYS}::test_they_are_one_entity_and_are_listed_until_a_person_lets_them_pass",),
    ),
    Mutant(
        "keys that came later pass with those that a person let pass",
        "migration_core/crossed.py",
        "        accepted = lane.accepted_by is not None and lane.crossed <= lane.accepted\n",
        "        accepted = lane.accepted_by is not None\n",
        ("tests/unit/test_crossed.py::test_only_what_nobody_knows_of_shuts_the_gate",),
    ),
    Mutant(
        "an answer that was lost with its connection is an offset",
        "kafka_log/watermarks.py",
        "            if found_one.offset < 0:\n",
        "            if found_one.offset < -9999:\n",
        (
            "tests/integration/test_connection_faults.py::TestTheWayToKafka::test_an_answer_that_was_lost_with_its_connection_is_no_offset",
        ),
    ),
    Mutant(
        "leaders that the client remembers are believed for minutes",
        "kafka_log/watermarks.py",
        "        except Transient:\n",
        "        except LookupError:\n",
        (f"{_LOST}::test_a_log_whose_tail_the_broker_lost_stops_its_stream_before_anything_else_is_read",),
    ),
]
