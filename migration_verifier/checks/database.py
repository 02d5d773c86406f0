"""Whether this MySQL can keep the promise: its version, its durability, its limits, our schema."""

from collections.abc import Iterator

from db import schema
from db.engine import Database
from db.server_facts import ServerFacts, Transport, server_facts, transport
from db.tls import VERIFYING
from migration_core.finding import Finding, failed, passed, warned

PART = "database"
_OLDEST = (9, 7)
_PACKET = 64 << 20
_CONNECTIONS = 100
_NEAR = ("127.0.0.1", "::1", "localhost")


def database_findings(control: Database) -> Iterator[Finding]:
    """Ask the server and judge its answers."""

    facts = server_facts(control)
    yield _version(facts)
    if facts.mariadb:
        return
    yield from server_findings(facts)
    yield transport_finding(transport(control))
    yield schema_finding(schema.current(control), schema.head())


def server_findings(facts: ServerFacts) -> Iterator[Finding]:
    """What a server's settings mean for the guarantees. Pure."""
    if facts.read_only:
        yield failed(PART, "writable", "read_only is on", "DATABASE_URL must name the writer")
    else:
        yield passed(PART, "writable", "read_only is off")
    durable = (facts.flush_log_at_commit, facts.sync_binlog)
    told = f"innodb_flush_log_at_trx_commit={durable[0]}, sync_binlog={durable[1]}"
    if durable == (1, 1):
        yield passed(PART, "durable", told)
    elif 0 in durable:
        yield failed(PART, "durable", told, "set both to 1: a power cut would take back what was committed")
    else:
        yield warned(PART, "durable", told, "set both to 1; else a crash of the host may lose the last second")
    if facts.local_infile:
        yield passed(PART, "local_infile", "on")
    else:
        yield failed(PART, "local_infile", "off", "set local_infile=ON: rows are stored by LOAD DATA from memory")
    if facts.max_allowed_packet >= _PACKET:
        yield passed(PART, "max_allowed_packet", f"{facts.max_allowed_packet >> 20} MiB")
    else:
        yield warned(PART, "max_allowed_packet", f"{facts.max_allowed_packet >> 20} MiB", "set 64 MiB or more")
    if facts.max_connections < _CONNECTIONS:
        yield warned(PART, "max_connections", str(facts.max_connections), "a worker takes five connections")


def transport_finding(found: Transport) -> Finding:
    """Whether others can read or change what goes to the server and comes from it. Pure."""
    if found.host in _NEAR:
        return passed(PART, "transport", f"{found.cipher or 'no TLS'}, on this machine")
    if not found.cipher:
        return warned(PART, "transport", "no TLS", "turn it on at the server, and set DATABASE_CA")
    if found.mode not in VERIFYING:
        told = "set DATABASE_CA (and DATABASE_SSL_MODE where need be), so that nobody else can pass for the server"
        return warned(PART, "transport", f"{found.cipher}, with whoever answers", told)
    return passed(PART, "transport", f"{found.cipher}, {found.mode}")


def schema_finding(found: str | None, wanted: str) -> Finding:
    """Whether the control schema is the one that this version needs. Pure."""
    if found == wanted:
        return passed(PART, "control schema", f"revision {found}")
    return failed(
        PART, "control schema", f"{found or 'none'}, needs {wanted}", "run `migration schema upgrade` (--create)"
    )


def _version(facts: ServerFacts) -> Finding:
    told = f"{facts.version} {facts.comment}"
    if facts.mariadb:
        return failed(PART, "version", told, "MariaDB is not MySQL: its locks, JSON and collations differ")
    if facts.release < _OLDEST:
        return warned(PART, "version", told, "tested with MySQL 9.7 and newer")
    return passed(PART, "version", told)
