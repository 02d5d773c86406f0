"""What a reload and a replay into shadow tables must never do."""

from tests.mutants.mutant import Mutant

_RELOAD = "tests/integration/test_reload.py"
_DRIFT = f"{_RELOAD}::test_a_reload_takes_the_place_of_what_drifted_while_changes_and_deletes_arrive"
_REPLAY = "tests/integration/test_replay_schema.py"
_LAST = f"{_REPLAY}::test_what_is_applied_after_the_last_look_and_before_the_lanes_are_shut_is_in_the_new_tables"

MUTANTS = [
    Mutant(
        "a reload is not cut: what comes after it stays in the old generation",
        "db/cut.py",
        '"UPDATE stream_counter SET generation = %s, next_number = 0 WHERE stream_id = %s"',
        '"SELECT %s, %s"',
        (_DRIFT,),
        also=(("    end = closed_end(cut.generation - 1)\n", "    end = 0\n"),),
    ),
    Mutant(
        "the lanes are not closed at a cut",
        "db/cut.py",
        "    end = closed_end(cut.generation - 1)\n",
        "    end = 0\n",
        ("tests/integration/test_cut.py",),
    ),
    Mutant(
        "rows that the snapshot of a reload holds already are applied behind it",
        "db/sources.py",
        "        return row.source_offset < start and row.entity_key is not None\n",
        "        return row.source_offset < start and row.entity_key is None\n",
        (_DRIFT,),
    ),
    Mutant(
        "keys that the snapshot of a reload lacks stay",
        "db/snapshot_sweep.py",
        "LIMIT {self.keys_at_once}",
        "LIMIT 0",
        (_DRIFT,),
    ),
    Mutant(
        "the documents of a reload are merged into what was there",
        "db/sources.py",
        "        return row.source_id in self._documents\n",
        "        return False\n",
        (f"{_RELOAD}::test_a_reload_of_partial_changes_takes_whole_documents_whatever_their_op_says",),
    ),
    Mutant(
        "a snapshot from before the cut is loaded",
        "migration_core/cut.py",
        "    if offsets.start_offset < cut.offset:\n",
        "    if offsets.start_offset < 0:\n",
        ("tests/unit/test_cut.py",),
    ),
    Mutant(
        "a worker with the mapping from before a swap goes on",
        "db/lanes.py",
        "        if self.mapping_hash not in (None, found):\n",
        "        if self.mapping_hash is None and found:\n            return\n        if not found:\n",
        (f"{_REPLAY}::test_a_worker_with_the_mapping_from_before_a_swap_writes_nothing_and_leaves",),
    ),
    Mutant(
        "workers apply while tables are swapped",
        "db/lanes.py",
        "        f\"AND COALESCE(mapping_hash, '') <> '{NO_MAPPING}' \"\n",
        "",
        (f"{_REPLAY}::test_nobody_applies_between_the_fence_and_the_end_of_a_swap_that_died",),
    ),
    Mutant(
        "what is applied between a replay and its swap is lost",
        "migration_worker/replaying.py",
        "        while self._round(parts):\n            pass\n",
        "",
        (_LAST,),
        also=(("        self._surely(lambda: shadow_swap.expect_level(self.database, self.shadow))\n", ""),),
    ),
]
