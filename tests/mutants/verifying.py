"""What a verification must never do."""

from tests.mutants.mutant import Mutant

_VERIFY = "tests/integration/test_verify.py"
_CORRUPTIONS = "tests/integration/test_verify_corruptions.py"
_LIVE = f"{_VERIFY}::TestWhileChangesArrive"
_SNAPSHOT = "                with self._database.snapshot() as session:\n"

MUTANTS = [
    Mutant(
        "watermark and rows are read at two moments",
        "migration_verifier/verify_lane.py",
        _SNAPSHOT,
        f'{_SNAPSHOT}                    session.execute("COMMIT")\n',
        (f"{_LIVE}::test_rows_applied_between_fold_and_look_up_are_no_difference",),
    ),
    Mutant(
        "rows that were applied since the fold are not folded",
        "migration_verifier/verify_lane.py",
        f"{_SNAPSHOT}                    self._fold.take_in(session)\n",
        _SNAPSHOT,
        (f"{_LIVE}::test_rows_applied_between_fold_and_look_up_are_no_difference",),
    ),
    Mutant(
        "a key that arrived during the walk counts as unknown",
        "migration_verifier/verify_walk.py",
        "        known.catch_up(session, check.stream.name, check.stream_id, lane)\n",
        "",
        (f"{_LIVE}::test_an_extra_row_is_found_among_new_ones",),
    ),
    Mutant(
        "rejected and parked rows stand",
        "migration_core/standing.py",
        "            if sequence in with_outcome:\n",
        "            if False:\n",
        (
            f"{_VERIFY}::TestImages::test_a_true_copy_has_no_difference_whatever_became_of_its_rows",
            "tests/unit/test_standing.py",
        ),
    ),
    Mutant(
        "progress is kept apart from the differences that belong to it",
        "migration_verifier/verify_work.py",
        "            verify_store.move(\n",
        "            session.connection.commit()\n            worker.reached(Step.VERIFIER_COMPARED)\n"
        "            verify_store.move(\n",
        (f"{_VERIFY}::TestProgress::test_a_killed_run_goes_on_and_ends_the_same[verifier.compared-2]",),
    ),
    Mutant(
        "a run ends although units are open",
        "migration_verifier/verify_pool.py",
        "for unit in islice(waiting, len(ended))",
        "for unit in islice(waiting, 1, len(ended))",
        (f"{_VERIFY}::TestProgress::test_processes_that_lose_their_parent_leave_and_the_next_run_goes_on",),
    ),
    Mutant(
        "the number of rows is trusted although something was applied",
        "migration_verifier/verify_work.py",
        "        return any(now[unit.lane] != unit.watermark for unit in folds)\n",
        "        return False\n",
        (f"{_LIVE}::test_a_row_too_many_and_one_too_few_do_not_make_up_for_each_other",),
    ),
    Mutant(
        "digests are a linear checksum",
        "db/canonical.py",
        "        found ^= int.from_bytes(sha256(text).digest())\n",
        '        found ^= __import__("zlib").crc32(text)\n',
        ("tests/unit/test_canonical.py::test_rows_that_swap_values_of_one_length_have_another_digest",),
    ),
]
