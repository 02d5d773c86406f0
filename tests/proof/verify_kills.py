"""Verifications killed at random moments: each goes on, and ends with what one finds that nobody killed."""

import random
from collections import Counter
from pathlib import Path

from db.verify_store import last_finished, patterns
from migration_core.steps import Step
from tests.integration.verifying import verified
from tests.proof.corrupting import corrupt
from tests.proof.killing import Killer
from tests.proof.loaded import Loaded

STEPS = [step for step in Step if step.startswith("verifier.")]
_DIFFERS = 1


def killed_and_resumed(
    world: Loaded, folder: Path, *, kills: int, seed: int, damages: int = 1000, workers: tuple[int, ...] = (1, 2)
) -> Counter[str]:
    """Verify a spoilt copy until so many were killed; AssertionError names the seed and the run that differs."""
    killer = Killer(folder, random.Random(seed), kills, STEPS)
    corrupt(world.database, world.mapping, damages, seed=seed)
    whole = _counts(world, verified(world).run_id)
    environment = {"DATABASE_URL": world.url, "MIGRATION_CONFIG": str(world.mapping_file)}
    while killer.left:
        where = f"seed {seed}, {killer.left} of {kills} kills left"
        command = ["verify", "--json", "--workers", str(killer.dice.choice(workers))]
        killer.to_its_end(command, environment, code=_DIFFERS)
        with world.database.transaction() as session:
            run = last_finished(session)
            assert run is not None, where
        assert _counts(world, run.run_id) == whole, f"{where}: run {run.run_id} found something else"
    return killer.fell


def _counts(world: Loaded, run_id: int) -> object:
    """{(table, kind, column, pattern): count}, and the rows that were kept."""
    with world.database.transaction() as session:
        counts = {(p.table, p.kind, p.column, p.pattern): p.differences for p in patterns(session, run_id)}
        kept = session.rows(
            "SELECT COUNT(*) FROM verify_difference JOIN verify_pattern USING (pattern_id) WHERE run_id = %s", (run_id,)
        )
    return counts, kept
