"""What the server says of itself, for checks before any work: version, durability, limits, rights."""

from dataclasses import dataclass
from typing import Any

from db.engine import Database, Session


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Settings that decide whether the guarantees can hold on this server."""

    version: str
    comment: str
    server_uuid: str
    read_only: bool
    flush_log_at_commit: int
    sync_binlog: int
    local_infile: bool
    max_allowed_packet: int
    max_connections: int

    @property
    def mariadb(self) -> bool:
        """MariaDB has another NOWAIT, JSON and collations, so it will not do."""
        return self.comment == "MariaDB"

    @property
    def release(self) -> tuple[int, ...]:
        """(9, 7, 4) of "9.7.4-debian"."""
        return tuple(int(part) for part in self.version.partition("-")[0].split(".") if part.isdigit())


def server_facts(database: Database) -> ServerFacts:
    """Asked of the server that DATABASE_URL names; MariaDB does not know half of the questions."""
    with database.transaction() as session:
        version, comment = _one(session, "SELECT @@version, @@version_comment")
        if "mariadb" in f"{version} {comment}".lower():
            return ServerFacts(version, "MariaDB", "", False, 0, 0, False, 0, 0)
        uuid, read_only, flush, sync, infile, packet, connections = _one(
            session,
            "SELECT @@server_uuid, @@global.read_only OR @@global.super_read_only, "
            "@@global.innodb_flush_log_at_trx_commit, @@global.sync_binlog, @@global.local_infile, "
            "@@global.max_allowed_packet, @@global.max_connections",
        )
    return ServerFacts(version, comment, uuid, bool(read_only), flush, sync, bool(infile), packet, connections)


def _one(session: Session, sql: str) -> tuple[Any, ...]:
    return session.one(sql) or ()
