"""All mutants."""

from tests.mutants import applying, loading, storing, verifying
from tests.mutants.mutant import Mutant

MUTANTS: list[Mutant] = [*storing.MUTANTS, *applying.MUTANTS, *loading.MUTANTS, *verifying.MUTANTS]
