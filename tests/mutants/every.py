"""All mutants."""

from tests.mutants import (
    applying,
    cutting_over,
    gating,
    loading,
    proving,
    reading,
    rejecting,
    reloading,
    securing,
    storing,
    verifying,
)
from tests.mutants.mutant import Mutant

MUTANTS: list[Mutant] = [
    *storing.MUTANTS,
    *applying.MUTANTS,
    *loading.MUTANTS,
    *cutting_over.MUTANTS,
    *gating.MUTANTS,
    *proving.MUTANTS,
    *reading.MUTANTS,
    *rejecting.MUTANTS,
    *reloading.MUTANTS,
    *securing.MUTANTS,
    *verifying.MUTANTS,
]
