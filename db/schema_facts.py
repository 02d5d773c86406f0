"""A schema read as it is, to be compared: properties from information_schema, words from SHOW CREATE TABLE.

The properties are what is compared. The words are the server's own description of each part, because information_schema
spells defaults and expressions in a way that no ALTER takes.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable

from db.bulk import qualified, quoted
from db.engine import Session
from migration_core.drift import (
    CheckFacts,
    ColumnFacts,
    ForeignKeyFacts,
    IndexFacts,
    IndexPart,
    SchemaFacts,
    ServerSettings,
    TableFacts,
)

_NAME = r"`((?:[^`]|``)+)`"
_LINE = re.compile(r"(?:`(?:[^`]|``)*`|'(?:[^'\\]|\\.|'')*'|[^`'\n])+", re.DOTALL)
"""Of SHOW CREATE TABLE: a line break within a name ends none."""
_COLUMN = re.compile(_NAME)
_INDEX = re.compile(rf"(?:UNIQUE |FULLTEXT |SPATIAL )?KEY {_NAME}")
_CONSTRAINT = re.compile(rf"CONSTRAINT {_NAME} (CHECK|FOREIGN KEY)")
_COUNTER = re.compile(r" AUTO_INCREMENT=\d+")
_SAME_RULE = {"RESTRICT": "NO ACTION"}
"""InnoDB checks both at once."""
_ON_UPDATE = "on update "

Words = dict[tuple[str, str], str]
"""(kind of part, its name) -> the server's words for it."""


def read_schema(session: Session, schema: str, ignored: Callable[[str], bool] = lambda _: False) -> SchemaFacts:
    """Every base table of `schema`, but for those that `ignored` names."""
    # The server would else answer with row counts and counters of up to a day ago.
    session.execute("SET SESSION information_schema_stats_expiry = 0")
    found = session.one(
        "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = %s", (schema,)
    )
    tables = {}
    for name, engine, row_format, collation, rows, next_number in session.rows(
        "SELECT table_name, engine, row_format, table_collation, table_rows, auto_increment "
        "FROM information_schema.tables "
        "WHERE table_schema = %s AND table_type = 'BASE TABLE' ORDER BY table_name",
        (schema,),
    ):
        if not ignored(name):
            tables[name] = _table(
                session, schema, name, (engine, (row_format or "").upper(), collation), rows, next_number
            )
    return SchemaFacts(schema, found[0] if found else "", tables)


def read_server(session: Session) -> ServerSettings:
    """What new sessions of others get; this program's own sessions set both themselves."""
    mode, zone, system = session.one("SELECT @@global.sql_mode, @@global.time_zone, @@global.system_time_zone") or ()
    return ServerSettings(frozenset(filter(None, mode.split(","))), zone, system)


def _table(
    session: Session, schema: str, name: str, options: tuple[str, str, str], rows: int, next_number: int | None
) -> TableFacts:
    created = session.one(f"SHOW CREATE TABLE {qualified(schema, name)}") or ("", "")
    lines = _LINE.findall(_text(created[1]))
    end = next(place for place, line in enumerate(lines) if line.startswith(")"))  # partitions may follow
    words = _words(lines[1:end])
    columns = _columns(session, schema, name, words)
    counter = next((column.name for column in columns if column.auto_increment), None)
    largest = session.one(f"SELECT MAX({quoted(counter)}) FROM {qualified(schema, name)}") if counter else None
    return TableFacts(
        name,
        *options,
        columns=columns,
        indexes=_indexes(session, schema, name, words),
        foreign_keys=_foreign_keys(session, schema, name, words),
        checks=_checks(session, schema, name, words),
        creation=_creation(lines[1:end], "\n".join(lines[end:])),
        rows=rows,
        next_number=next_number,
        largest_number=largest[0] if largest else None,
    )


def _columns(session: Session, schema: str, table: str, words: Words) -> tuple[ColumnFacts, ...]:
    found = []
    for name, kind, nullable, default, extra, charset, collation, generated, srid in session.rows(
        "SELECT column_name, column_type, is_nullable, column_default, extra, character_set_name, collation_name, "
        "generation_expression, srs_id FROM information_schema.columns "
        "WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
        (schema, table),
    ):
        _, updated, moment = extra.partition(_ON_UPDATE)
        found.append(
            ColumnFacts(
                name=name,
                type=_text(kind),
                nullable=nullable == "YES",
                default=None if default is None else _text(default),
                default_is_expression="DEFAULT_GENERATED" in extra,
                on_update=moment.partition(" ")[0] if updated else "",
                charset=charset,
                collation=collation,
                generated=_text(generated or ""),
                stored="STORED GENERATED" in extra,
                auto_increment="auto_increment" in extra,
                visible="INVISIBLE" not in extra,
                srid=srid,
                definition=words["column", name],
            )
        )
    return tuple(found)


def _indexes(session: Session, schema: str, table: str, words: Words) -> tuple[IndexFacts, ...]:
    parts: dict[str, list[IndexPart]] = defaultdict(list)
    heads: dict[str, tuple[bool, str, bool]] = {}
    for name, not_unique, kind, visible, column, expression, prefix, direction in session.rows(
        "SELECT index_name, non_unique, index_type, is_visible, column_name, expression, sub_part, collation "
        "FROM information_schema.statistics WHERE table_schema = %s AND table_name = %s "
        "ORDER BY index_name, seq_in_index",
        (schema, table),
    ):
        heads[name] = (not not_unique, kind, visible == "YES")
        parts[name].append(IndexPart(column or f"({_text(expression)})", prefix, direction == "D"))
    return tuple(
        IndexFacts(name, unique, kind, tuple(parts[name]), visible, words["index", name])
        for name, (unique, kind, visible) in heads.items()
    )


def _foreign_keys(session: Session, schema: str, table: str, words: Words) -> tuple[ForeignKeyFacts, ...]:
    columns: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, own, parent in session.rows(
        "SELECT constraint_name, column_name, referenced_column_name FROM information_schema.key_column_usage "
        "WHERE constraint_schema = %s AND table_name = %s AND referenced_table_name IS NOT NULL "
        "ORDER BY constraint_name, ordinal_position",
        (schema, table),
    ):
        columns[name].append((own, parent))
    return tuple(
        ForeignKeyFacts(
            name=name,
            columns=tuple(own for own, _ in columns[name]),
            parent=parent if parent_schema == schema else f"{parent_schema}.{parent}",
            parent_columns=tuple(there for _, there in columns[name]),
            on_update=_SAME_RULE.get(on_update, on_update),
            on_delete=_SAME_RULE.get(on_delete, on_delete),
            definition=words["foreign key", name],
        )
        for name, parent_schema, parent, on_update, on_delete in session.rows(
            "SELECT constraint_name, unique_constraint_schema, referenced_table_name, update_rule, delete_rule "
            "FROM information_schema.referential_constraints "
            "WHERE constraint_schema = %s AND table_name = %s ORDER BY constraint_name",
            (schema, table),
        )
    )


def _checks(session: Session, schema: str, table: str, words: Words) -> tuple[CheckFacts, ...]:
    return tuple(
        CheckFacts(name, _text(clause), enforced == "YES", words["check", name])
        for name, clause, enforced in session.rows(
            "SELECT c.constraint_name, c.check_clause, t.enforced FROM information_schema.check_constraints AS c "
            "JOIN information_schema.table_constraints AS t USING (constraint_schema, constraint_name) "
            "WHERE t.constraint_schema = %s AND t.table_name = %s AND t.constraint_type = 'CHECK' "
            "ORDER BY c.constraint_name",
            (schema, table),
        )
    )


def _words(lines: Iterable[str]) -> Words:
    """Each line of SHOW CREATE TABLE between the parentheses describes one part."""
    found: Words = {}
    for line in lines:
        words = line.strip().removesuffix(",")
        if column := _COLUMN.match(words):
            found["column", _unquoted(column.group(1))] = words
        elif index := _INDEX.match(words):
            found["index", _unquoted(index.group(1))] = words
        elif constraint := _CONSTRAINT.match(words):
            found[constraint.group(2).lower(), _unquoted(constraint.group(1))] = words
        else:
            found["index", "PRIMARY"] = words
    return found


def _creation(lines: Iterable[str], options: str) -> str:
    """What makes the table again under another name; foreign keys come when all tables are there."""
    parts = [line.strip().removesuffix(",") for line in lines]
    kept = [part for part in parts if not ((found := _CONSTRAINT.match(part)) and found.group(2) == "FOREIGN KEY")]
    return "(" + ", ".join(kept) + _COUNTER.sub("", options, count=1)


def _unquoted(name: str) -> str:
    return name.replace("``", "`")


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
