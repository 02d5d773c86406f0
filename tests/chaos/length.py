"""How much of the faults is tried: a seeded part, or with CHAOS_FULL=1 everything; SEED=7 for another part."""

import os

FULL = bool(os.environ.get("CHAOS_FULL"))
SEED = int(os.environ.get("SEED") or 1)
SECONDS = 7200 if FULL else 180
"""A test's time."""
