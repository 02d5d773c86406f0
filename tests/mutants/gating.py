"""What the gates before the cut-over must never let pass, or leave behind."""

from tests.mutants.mutant import Mutant

_DRIFT = "tests/integration/test_drift.py"
_COMMAND = "tests/integration/test_drift_command.py"
_PLANS = "tests/integration/test_plans.py"
_KILLED = f"{_COMMAND}::test_what_a_killed_run_left_is_removed_by_the_next_and_a_living_ones_is_not"
_PLANTED = f"{_DRIFT}::test_each_kind_of_drift_is_found_named_and_mended_by_the_printed_statements"

MUTANTS = [
    Mutant(
        "scratch schemas of killed runs stay",
        "db/declared.py",
        "        _drop_orphans(session)\n",
        "",
        (_KILLED,),
    ),
    Mutant(
        "scratch schemas of running runs are taken for orphans",
        "db/declared.py",
        '    session.execute("SELECT GET_LOCK(%s, 0)", (name,))\n',
        "",
        (_KILLED,),
    ),
    Mutant(
        "a failed revision leaves its scratch schema",
        "db/declared.py",
        '    finally:\n        session.execute(f"DROP DATABASE {quoted(name)}")\n',
        '    finally:\n        session.execute("DO 0")\n',
        (f"{_COMMAND}::test_a_revision_that_fails_leaves_no_scratch_schema",),
    ),
    Mutant(
        "counters are as old as the server's memory of them",
        "db/schema_facts.py",
        '    session.execute("SET SESSION information_schema_stats_expiry = 0")\n',
        "",
        (f"{_DRIFT}::test_a_full_counter_that_no_statement_can_mend_asks_for_a_revision",),
    ),
    Mutant(
        "foreign keys stay in the way of the columns that they stand on",
        "migration_core/drift/mend.py",
        "if touches or name in self._extra",
        "if name in self._extra",
        (_PLANTED,),
    ),
    Mutant(
        "a statement that removes data does not say so",
        "migration_core/drift/clauses.py",
        "        return any(clause.startswith(_DROP_COLUMN) and clause not in derived for clause in clauses)\n",
        "        return not clauses\n",
        (f"{_DRIFT}::test_rows_survive_the_statements_and_those_that_remove_data_say_so",),
    ),
    Mutant(
        "plans are asked for in the server's own format",
        "db/explaining.py",
        '    session.execute("SET SESSION explain_json_format_version = 1")\n',
        "",
        (f"{_PLANS}::test_the_storys_missing_index_shuts_the_gate_which_names_it_and_what_mends_it",),
    ),
    Mutant(
        "scans of any size pass",
        "migration_core/plans/judge.py",
        "if access.is_scan and access.rows > statement.scan_rows:",
        "if access.is_scan and access.rows < 0:",
        (f"{_PLANS}::test_each_way_of_being_slow_is_found",),
    ),
    Mutant(
        "plans with faults are kept as good ones",
        "migration_verifier/plans.py",
        " if not plan.faults]",
        "]",
        (f"{_PLANS}::test_what_an_empty_table_cannot_tell_is_a_warning_and_no_plan_to_keep",),
    ),
]
