"""What the audit and the purge must never do."""

from tests.mutants.mutant import Mutant

_AUDIT = "tests/integration/test_audit.py"
_PURGE = "tests/integration/test_purge.py"

MUTANTS = [
    Mutant(
        "counters and rows are read at different moments",
        "db/audit.py",
        "    with database.snapshot(SECONDS) as session:\n",
        "    with database.transaction() as session:\n",
        (f"{_AUDIT}::TestBesideOthers::test_rows_that_are_applied_in_the_middle_of_a_look_are_none_of_its_business",),
    ),
    Mutant(
        "two audits count one stretch twice",
        "db/audit.py",
        '"WHERE stream_id = %s AND lane = %s AND reached = %s AND epoch = %s",\n'
        "            (found.to, agreed, found.to, found.full, lane.stream_id, lane.lane, found.after, found.epoch),\n",
        '"WHERE stream_id = %s AND lane = %s AND epoch = %s",\n'
        "            (found.to, agreed, found.to, found.full, lane.stream_id, lane.lane, found.epoch),\n",
        (f"{_AUDIT}::TestBesideOthers::test_of_two_audits_of_one_stretch_only_one_counts_it",),
    ),
    Mutant(
        "the audit waits for a worker's lane",
        "db/audit.py",
        "FOR UPDATE SKIP LOCKED",
        "FOR UPDATE",
        (f"{_AUDIT}::TestBesideOthers::test_a_lane_that_a_worker_holds_is_audited_without_waiting_for_it",),
    ),
    Mutant(
        "offsets are compared within a look only",
        "db/audit.py",
        "if same_generation and span.first_offset <= last.last_offset:",
        "if False:",
        (f"{_AUDIT}::TestPlanted::test_swapped_offsets_are_named_where_they_fall",),
    ),
    Mutant(
        "a rejected row counts as the good one that outdates others",
        "db/purge.py",
        'f"AND o.lane IS NULL {condition} ORDER',
        'f"AND TRUE {condition} ORDER',
        (f"{_PURGE}::TestOutdated",),
    ),
    Mutant(
        "rows go that the audit has not proven",
        "db/purge.py",
        "(before, before, lane.stream_id, lane.stream_id, lane.lane, after, lane.audited, _READ_ROWS)",
        "(before, before, lane.stream_id, lane.stream_id, lane.lane, after, 1 << 62, _READ_ROWS)",
        (f"{_PURGE}::TestOutdated::test_rows_beyond_the_audit_stay_and_outdate_nothing",),
    ),
    Mutant(
        "an audit counts rows that went while it looked",
        "db/purge.py",
        "SET epoch = epoch + 1, purged_to",
        "SET purged_to",
        (f"{_PURGE}::TestBesideOthers::test_an_audit_that_counted_rows_which_then_went_counts_them_not",),
    ),
    Mutant(
        "rows go from under a worker that holds their lane",
        "db/purge.py",
        "if not lanes.lock(session, lane.stream_id, [lane.lane]):",
        "if False:",
        (f"{_PURGE}::TestBesideOthers::test_a_lane_that_stays_held_is_left_and_the_caller_told_to_try_again",),
    ),
]
