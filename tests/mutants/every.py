"""All mutants."""

from tests.mutants import applying, loading, reloading, storing
from tests.mutants.mutant import Mutant

MUTANTS: list[Mutant] = [*storing.MUTANTS, *applying.MUTANTS, *loading.MUTANTS, *reloading.MUTANTS]
