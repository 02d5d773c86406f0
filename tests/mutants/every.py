"""All mutants."""

from tests.mutants import applying, loading, proving, storing
from tests.mutants.mutant import Mutant

MUTANTS: list[Mutant] = [*storing.MUTANTS, *applying.MUTANTS, *loading.MUTANTS, *proving.MUTANTS]
