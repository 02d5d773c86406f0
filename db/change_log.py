"""The log of what users write after the switch: triggers on the processed tables, in the users' own transactions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from db.bulk import quoted
from db.engine import Database
from db.target import read_target
from migration_core.errors import ConfigError
from migration_core.target import TargetColumn, TargetTable

_PREFIX = "migration_log_"
_OPS = {"insert": (None, "NEW"), "update": ("OLD", "NEW"), "delete": ("OLD", None)}
_BINARY = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit", "geometry")


@dataclass(frozen=True, slots=True)
class LoggedTable:
    """One processed table and the stream that it belongs to."""

    stream_id: int
    table: str


@dataclass(frozen=True, slots=True)
class TriggerRights:
    """What decides whether this user may create triggers."""

    binary_log: bool
    trusted: bool
    """log_bin_trust_function_creators."""
    superuser: bool

    @property
    def enough(self) -> bool:
        """As far as can be told without trying."""
        return not self.binary_log or self.trusted or self.superuser


def turn_on(database: Database, cutover_id: int, schema: str, tables: Sequence[LoggedTable]) -> None:
    """Log every change of these tables from now on; triggers that stand already stay, so that nothing is missed."""
    with database.transaction() as session:
        live = read_target(session, schema).tables
        for one in tables:
            if one.table not in live:
                raise ConfigError(f"{schema}.{one.table} is not there: its changes could not be kept")
            for statement in _triggers(database.schema, schema, live[one.table], one.stream_id, cutover_id):
                session.execute(statement)


def turn_off(database: Database, schema: str) -> None:
    """Log no more; what was logged stays."""
    with database.transaction() as session:
        names = session.rows(
            "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = %s "
            "AND LEFT(trigger_name, %s) = %s",
            (schema, len(_PREFIX), _PREFIX),
        )
        for (name,) in names:
            session.execute(f"DROP TRIGGER IF EXISTS {quoted(schema)}.{quoted(name)}")


def logged_changes(database: Database, cutover_id: int) -> dict[str, int]:
    """{stream: changes that were logged}."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT s.name, COUNT(*) FROM change_log l JOIN stream s USING (stream_id) "
            "WHERE l.cutover_id = %s GROUP BY s.name ORDER BY s.name",
            (cutover_id,),
        )
    return dict(rows)


def not_exported(database: Database, cutover_id: int) -> int:
    """Changes that are in no change file yet."""
    with database.transaction() as session:
        found = session.one("SELECT COUNT(*) FROM change_log WHERE cutover_id = %s AND NOT exported", (cutover_id,))
    return int(found[0]) if found else 0


def trigger_rights(database: Database) -> TriggerRights:
    """With a binary log, MySQL asks for more than TRIGGER: SUPER, or a server that trusts whoever creates one."""
    with database.transaction() as session:
        found = session.one(
            "SELECT @@log_bin, @@global.log_bin_trust_function_creators, EXISTS (SELECT 1 FROM "
            "information_schema.user_privileges WHERE privilege_type = 'SUPER' AND grantee = CONCAT('''', "
            "SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), ''''))"
        )
    log, trusted, superuser = found or (1, 0, 0)
    return TriggerRights(bool(log), bool(trusted), bool(superuser))


def _triggers(control: str, schema: str, table: TargetTable, stream_id: int, cutover_id: int) -> Iterator[str]:
    for op, (before, after) in _OPS.items():
        name = f"{_PREFIX}{op}_{sha256(table.name.encode()).hexdigest()[:12]}"
        yield (
            f"CREATE TRIGGER IF NOT EXISTS {quoted(schema)}.{quoted(name)} AFTER {op.upper()} "
            f"ON {quoted(schema)}.{quoted(table.name)} FOR EACH ROW INSERT INTO {quoted(control)}.change_log "
            "(cutover_id, stream_id, table_name, before_row, after_row) VALUES "
            f"({cutover_id}, {stream_id}, {_literal(table.name)}, {_row(table, before)}, {_row(table, after)})"
        )


def _row(table: TargetTable, side: str | None) -> str:
    if side is None:
        return "NULL"
    columns = [column for column in table.columns if not column.generated]
    return f"JSON_OBJECT({', '.join(f'{_literal(one.name)}, {_value(one, side)}' for one in columns)})"


def _value(column: TargetColumn, side: str) -> str:
    place = f"{side}.{quoted(column.name)}"
    if column.data_type in _BINARY:
        return f"LOWER(HEX({place}))"  # JSON text has no bytes
    if column.data_type == "timestamp":
        return f"CONVERT_TZ({place}, @@session.time_zone, '+00:00')"  # the user's session may live in another zone
    return place


def _literal(text: str) -> str:
    return "CONVERT(0x" + text.encode().hex() + " USING utf8mb4)"
