"""The shadows of processed tables: same definitions, other names, and the rename that puts them in their place."""

from collections.abc import Sequence

from db.bulk import qualified
from db.engine import Database, Session
from migration_core.errors import ConfigError
from migration_core.target import TargetSchema

_SHADOW, _BEFORE = "__shadow", "__before"
_LONGEST = 64
"""Of MySQL's names."""


def shadow_of(table: str) -> str:
    """The table that a replay fills."""
    return f"{table}{_SHADOW}"


def before_of(table: str) -> str:
    """What a table is called after a swap has put its shadow in its place."""
    return f"{table}{_BEFORE}"


def passing(tables: Sequence[str]) -> tuple[str, ...]:
    """What these are called for a while: their shadows, and they themselves after a swap."""
    return tuple(name for table in tables for name in (shadow_of(table), before_of(table)))


def expect_free(session: Session, target: TargetSchema, tables: Sequence[str]) -> None:
    """Whether shadows of these tables can be made, and take their place one day."""
    for name in tables:
        table = target.tables[name]
        if len(shadow_of(name)) > _LONGEST:
            raise ConfigError(f"table {name!r}: its name leaves no room for {_SHADOW!r}")
        tied = [*table.foreign_keys, *table.referenced_by, *table.triggers]
        if tied:
            # MySQL copies neither with a definition, and a foreign key follows the table that is renamed away.
            raise ConfigError(
                f"table {name!r} has foreign keys or triggers ({', '.join(tied)}), which would stay with the old table "
                "in a swap: drop them, replay, and create them again"
            )
    left = _existing(session, target.name, [before_of(name) for name in tables])
    left += _existing(session, target.name, [shadow_of(name) for name in tables])
    if left:
        raise ConfigError(f"{', '.join(left)} of an earlier replay exist: remove them with --drop, or by hand")


def make(database: Database, schema: str, tables: Sequence[str]) -> None:
    """Create the shadows that do not exist yet."""
    with database.transaction() as session:
        for name in tables:
            session.execute(f"CREATE TABLE IF NOT EXISTS {_place(schema, shadow_of(name))} LIKE {_place(schema, name)}")


def swap(database: Database, schema: str, tables: Sequence[str]) -> None:
    """Put every shadow in its table's place in one statement, which MySQL does wholly or not at all."""
    with database.transaction() as session:
        swap_by(session, schema, tables)


def swap_by(session: Session, schema: str, tables: Sequence[str]) -> None:
    """The same by a session that must not be another's, since it holds a lock."""
    if not shadows(session, schema, tables):
        return  # it was done, and the process died afterwards
    pairs = [
        pair
        for name in tables
        for pair in (
            f"{_place(schema, name)} TO {_place(schema, before_of(name))}",
            f"{_place(schema, shadow_of(name))} TO {_place(schema, name)}",
        )
    ]
    session.execute(f"RENAME TABLE {', '.join(pairs)}")


def shadows(session: Session, schema: str, tables: Sequence[str]) -> list[str]:
    """The shadows of these tables that exist."""
    return _existing(session, schema, [shadow_of(name) for name in tables])


def make_anew(session: Session, schema: str, tables: Sequence[str]) -> None:
    """Empty shadows of these tables, whatever was left of earlier ones."""
    drop_before_by(session, schema, tables)
    for name in tables:
        _drop(session, schema, [shadow_of(name)])
        session.execute(f"CREATE TABLE {_place(schema, shadow_of(name))} LIKE {_place(schema, name)}")


def count_rows(session: Session, schema: str, tables: Sequence[str]) -> None:
    """Let the server know how many rows the shadows of these tables have: to the optimiser they are still empty."""
    session.rows(f"ANALYZE TABLE {', '.join(_place(schema, shadow_of(name)) for name in tables)}")


def drop_before_by(session: Session, schema: str, tables: Sequence[str]) -> None:
    """The same as `drop_before` by a session that holds a lock."""
    _drop(session, schema, [before_of(name) for name in tables])


def drop_shadows(database: Database, schema: str, tables: Sequence[str]) -> None:
    """Remove what a replay has filled."""
    with database.transaction() as session:
        _drop(session, schema, [shadow_of(name) for name in tables])


def drop_before(database: Database, schema: str, tables: Sequence[str]) -> None:
    """Remove the tables whose place a swap has given to others."""
    with database.transaction() as session:
        drop_before_by(session, schema, tables)


def _drop(session: Session, schema: str, names: Sequence[str]) -> None:
    for name in names:
        session.execute(f"DROP TABLE IF EXISTS {_place(schema, name)}")


def _existing(session: Session, schema: str, names: Sequence[str]) -> list[str]:
    marks = ", ".join(["%s"] * len(names))
    rows = session.rows(
        "SELECT table_name FROM information_schema.tables "
        f"WHERE table_schema = %s AND table_name IN ({marks}) ORDER BY table_name",
        (schema, *names),
    )
    return [name for (name,) in rows]


def _place(schema: str, name: str) -> str:
    return qualified(schema, name)
