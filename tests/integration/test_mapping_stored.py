"""What a mapping lets through, MySQL stores without a warning and gives back unchanged, by both ways of writing."""

import json
import random
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from db.target import read_target
from db.writing import TargetWriter
from migration_core.errors import Rejected
from migration_core.folding import Effect
from migration_core.json_text import parse_object
from migration_core.key import canonical
from migration_core.mapping import Kind, compile_mapping, load_mapping
from migration_core.records import Position

pytestmark = pytest.mark.servers

COLUMNS = {
    "c_varchar": ("VARCHAR(5)", "$.v"),
    "c_char": ("CHAR(5)", "$.v"),
    "c_latin1": ("VARCHAR(5) CHARACTER SET latin1", "$.v"),
    "c_utf8mb3": ("VARCHAR(5) CHARACTER SET utf8mb3", "$.v"),
    "c_tinytext": ("TINYTEXT", "$.v"),
    "c_varbinary": ("VARBINARY(9)", "{path: $.v, type: string}"),
    "c_binary": ("BINARY(4)", "{path: $.v, type: string}"),
    "c_hex": ("VARBINARY(4)", "{path: $.v, type: bytes, encoding: hex}"),
    "c_fixed": ("BINARY(2)", "{path: $.v, type: bytes, encoding: hex}"),
    "c_base64": ("BLOB", "{path: $.v, type: bytes}"),
    "c_tinyint": ("TINYINT", "$.v"),
    "c_unsigned": ("SMALLINT UNSIGNED", "$.v"),
    "c_mediumint": ("MEDIUMINT", "$.v"),
    "c_int": ("INT UNSIGNED", "$.v"),
    "c_bigint": ("BIGINT", "$.v"),
    "c_ubigint": ("BIGINT UNSIGNED", "$.v"),
    "c_year": ("YEAR", "$.v"),
    "c_whole": ("DECIMAL(5, 2)", "{path: $.v, type: int}"),
    "c_decimal": ("DECIMAL(5, 2)", "{path: $.v, coerce: true}"),
    "c_wide": ("DECIMAL(65, 30)", "$.v"),
    "c_udecimal": ("DECIMAL(10, 0) UNSIGNED", "$.v"),
    "c_double": ("DOUBLE", "{path: $.v, coerce: true}"),
    "c_bool": ("TINYINT(1)", "{path: $.v, type: bool, coerce: true}"),
    "c_seconds": ("DATETIME", "{path: $.v, type: epoch_s}"),
    "c_millis": ("DATETIME(2)", "{path: $.v, type: epoch_ms}"),
    "c_micros": ("TIMESTAMP(6) NULL", "{path: $.v, type: epoch_us}"),
    "c_iso": ("DATETIME(3)", "{path: $.v, type: iso8601, zone: utc}"),
    "c_stamp": ("TIMESTAMP(0) NULL", "{path: $.v, type: iso8601}"),
    "c_date": ("DATE", "$.v"),
    "c_time": ("TIME", "$.v"),
    "c_fine_time": ("TIME(6)", "$.v"),
    "c_enum": ("ENUM('on', 'Off', '', '1')", "$.v"),
    "c_json": ("JSON", "$.v"),
    "c_json_text": ("VARCHAR(40)", "{path: $.v, type: json}"),
}
EDGES = [
    "0", "-0", "-0.0", "1", "-1", "0.5", "-0.5", "1e2", "1E-2", "1.10", "99.999", "999.99", "-999.99", "999", "1000",
    "127", "128", "-128", "-129", "255", "65535", "65536", "8388607", "-8388608", "4294967295", "2147483648",
    "9223372036854775807", "-9223372036854775808", "9223372036854775808",
    "18446744073709551615", "18446744073709551616",
    "1901", "2155", "70", "9999999999", "10000000000",
    "12345678901234567890123456789012345.123456789012345678901234567890",
    "1.7976931348623157e308", "5e-324", "1e-400", "1e400", "0.1", "123456789.123456789", "2.2250738585072014e-308",
    "1600000000", "1600000000123", "1600000000123456", "2147483647", "631152000", "4102444799999", "true", "false",
    "null",
]  # fmt: skip
TEXTS = [
    "", " ", "a", "a ", " a", "abcde", "abcdef", "é", "ééééé", "陽", "👩",
    "👩\u200d👩", "e\u0301", "\0", "a\0b", "\\", "\\N", "\\\\",
    "\t", "\n", "\r\n", "'", '"', "`", "%s", "NULL", "null", "\x1a", "\u2028", "\ufeff", "\u0080", "\u20ac", "\uffff",
    "on", "off", "Off", "1", "2", "ab", "ABCD", "00", "zz", "aa bb", "YQ==", "YQ=", "2021-01-01", "2024-02-29",
    "2023-02-29", "1000-01-01",
    "9999-12-31", "0000-00-00", "2021-01-01T00:00:00Z", "2021-12-31T23:59:59.999Z", "2021-12-31T23:59:59.9999999Z",
    "2038-01-19T03:14:07.999999Z", "2038-01-19T03:14:08Z", "1970-01-01T00:00:01Z", "2021-03-28T01:30:00+00:00",
    "2021-03-28T02:30:00", "9999-12-31T23:59:59.999999Z", "1000-01-01T00:00:00Z", "12:34", "12:34:56.999999",
    "838:59:59",
    "-838:59:59.9", "-00:00:00.5", "24:00", "23:59:59.999999", "x" * 255, "é" * 127, "é" * 128,
]  # fmt: skip
NESTED = ['{"b":[1,2.5,null,"\\u0000"],"a":{"c":true}}', "[]", "{}", '{"a":0.1,"é":"👩"}', "[[[[1]]]]", '{"":""}']


def documents():
    dice = random.Random(7)
    yield from ("{" + f'"v":{text}' + "}" for text in (*EDGES, *NESTED))
    yield from (json.dumps({"v": text}) for text in TEXTS)
    yield "{}"
    for _ in range(150):
        number = f"{dice.choice(['', '-'])}{dice.randrange(10 ** dice.randrange(1, 20))}"
        yield '{"v":' + number + dice.choice(["", f".{dice.randrange(10**6)}", f"e{dice.randrange(-30, 30)}"]) + "}"
        # A double in each of its binades, to see that the server reads the digits as Python does.
        double = dice.random() * 10.0 ** dice.randrange(-300, 300)
        yield json.dumps({"v": double})
        yield json.dumps({"v": {"n": double}})


@pytest.mark.parametrize("strict", [False, True], ids=["LOAD DATA", "INSERT"])
def test_what_is_let_through_is_stored_unchanged_and_without_a_warning(database, target_schema, strict):
    with database.transaction() as session:
        session.execute(f"CREATE DATABASE {target_schema} DEFAULT CHARACTER SET utf8mb4")
        for name, (kind, _) in COLUMNS.items():
            session.execute(
                f"CREATE TABLE {target_schema}.{name} (id BIGINT PRIMARY KEY, v {kind}) "
                "DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin"
            )
        schema = read_target(session, target_schema)

        for name, (_, described) in COLUMNS.items():
            stream = stream_of(schema, name, described)
            effects = list(taken(stream))
            # Anything that the server would bend raises: by its count of warnings, or in strict mode by an error.
            TargetWriter(target_schema, stream).write(session, effects, strict=strict)
            stored = session.rows(f"SELECT id, v FROM {target_schema}.{name} ORDER BY id")

            kind = stream.tables[0].kinds[1]
            sent = [(number, as_sent(kind, value)) for number, value in (effect.rows[0][0] for effect in effects)]
            assert [(number, as_read(kind, value)) for number, value in stored] == sent, name
            assert any(value is not None for _, value in sent), f"no value at all fits {name}"


def stream_of(schema, table, described):
    text = (
        f"target_schema: {schema.name}\nstreams:\n  kept:\n    topic: t\n    key: {{path: $.id, type: int}}\n"
        f"    tables:\n      {table}:\n        key: id\n        columns: {{id: $.id, v: {described}}}\n"
    )
    return compile_mapping(load_mapping(text, file="m"), schema=schema, functions=no_functions).streams["kept"]


def no_functions(name):
    raise LookupError(name)


def taken(stream):
    """What the column takes of all that is tried; the rest was refused."""
    for number, text in enumerate(documents(), 1):
        document = {"id": number, **parse_object(text.encode())}
        with suppress(Rejected):
            rows = stream.rows(document, Position("t", 0, 1), None, number)
            yield Effect(canonical([number]), number, rows)


def as_sent(kind, value):
    """A row's value as the driver would give it back."""
    if value is None:
        return None
    match kind:
        case Kind.DATETIME:
            return datetime.fromisoformat(value)
        case Kind.DATE:
            return date.fromisoformat(value)
        case Kind.TIME:
            hours, minutes, seconds = value.removeprefix("-").split(":")
            span = timedelta(hours=int(hours), minutes=int(minutes), microseconds=int(Decimal(seconds) * 1_000_000))
            return -span if value.startswith("-") else span
        case Kind.JSON:
            return json.loads(value)
        case Kind.TEXT:
            return value.encode()
    return value


def as_read(kind, value):
    match kind:
        case Kind.JSON if value is not None:
            return json.loads(value)
        case Kind.TEXT if isinstance(value, str):
            return value.encode()
    return value
