"""What statistics must never get wrong, show by halves, or do beside another process."""

from tests.mutants.mutant import Mutant

_TESTS = "tests/integration/test_statistics.py"
_UNIT = "tests/unit/test_statistics.py"
_RUNNING, _SQL = "migration_statistics/running.py", "db/statistic_sql.py"
_CHANGES = f"{_TESTS}::TestWhatHasChanged"
_SAME = f"{_CHANGES}::test_it_counts_the_same_as_in_full_after_inserts_updates_and_deletes"
_READER = f"{_TESTS}::TestInFull::test_a_reader_sees_the_old_table_or_the_new_one_and_never_a_part"

MUTANTS = [
    Mutant(
        "what an entity counted for before stays in the sum",
        _SQL,
        "            session.execute(self._subtracted(table, members, of_member), values)\n",
        "",
        (_SAME,),
    ),
    Mutant(
        "groups without a member stay",
        _SQL,
        "            if left:\n",
        "            if not left:\n",
        (_CHANGES,),
    ),
    Mutant(
        "a full count goes into the table that is read",
        "db/shadow_tables.py",
        '    return f"{table}{_SHADOW}"\n',
        "    return table\n",
        (_READER,),
    ),
    Mutant(
        "the marks of a run are read when it ends",
        _RUNNING,
        "after = since.marks[lane][0]\n",
        "after = at.marks[lane][0]\n",
        (_SAME,),
    ),
    Mutant(
        "the server takes what was just built for empty tables",
        _RUNNING,
        "            shadow_tables.count_rows(self._lock, schema, tables)\n",
        "",
        (f"{_CHANGES}::test_right_after_a_rebuild_it_reads_the_members_of_what_has_changed_and_no_others",),
    ),
    Mutant(
        "slices are counted again after an interruption",
        _RUNNING,
        'at.position["slices"][at.chunks :]',
        'at.position["slices"][0:]',
        (f"{_TESTS}::TestDying::test_slices_go_on_too",),
    ),
    Mutant(
        "an interrupted run of another SELECT is gone on with",
        _RUNNING,
        "if found is None or found.definition != self._statistic.definition:",
        "if found is None:",
        (f"{_TESTS}::TestDying::test_an_interrupted_run_of_another_select_is_given_up",),
    ),
    Mutant(
        "shadows that were dropped meanwhile are taken for whole ones",
        _RUNNING,
        "found.step == statistic_runs.COUNTING and found.chunks:",
        "not found.chunks:",
        (f"{_TESTS}::TestInFull",),
    ),
    Mutant(
        "a run that another process has moved goes on",
        "db/statistic_runs.py",
        "    if hit != 1:\n",
        "    if hit > 1:\n",
        (f"{_TESTS}::TestTogether::test_a_process_that_lost_its_lock_is_fenced_by_the_one_that_took_over",),
    ),
    Mutant(
        "tables are renamed by a session that holds no lock",
        _RUNNING,
        "shadow_tables.swap_by(self._lock, self._opened.schema, tables)",
        "shadow_tables.swap(self._database, self._opened.schema, tables)",
        (f"{_TESTS}::TestTogether::test_a_process_that_lost_its_lock_renames_nothing",),
        (
            ('self._lock.execute("SET SESSION lock_wait_timeout = %s", (_SWAP_SECONDS,))', "pass"),
            ('afterwards.callback(self._lock.execute, "SET SESSION lock_wait_timeout = DEFAULT")', "pass"),
        ),
    ),
    Mutant(
        "the target's health holds no statistic back",
        _RUNNING,
        "while reason := self._manners.held_back():",
        'while reason := "":',
        (f"{_TESTS}::TestTogether::test_it_waits_while_the_target_is_held_back",),
    ),
    Mutant(
        "what was redriven is not counted again",
        "migration_core/statistics/standing.py",
        "facts.marks[lane][1] != settled",
        "facts.marks[lane][1] < settled",
        (_UNIT, f"{_CHANGES}::test_what_the_raw_rows_cannot_tell_of_makes_it_count_everything"),
    ),
    Mutant(
        "what follows changes may ask the clock",
        "migration_core/statistics/sql_text.py",
        "    if pure and last",
        "    if not pure and last",
        (_UNIT,),
    ),
    Mutant(
        "tables of other streams may be joined to what follows one",
        "migration_core/statistics/fit.py",
        "meant=lambda name: name in stream_tables",
        "meant=lambda name: True",
        (_UNIT,),
    ),
    Mutant(
        "statistics are not among the statements of the gate",
        "migration_cli/plans.py",
        "return (*statements, *(statement_of(mapping, one, **limits) for one in statistics))",
        "return (*statements, *(statement_of(mapping, one, **limits) for one in statistics[:0]))",
        ("tests/integration/test_plans.py::test_a_statistic_whose_pieces_would_scan_shuts_the_gate",),
    ),
    Mutant(
        "whoever counts reads payloads",
        "migration_core/service_rights.py",
        '("SELECT (lane, sequence, entity_key)",)',
        '("SELECT",)',
        ("tests/unit/test_service_rights.py",),
    ),
]
