"""Rows into a table from memory by LOAD DATA LOCAL, the fastest way in; every silent repair is an error.

LOAD DATA LOCAL behaves like IGNORE, since the server cannot stop the transfer: data errors and duplicates become
warnings. So the info line is compared with what was sent, and any difference is raised.
"""

import re
from collections.abc import Sequence
from typing import Any

from db.connection import BufferConnection

_INFO = re.compile(rb"Records: (\d+)  Deleted: (\d+)  Skipped: (\d+)  Warnings: (\d+)")
_NAME = "rows-in-memory"


class Repaired(Exception):
    """The server skipped or changed rows: roll back, and go the strict way."""


def quoted(*names: str) -> str:
    """Identifiers in backticks, so that no mapping can inject SQL through a name."""
    return ", ".join("`" + name.replace("`", "``") + "`" for name in names)


def qualified(schema: str | None, table: str) -> str:
    """`schema`.`table`, or just `table`."""
    return f"{quoted(schema)}.{quoted(table)}" if schema else quoted(table)


def load(
    connection: BufferConnection,
    table: str,
    columns: Sequence[str],
    buffer: bytes | bytearray,
    *,
    rows: int,
    replace: bool = False,
    binary: bool = False,
    hex_columns: frozenset[str] = frozenset(),
) -> None:
    """Load `rows` lines of `buffer` into `table` (a qualified, quoted name).

    `binary` sends bytes as they are, which JSON columns refuse (3144); `hex_columns` travel as hexadecimal text.
    """
    names = [f"@v{index}" if name in hex_columns else quoted(name) for index, name in enumerate(columns)]
    setting = ", ".join(f"{quoted(n)} = UNHEX(@v{i})" for i, n in enumerate(columns) if n in hex_columns)
    sql = (
        f"LOAD DATA LOCAL INFILE '{_NAME}' {'REPLACE ' if replace else ''}INTO TABLE {table} "
        f"CHARACTER SET {'binary' if binary else 'utf8mb4'} "
        rf"FIELDS TERMINATED BY '\t' ESCAPED BY '\\' LINES TERMINATED BY '\n' ({', '.join(names)})"
        f"{' SET ' + setting if setting else ''}"
    )
    with connection.serving(_NAME, buffer):
        connection.query(sql)
    result: Any = connection._result  # noqa: SLF001 - the info line has no public name
    found = _INFO.search(result.message or b"")
    if found is None:
        raise Repaired(f"no info line after LOAD DATA into {table}")
    records, _deleted, skipped, warnings = map(int, found.groups())
    if (records, skipped, warnings) != (rows, 0, 0):
        raise Repaired(f"{table}: {rows} rows sent, {records} read, {skipped} skipped, {warnings} warnings")


def escaped(value: bytes) -> bytes:
    """`value` as one field of a LOAD DATA line."""
    if b"\\" in value:
        value = value.replace(b"\\", b"\\\\")
    if b"\t" in value:
        value = value.replace(b"\t", b"\\t")
    if b"\n" in value:
        value = value.replace(b"\n", b"\\n")
    return value
