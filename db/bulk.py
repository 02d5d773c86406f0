"""Many rows into a table from memory: by LOAD DATA LOCAL, the fastest way in, or by strict multi-row statements.

LOAD DATA LOCAL behaves like IGNORE, since the server cannot stop the transfer: data errors and duplicates become
warnings. So its info line is compared with what was sent, and any difference is raised. Both ways take the same lines.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from db.connection import BufferConnection

NULL = b"\\N"
_BACKSLASH, _TAB, _NEWLINE = b"\\\t\n"
_INFO = re.compile(r"Records: (\d+)  Deleted: (\d+)  Skipped: (\d+)  Warnings: (\d+)")
_NAME = "rows-in-memory"
_STATEMENT_BYTES = 1 << 20


class Repaired(Exception):
    """The server skipped or changed rows: roll back, and go the strict way."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """Where lines go."""

    table: str
    """Quoted and qualified."""
    columns: tuple[str, ...]
    replace: bool = False
    """Only for tables whose one unique key is the primary key: REPLACE fires on any."""
    binary: bool = False
    """Bytes as they are, which JSON columns refuse (3144)."""
    hex_columns: frozenset[str] = field(default=frozenset())
    """Columns whose fields are hexadecimal text."""
    update: tuple[str, ...] = ()
    """Columns to set where the primary key exists; only for tables without another unique index."""


def quoted(*names: str) -> str:
    """Identifiers in backticks, so that no mapping can inject SQL through a name."""
    return ", ".join("`" + name.replace("`", "``") + "`" for name in names)


def qualified(schema: str | None, table: str) -> str:
    """`schema`.`table`, or just `table`."""
    return f"{quoted(schema)}.{quoted(table)}" if schema else quoted(table)


def beside_arguments(name: str) -> str:
    """A quoted name in a statement with places for arguments, where the driver takes a percent sign for one."""
    return name.replace("%", "%%")


def escaped(value: bytes) -> bytes:
    """`value` as one field of a line."""
    # A search for a number is far faster than one for a string of one byte, and nearly every value ends here.
    if _BACKSLASH in value:
        value = value.replace(b"\\", b"\\\\")
    if _TAB in value:
        value = value.replace(b"\t", b"\\t")
    if _NEWLINE in value:
        value = value.replace(b"\n", b"\\n")
    return value


def write(connection: BufferConnection, bulk: Bulk, lines: Sequence[bytes], *, strict: bool = False) -> None:
    """Store all `lines` (fields by tab, escaped, each ended by a newline), unchanged, or raise."""
    if not lines:
        return
    if not (strict or bulk.update) and connection.serves_local_infile:
        _load(connection, bulk, lines)
        return
    longest = connection.largest_packet // 2  # quoting may double a line
    for statement in _statements(bulk, [line for line in lines if len(line) <= longest], longest):
        connection.query(statement)
    for line in lines:
        if len(line) > longest:
            _write_large(connection, bulk, line)


def _write_large(connection: BufferConnection, bulk: Bulk, line: bytes) -> None:
    """One row that hardly fits into a statement; LOAD DATA knows no such limit."""
    if connection.serves_local_infile and not bulk.update:
        _load(connection, bulk, [line])
    else:
        for statement in _statements(bulk, [line], len(line)):
            connection.query(statement)


def _load(connection: BufferConnection, bulk: Bulk, lines: Sequence[bytes]) -> None:
    hexed = bulk.hex_columns
    names = [f"@v{index}" if name in hexed else quoted(name) for index, name in enumerate(bulk.columns)]
    setting = ", ".join(f"{quoted(name)} = UNHEX(@v{i})" for i, name in enumerate(bulk.columns) if name in hexed)
    sql = (
        f"LOAD DATA LOCAL INFILE '{_NAME}' {'REPLACE ' if bulk.replace else ''}INTO TABLE {bulk.table} "
        f"CHARACTER SET {'binary' if bulk.binary else 'utf8mb4'} "
        rf"FIELDS TERMINATED BY '\t' ESCAPED BY '\\' LINES TERMINATED BY '\n' ({', '.join(names)})"
        f"{' SET ' + setting if setting else ''}"
    )
    with connection.serving(_NAME, b"".join(lines)):
        connection.query(sql)
    result: Any = connection._result  # noqa: SLF001 - the info line has no public name
    message = result.message or b""
    found = _INFO.search(message.decode() if isinstance(message, bytes) else message)
    if found is None:
        raise Repaired(f"no info line after LOAD DATA into {bulk.table}")
    records, _deleted, skipped, warnings = map(int, found.groups())
    if (records, skipped, warnings) != (len(lines), 0, 0):
        raise Repaired(f"{bulk.table}: {len(lines)} sent, {records} read, {skipped} skipped, {warnings} warnings")


def _statements(bulk: Bulk, lines: Sequence[bytes], longest: int) -> Iterator[bytes]:
    """The same rows as INSERT or REPLACE statements of about a megabyte; strict mode makes every bad value an error."""
    longest = min(longest, _STATEMENT_BYTES)
    verb = "REPLACE" if bulk.replace else "INSERT"
    opening = f"{verb} INTO {bulk.table} ({quoted(*bulk.columns)}) VALUES ".encode()
    updates = ", ".join(f"{quoted(name)} = new.{quoted(name)}" for name in bulk.update)
    closing = f" AS new ON DUPLICATE KEY UPDATE {updates}".encode() if updates else b""
    hexed = [name in bulk.hex_columns for name in bulk.columns]
    rows: list[bytes] = []
    size = 0
    for line in lines:
        row = _values(line, hexed, binary=bulk.binary)
        if rows and size + len(row) > longest:
            yield opening + b",".join(rows) + closing
            rows, size = [], 0
        rows.append(row)
        size += len(row)
    if rows:
        yield opening + b",".join(rows) + closing


def _values(line: bytes, hexed: Sequence[bool], *, binary: bool) -> bytes:
    # The escapes of a line mean the same inside a string literal; only the quote itself is missing.
    introducer = b"_binary'" if binary else b"'"
    values = []
    for text, is_hex in zip(line[:-1].split(b"\t"), hexed, strict=True):
        if text == NULL:
            values.append(b"NULL")
        elif is_hex:
            values.append(b"X'" + text + b"'")
        else:
            values.append(introducer + text.replace(b"'", b"''") + b"'")
    return b"(" + b",".join(values) + b")"
