"""The mapping's file and the functions that it names, as far as they are not the mapping's own business."""

import sys

import pytest

from migration_core.errors import ConfigError
from runtime.mapping_file import compiled, function_named, read_mapping

MAPPING = """
target_schema: shop
streams:
  users:
    topic: legacy.users
    key: $.id
    tables:
      users:
        key: id
        columns:
          id: $.id
          email: {{path: $.email, using: "{function}"}}
"""


@pytest.fixture
def columns(tmp_path, monkeypatch):
    (tmp_path / "own_columns_of_test.py").write_text("def lower(value):\n    return value.lower()\n\nlimit = 3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield tmp_path
    sys.modules.pop("own_columns_of_test", None)


def test_functions_are_found_from_the_folder_that_the_program_runs_in(columns):
    assert function_named("own_columns_of_test:lower")("ABC") == "abc"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere_at_all:lower", "cannot import nowhere_at_all"),
        ("own_columns_of_test:upper", "has no function 'upper'"),
        ("own_columns_of_test:limit", "has no function 'limit'"),
    ],
)
def test_a_function_that_is_not_there_is_named(columns, name, told):
    with pytest.raises(ConfigError, match=told):
        function_named(name)


def test_a_mapping_is_compiled_with_its_functions(columns):
    file = columns / "migration.yaml"
    file.write_text(MAPPING.format(function="own_columns_of_test:lower"))

    assert list(compiled(file).streams) == ["users"]


def test_a_missing_function_is_told_with_its_place_in_the_file(columns):
    file = columns / "migration.yaml"
    file.write_text(MAPPING.format(function="own_columns_of_test:upper"))

    with pytest.raises(ConfigError, match=r"migration\.yaml:12:\d+: own_columns_of_test:upper"):
        compiled(file)


def test_a_file_that_cannot_be_read_is_the_variables_fault(tmp_path):
    with pytest.raises(ConfigError, match="MIGRATION_CONFIG: cannot read"):
        read_mapping(tmp_path / "nothing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_mapping(tmp_path / "binary.yaml")
