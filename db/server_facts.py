"""What the server says of itself, for checks before any work: version, durability, limits, rights."""

from dataclasses import dataclass
from typing import Any

from db.engine import LOOPBACK, Database, Session
from db.tls import mode_of


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


@dataclass(frozen=True, slots=True)
class ApplicationSettings:
    """What sessions of others get, and what is kept of their writes; this program's own sessions set theirs."""

    log_bin: bool
    binlog_format: str
    binlog_row_image: str
    innodb_lock_wait: int
    """Seconds."""
    deadlock_detect: bool
    data_directory: str


def application_settings(database: Database) -> ApplicationSettings:
    """Asked of the server that DATABASE_URL names."""
    with database.transaction() as session:
        log_bin, kind, image, wait, detect, folder = _one(
            session,
            "SELECT @@global.log_bin, @@global.binlog_format, @@global.binlog_row_image, "
            "@@global.innodb_lock_wait_timeout, @@global.innodb_deadlock_detect, @@global.datadir",
        )
    return ApplicationSettings(bool(log_bin), kind, image, wait, bool(detect), folder)


@dataclass(frozen=True, slots=True)
class Transport:
    """How this program's own connections are kept from others."""

    host: str
    mode: str
    cipher: str
    """Empty without TLS."""


def transport(database: Database) -> Transport:
    """Asked of one of them."""
    address = database.address
    with database.transaction() as session:
        _, cipher = _one(session, "SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    return Transport(address.host or LOOPBACK, mode_of(address.query), cipher)


def own_grants(database: Database) -> tuple[str, ...]:
    """SHOW GRANTS of the user of DATABASE_URL, with what its active roles add."""
    with database.transaction() as session:
        (roles,) = _one(session, "SELECT CURRENT_ROLE()")
        using = "" if roles == "NONE" else f" USING {roles}"
        return tuple(str(line) for (line,) in session.rows(f"SHOW GRANTS FOR CURRENT_USER(){using}"))
