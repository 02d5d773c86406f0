"""All mutants."""

from tests.mutants import applying, gating, loading, proving, storing
from tests.mutants.mutant import Mutant

MUTANTS: list[Mutant] = [
    *storing.MUTANTS,
    *applying.MUTANTS,
    *loading.MUTANTS,
    *proving.MUTANTS,
    *gating.MUTANTS,
]
