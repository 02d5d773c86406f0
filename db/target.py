"""The live processed schema as plain values, read from information_schema."""

import re
from collections import defaultdict
from typing import Any

from db.bulk import quoted
from db.engine import Session
from migration_core.target import TargetColumn, TargetIndex, TargetSchema, TargetTable

_ENUM_VALUE = re.compile(r"'((?:[^']|'')*)'")


def read_target(session: Session, schema: str) -> TargetSchema:
    """Every base table of `schema` with what decides how rows may be written into it."""
    columns = _columns(session, schema)
    indexes = _indexes(session, schema)
    triggers = _grouped(
        session, "SELECT event_object_table, trigger_name FROM triggers WHERE event_object_schema = %s", schema
    )
    keys = _grouped(
        session,
        "SELECT table_name, constraint_name FROM referential_constraints WHERE constraint_schema = %s",
        schema,
    )
    referenced = _grouped(
        session,
        "SELECT referenced_table_name, table_name FROM referential_constraints WHERE unique_constraint_schema = %s",
        schema,
    )
    tables = {}
    for name, engine in session.rows(
        "SELECT table_name, engine FROM information_schema.tables "
        "WHERE table_schema = %s AND table_type = 'BASE TABLE' ORDER BY table_name",
        (schema,),
    ):
        primary = next((i.columns for i in indexes[name] if i.name == "PRIMARY"), ())
        tables[name] = TargetTable(
            name=name,
            engine=engine,
            columns=tuple(columns[name]),
            primary_key=primary,
            indexes=tuple(indexes[name]),
            referenced_by=tuple(referenced[name]),
            foreign_keys=tuple(keys[name]),
            triggers=tuple(triggers[name]),
        )
    return TargetSchema(schema, tables)


def tables_with_triggers(session: Session, schema: str) -> tuple[str, ...]:
    """Those whose triggers this user is shown: for others MySQL asks for TRIGGER on the table."""
    rows = session.rows(
        "SELECT DISTINCT event_object_table FROM information_schema.triggers WHERE event_object_schema = %s", (schema,)
    )
    return tuple(name for (name,) in rows)


def answer_in(session: Session, schema: str, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query whose tables need not name their schema; the session's own schema is the same afterwards."""
    own = session.one("SELECT DATABASE()") or ("",)
    session.execute(f"USE {quoted(schema)}")
    try:
        return session.rows(sql)
    finally:
        session.execute(f"USE {quoted(own[0])}")


def _columns(session: Session, schema: str) -> dict[str, list[TargetColumn]]:
    found: dict[str, list[TargetColumn]] = defaultdict(list)
    for row in session.rows(
        "SELECT table_name, column_name, data_type, column_type, is_nullable, column_default, "
        "character_maximum_length, character_octet_length, numeric_precision, numeric_scale, datetime_precision, "
        "character_set_name, collation_name, generation_expression, extra "
        "FROM information_schema.columns WHERE table_schema = %s ORDER BY table_name, ordinal_position",
        (schema,),
    ):
        table, name, kind, full, nullable, default, chars, octets, precision, scale, fraction, charset, collation = row[
            :13
        ]
        expression, extra = row[13] or "", row[14] or ""
        full = _text(full)
        found[table].append(
            TargetColumn(
                name=name,
                data_type=_text(kind).lower(),
                unsigned="unsigned" in full,
                nullable=nullable == "YES",
                default=None if default is None else _text(default),
                has_default=default is not None or nullable == "YES" or "auto_increment" in extra.lower(),
                char_length=chars,
                byte_length=octets,
                precision=precision,
                scale=scale,
                datetime_precision=fraction,
                charset=charset,
                collation=collation,
                enum_values=_enum_values(full),
                generated=bool(expression),
                auto_increment="auto_increment" in extra.lower(),
            )
        )
    return found


def _indexes(session: Session, schema: str) -> dict[str, list[TargetIndex]]:
    parts: dict[tuple[str, str], list[tuple[bool, bool, str]]] = defaultdict(list)
    for table, index, non_unique, visible, column, expression in session.rows(
        "SELECT table_name, index_name, non_unique, is_visible, column_name, expression "
        "FROM information_schema.statistics WHERE table_schema = %s ORDER BY table_name, index_name, seq_in_index",
        (schema,),
    ):
        # A functional index has an expression where others have a column.
        parts[table, index].append((non_unique == 0, visible == "YES", column or f"({_text(expression)})"))
    found: dict[str, list[TargetIndex]] = defaultdict(list)
    for (table, index), places in parts.items():
        unique, visible = places[0][0], places[0][1]
        found[table].append(TargetIndex(index, unique, tuple(column for _, _, column in places), visible))
    return found


def _grouped(session: Session, sql: str, schema: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for table, name in session.rows(sql.replace(" FROM ", " FROM information_schema."), (schema,)):
        found[table].append(name)
    return found


def _enum_values(column_type: str) -> tuple[str, ...]:
    if not column_type.startswith("enum("):
        return ()
    return tuple(value.replace("''", "'") for value in _ENUM_VALUE.findall(column_type))


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
