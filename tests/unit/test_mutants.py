"""Mutants that fit the code as it is: `make mutants` runs them, which takes minutes; this takes none."""

import ast

import pytest

from local_stack.folders import ROOT
from tests.mutants.every import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_its_file_and_names_tests_that_exist(mutant):
    before = (ROOT / mutant.file).read_text(encoding="utf-8")

    after = mutant.applied_to(before)

    assert ast.unparse(ast.parse(after)) != ast.unparse(ast.parse(before))
    for test in mutant.tests:
        file, *names = test.partition("[")[0].split("::")
        tests = (ROOT / file).read_text(encoding="utf-8")
        assert all(f"def {name}(" in tests or f"class {name}:" in tests for name in names)


def test_no_two_mutants_share_a_name():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
