"""All mutants."""

from tests.mutants import applying, gating, loading, proving, rejecting, reloading, storing, verifying
from tests.mutants.mutant import Mutant

MUTANTS: list[Mutant] = [
    *storing.MUTANTS,
    *applying.MUTANTS,
    *loading.MUTANTS,
    *gating.MUTANTS,
    *proving.MUTANTS,
    *rejecting.MUTANTS,
    *reloading.MUTANTS,
    *verifying.MUTANTS,
]
