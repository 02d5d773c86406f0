"""The reference of mappings says what the program does, and every reject code has its line."""

import json
import re
from pathlib import Path

import pytest

from migration_core.json_text import parse_object
from migration_core.mapping.model import ColumnModel, ColumnType, FilterModel, OpModel, StreamModel, TableModel
from tests.unit.mappings import column, needed, rows, stream_of, table

ROOT = Path(__file__).parents[2]
MAPPING = (ROOT / "docs/mapping.md").read_text(encoding="utf-8")
CODES = (ROOT / "docs/reject-codes.md").read_text(encoding="utf-8")
USERS = table(
    "users",
    needed("id"),
    needed("email"),
    column("city"),
    column("plan", "enum", enum_values=("free", "paid")),
    column("balance", "decimal"),
    column("created_at", "datetime", datetime_precision=3),
    column("origin"),
    column("source_sequence", "bigint"),
    column("attributes", "json"),
)
DEVICES = table("user_devices", needed("user_id"), needed("serial", "int"), column("model"), key=("user_id", "serial"))


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", MAPPING, re.MULTILINE | re.DOTALL)


def test_the_example_becomes_the_rows_that_stand_below_it():
    (mapping,) = blocks("yaml")
    record, expected = blocks("json")
    stream = stream_of(mapping, USERS, DEVICES)

    found = rows(stream, parse_object(record.encode()), sequence=42)

    as_json = {
        name.name: json.loads(json.dumps(some, default=float)) for name, some in zip(stream.tables, found, strict=True)
    }
    assert as_json == json.loads(expected)
    assert rows(stream, {"userID": "u-1", "state": "test"}) is None


def test_the_example_of_a_function_works():
    scope = {}
    exec(blocks("python")[0], scope)

    assert scope["clock"](517) == "05:17"


@pytest.mark.parametrize("part", [StreamModel, TableModel, ColumnModel, OpModel, FilterModel])
def test_every_key_is_explained(part):
    for name, field in part.model_fields.items():
        assert re.search(rf"\b{field.alias or name}\b", MAPPING), name


def test_every_type_is_explained():
    for name in ColumnType.__args__:
        assert f"`{name}`" in MAPPING


def test_every_reject_code_has_its_line_and_no_line_a_code_that_is_gone():
    told = set(re.findall(r"^\| ([A-Z][A-Z0-9_]+) \|", CODES, re.MULTILINE))
    sources = [
        path.read_text(encoding="utf-8") for part in ("migration_core", "db") for path in (ROOT / part).rglob("*.py")
    ]
    called = re.compile(
        r"(?:Rejected|reject|Reason)\(\s*(?:\"[a-z]+\",\s*)?\"([A-Z][A-Z0-9_]+)\"|code = \"([A-Z0-9_]+)\""
    )
    either = re.compile(r"code = \"([A-Z_]+)\" if .* else \"([A-Z_]+)\"")
    errors = re.compile(r"^    \d{4}: \"([A-Z][A-Z0-9_]+)\"", re.MULTILINE)

    used = {
        code
        for text in sources
        for found in (called, either, errors)
        for match in found.findall(text)
        for code in (match if isinstance(match, tuple) else [match])
        if code
    }

    assert {code for code in used if not re.fullmatch(r"MYSQL_\d{4}", code)} - told == set()
    assert told - used == {"POISON_CRASH"}
