"""All mutants."""

from tests.mutants import (
    applying,
    counting,
    cutting_over,
    fetching,
    gating,
    loading,
    proving,
    queueing,
    reading,
    rejecting,
    reloading,
    securing,
    storing,
    surviving,
    verifying,
)
from tests.mutants.mutant import Mutant

MUTANTS: list[Mutant] = [
    *storing.MUTANTS,
    *applying.MUTANTS,
    *loading.MUTANTS,
    *fetching.MUTANTS,
    *counting.MUTANTS,
    *cutting_over.MUTANTS,
    *gating.MUTANTS,
    *proving.MUTANTS,
    *queueing.MUTANTS,
    *reading.MUTANTS,
    *rejecting.MUTANTS,
    *reloading.MUTANTS,
    *securing.MUTANTS,
    *surviving.MUTANTS,
    *verifying.MUTANTS,
]
