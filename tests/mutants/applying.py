"""What a worker must never do."""

from tests.mutants.mutant import Mutant

_WORKER = "tests/integration/test_worker.py"
_ORDERINGS = "tests/integration/test_orderings.py"
_QUEUE = "tests/integration/test_work_queue.py"
_TRANSACTION = f"{_ORDERINGS}::TestTheWorkersTransaction"
_DOORBELLS = f"{_ORDERINGS}::TestDoorbells"
_WRITE = (
    "        write_effects(session, self._parts, [(one.lane.lane, folded) for one, folded in folds], strict=strict)\n"
)
_MOVE = "        if moves:\n            lanes.move(session, self._parts.registered.stream_id, moves)\n"
_GONE = "        gone = [effect.key for effect in effects if table.child or not (effect.rows and effect.rows[index])]\n"

_HALF_OPEN = "tests/integration/test_connection_faults.py::TestHalfOpen"

MUTANTS = [
    Mutant(
        "the watermark moves in a transaction of its own, behind the rows",
        "db/apply.py",
        _MOVE,
        _MOVE.replace("            lanes.move", "            session.connection.commit()\n            lanes.move"),
        (f"{_TRANSACTION}::test_until_the_commit_nobody_sees_anything_and_an_error_leaves_nothing",),
    ),
    Mutant(
        "the watermark moves in a transaction of its own, before the rows",
        "db/apply.py",
        _WRITE,
        "        early = [self._record(session, one, folded) for one, folded in folds]\n"
        "        lanes.move(session, self._parts.registered.stream_id, early)\n"
        "        session.connection.commit()\n" + _WRITE,
        (f"{_TRANSACTION}::test_a_connection_that_is_lost_makes_no_reject_and_the_batch_is_redone[30-worker.written]",),
        also=(
            (_MOVE, ""),
            (
                "        moves = [self._record(session, one, folded) for one, folded in folds]\n",
                "        moves = early\n",
            ),
        ),
    ),
    Mutant(
        "a lane is not locked",
        "db/lanes.py",
        '"ORDER BY lane FOR UPDATE SKIP LOCKED"',
        '"ORDER BY lane"',
        (f"{_WORKER}::TestLocks::test_a_lane_that_another_holds_is_left_alone",),
    ),
    Mutant(
        "the barrier is not looked at",
        "db/lanes.py",
        '        "SELECT lane, applied, open_to, parked, mapping_hash FROM lane_progress',
        '        "SELECT lane, applied, 9223372036854775807, parked, mapping_hash FROM lane_progress',
        (f"{_ORDERINGS}::TestTheBarrier",),
    ),
    Mutant(
        "the watermark moves from wherever it stands",
        "db/lanes.py",
        '"ON p.lane = v.lane AND p.applied = v.old SET',
        '"ON p.lane = v.lane SET',
        (f"{_TRANSACTION}::test_a_watermark_moves_only_from_where_it_was_read",),
    ),
    Mutant(
        "a doorbell is deleted before its rows are applied",
        "migration_worker/serve.py",
        "        left = self._apply(set(rung))\n        done = [d",
        "        left: set[Lane] = set()\n"
        "        self._queue.delete(deliveries)\n"
        "        left |= self._apply(set(rung))\n        done = [d",
        (f"{_DOORBELLS}::test_they_are_deleted_only_when_their_rows_are_committed",),
    ),
    Mutant(
        "nobody looks again once a doorbell is deleted",
        "migration_worker/serve.py",
        "        self._again = {(look.stream, look.lane) for look in self._work.ready(rung)} - left\n",
        "        self._again = set()\n",
        (f"{_DOORBELLS}::test_a_row_that_comes_with_the_delete_is_applied_in_the_next_turn",),
    ),
    Mutant(
        "a worker goes back to sleep when it has served its doorbell",
        "migration_worker/serve.py",
        "            self._awake_until = self._clock() + AWAKE_SECONDS\n",
        "            self._awake_until = self._clock()\n",
        (f"{_DOORBELLS}::test_a_worker_that_a_doorbell_woke_finds_light_work_for_a_while_without_another",),
    ),
    Mutant(
        "a ring that is held back is forgotten",
        "migration_master/ringing.py",
        "        return still\n",
        "        return set()\n",
        ("tests/unit/test_master_ringing.py",),
    ),
    Mutant(
        "a lane that was served meanwhile wakes a worker",
        "migration_master/ringing.py",
        "        wakes &= self._owed.keys()  # what is served already needs nobody\n",
        "",
        ("tests/unit/test_master_ringing.py",),
    ),
    Mutant(
        "a lane that is behind passes for one that wakes a worker",
        "migration_master/ringing.py",
        "        if wakes and due.isdisjoint(wakes) and",
        "        if wakes and not due and",
        ("tests/unit/test_master_ringing.py",),
    ),
    Mutant(
        "a worker applies lanes that it knows nothing of",
        "migration_worker/lane_work.py",
        " and (look.stream, look.lane) in self._known\n",
        "\n",
        (f"{_DOORBELLS}::test_a_worker_that_is_new_applies_no_lane_that_was_not_rung",),
    ),
    Mutant(
        "there is no sweeper",
        "migration_worker/__main__.py",
        "        thread.start()\n",
        "        thread.run = lambda: None\n        thread.start()\n",
        (f"{_WORKER}::TestSweeping::test_without_any_doorbell_everything_is_applied",),
    ),
    Mutant(
        "the sweeper only rings again",
        "migration_worker/__main__.py",
        "        thread = Thread(",
        "        from migration_core.doorbell import Doorbell\n\n"
        "        Sweeper.sweep_one = lambda _self, look: queue.ring([Doorbell(look.stream, look.lane, look.head)])\n"
        "        thread = Thread(",
        (f"{_DOORBELLS}::test_a_lane_whose_doorbell_another_holds_for_long_is_applied_all_the_same",),
    ),
    Mutant(
        "a doorbell's id is its lane",
        "work_queue/queue.py",
        "        left = {str(uuid4()): bell for bell in bells}\n",
        '        left = {f"{bell.stream}-{bell.lane}": bell for bell in bells}\n',
        (f"{_QUEUE}::test_a_lane_can_be_rung_again_at_once_although_sqs_remembers_ids_for_five_minutes",),
    ),
    Mutant(
        "images are coalesced although another entity may hold a unique value",
        "db/writing.py",
        "        self.coalesces = all(table.mode is not WriteMode.STRICT for table in stream.tables)\n",
        "        self.coalesces = True\n",
        (f"{_TRANSACTION}::test_where_another_entity_may_hold_a_value_every_image_is_written_in_its_place",),
    ),
    Mutant(
        "a table with a second unique key is written by REPLACE",
        "migration_core/mapping/fit.py",
        "        return WriteMode.STRICT\n",
        "        return WriteMode.REPLACE\n",
        (f"{_WORKER}::TestUniqueValues::test_another_entitys_row_is_never_overwritten_and_the_second_waits",),
    ),
    Mutant(
        "a table with a second unique key is written by ON DUPLICATE KEY UPDATE",
        "migration_core/mapping/fit.py",
        "        return WriteMode.STRICT\n",
        "        return WriteMode.UPSERT\n",
        (f"{_WORKER}::TestUniqueValues::test_another_entitys_row_is_never_overwritten_and_the_second_waits",),
    ),
    Mutant(
        "a lost connection is blamed on the row",
        "db/errno.py",
        '    3903: "MYSQL_3903",  # invalid JSON value for CAST\n',
        '    3903: "MYSQL_3903",\n    2006: "MYSQL_2006",\n    2013: "MYSQL_2013",\n',
        (f"{_TRANSACTION}::test_a_connection_that_is_lost_makes_no_reject_and_the_batch_is_redone",),
    ),
    Mutant(
        "the transaction goes on behind a deadlock, which has rolled it back",
        "db/apply.py",
        _WRITE,
        f"        try:\n    {_WRITE}"
        "        except Exception as error:\n"
        "            if error.args[0] != 1213:\n"
        "                raise\n",
        (f"{_TRANSACTION}::test_a_deadlock_takes_the_whole_batch_back_and_the_batch_is_redone",),
    ),
    Mutant(
        "what a filtered or deleted document had stays in place",
        "db/writing.py",
        _GONE,
        "        gone = [effect.key for effect in effects if table.child]\n",
        (f"{_WORKER}::TestImages::test_tombstones_and_filtered_images_remove_what_their_key_had",),
    ),
    Mutant(
        "children that a document no longer has stay behind",
        "db/writing.py",
        _GONE,
        "        gone = [effect.key for effect in effects if not (effect.rows and effect.rows[index])]\n",
        (f"{_WORKER}::TestImages::test_children_that_a_later_image_no_longer_has_are_removed",),
    ),
    Mutant(
        "what the server repaired on the fast way is taken for stored",
        "db/bulk.py",
        "    if (records, skipped, warnings) != (len(lines), 0, 0):\n",
        "    if records != len(lines):\n",
        (f"{_ORDERINGS}::TestTheFastWay",),
    ),
    Mutant(
        "a later partial change of a parked key is applied",
        "migration_core/folding.py",
        "            if change.op is Op.MERGE and key in parked:\n",
        "            if False:\n",
        (f"{_WORKER}::TestPartialChanges::test_a_bad_patch_parks_its_key_from_there_on_and_no_other",),
    ),
    Mutant(
        "attempts are not marked before a sweep",
        "migration_worker/sweeper.py",
        "                attempts = lanes.mark_attempt(session, *mark, inherited=inherited)\n",
        "                attempts = 1\n",
        (f"{_WORKER}::TestSweeping::test_a_row_that_kills_its_process_is_rejected_and_the_lane_goes_on",),
    ),
    Mutant(
        "attempts of processes that live are counted",
        "migration_worker/sweeper.py",
        "            if alone:\n",
        "            if True:\n",
        (f"{_WORKER}::TestSweeping::test_processes_that_are_at_one_lane_at_once_reject_nothing",),
    ),
    Mutant(
        "attempts that a process survived stay counted",
        "migration_worker/sweeper.py",
        "                self._survived.append(mark)\n                self._take_back()\n",
        "                self._take_back()\n",
        (f"{_WORKER}::TestSweeping::test_attempts_that_the_process_survived_do_not_count",),
    ),
    Mutant(
        "what the server refuses of the program's own counts is blamed on a row",
        "db/apply.py",
        "            raise not_as_sent(repaired) from repaired\n        self._parts.reached(Step.WORKER_COMMITTED)\n",
        "            raise not_as_sent(repaired) from repaired\n"
        "        except SqlError as error:\n"
        "            raise _blamed(error) or error from error\n"
        "        self._parts.reached(Step.WORKER_COMMITTED)\n",
        (f"{_WORKER}::TestBadRows::test_what_the_server_refuses_of_the_programs_own_counts_is_no_rows_fault",),
    ),
    Mutant(
        "a mark that was committed without an answer stays counted",
        "migration_worker/sweeper.py",
        "            self._survived.append(mark)  # perhaps it is there, and only the answer to the COMMIT was lost\n",
        "",
        (f"{_WORKER}::TestSweeping::test_marks_that_were_committed_without_an_answer_count_for_no_row",),
    ),
    Mutant(
        "the lanes of a host that vanished stay locked for hours",
        "db/engine.py",
        '            "wait_timeout": str(seconds),\n',
        '            "wait_timeout": "28800",\n',
        (f"{_HALF_OPEN}::test_a_worker_that_vanished_without_a_word_keeps_its_lanes_for_a_short_time_only",),
    ),
    Mutant(
        "a session that keeps the time limit of a snapshot goes back into the pool",
        "db/engine.py",
        "                        session.connection.close()  # else its next user would be cut short\n",
        "                        pass\n",
        ("tests/integration/test_sessions.py::test_a_session_that_keeps_the_time_limit_of_a_snapshot_is_used_no_more",),
    ),
    Mutant(
        "rejects are not counted",
        "db/apply.py",
        "            rejected=len(folded.rejections),\n",
        "            rejected=0,\n",
        (f"{_WORKER}::TestBadRows::test_a_reject_keeps_the_bytes_and_leaves_its_key_free",),
    ),
]
