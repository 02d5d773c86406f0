"""All mutants."""

from tests.mutants import applying, cutting_over, loading, storing
from tests.mutants.mutant import Mutant

MUTANTS: list[Mutant] = [*storing.MUTANTS, *applying.MUTANTS, *loading.MUTANTS, *cutting_over.MUTANTS]
