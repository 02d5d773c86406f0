"""What a cut-over and its way back must never do."""

from tests.mutants.mutant import Mutant

_CUTOVER = "tests/integration/test_cutover.py"
_FILES = "tests/integration/test_change_files.py"

MUTANTS = [
    Mutant(
        "what a dead exporter wrote and never marked stays in the file",
        "migration_verifier/change_files.py",
        "        target.truncate(length)  # what a process that died had written and not marked\n"
        "        target.seek(length)\n",
        "        target.seek(0, os.SEEK_END)\n",
        (f"{_FILES}::TestExactlyOnce",),
    ),
    Mutant(
        "changes are marked before they are written",
        "migration_verifier/change_files.py",
        "        _append(file, batch.bytes, lines)  # safe on disk first,\n",
        "        batch.written(len(lines)) if batch.changes else None\n"
        "        batch.session.connection.commit()\n"
        "        reached(Step.CHANGES_WRITTEN)\n"
        "        _append(file, batch.bytes, lines)\n"
        "        return bool(batch.changes)\n",
        (f"{_FILES}::TestExactlyOnce",),
    ),
    Mutant(
        "changes are taken beyond the last id",
        "db/change_export.py",
        "exported = FALSE ORDER BY",
        "exported = FALSE AND change_id > COALESCE((SELECT MAX(e.change_id) FROM change_log e WHERE e.exported), 0) "
        "ORDER BY",
        (f"{_FILES}::TestExactlyOnce",),
    ),
    Mutant(
        "users are switched before their changes are logged",
        "migration_core/cutover.py",
        '    CHANGE_LOG = "change_log"\n    SWITCH = "switch"\n',
        '    SWITCH = "switch"\n    CHANGE_LOG = "change_log"\n',
        ("tests/unit/test_cutover.py", _CUTOVER),
    ),
    Mutant(
        "what was approved is not looked at again before the switch",
        "migration_verifier/cutover.py",
        "        if at.step in _ONCE:\n            gates = self._ask(at)\n",
        "        if at.step in _ONCE:\n            gates = [] if at.step is CutoverStep.LAST_LOOK else self._ask(at)\n",
        (f"{_CUTOVER}::TestTurningBack",),
    ),
    Mutant(
        "a step without gates passes",
        "migration_verifier/cutover.py",
        "        if not asked:\n",
        "        if asked is None:\n",
        (f"{_CUTOVER}::TestTurningBack",),
    ),
    Mutant(
        "a hook is not called again after a kill",
        "migration_verifier/cutover.py",
        "        hook = self._hooks.by_step.get(at.step)\n",
        "        hook = 'true' if at.epoch > 1 else self._hooks.by_step.get(at.step)\n",
        (f"{_CUTOVER}::TestDying",),
    ),
    Mutant(
        "an abort is not heard while it waits",
        "migration_verifier/cutover.py",
        "            if now.abort_by is not None:\n                return _aborted(now)\n"
        "            if now.approved_by",
        "            if now.approved_by",
        (f"{_CUTOVER}::TestAborting",),
    ),
]
