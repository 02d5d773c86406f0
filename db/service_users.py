"""The services' MySQL users, each with the rights that are declared for it: as statements, or made here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from db.bulk import beside_arguments, quoted
from db.declared import PREFIX
from db.engine import EVERYBODYS, Database, Session, parsed_url, schema_url
from db.failure import SqlError, sql_error
from db.shadow_tables import passing
from db.target import tables_with_triggers
from migration_core.errors import ConfigError
from migration_core.grants import Grant, grants_beyond
from migration_core.service_rights import Need, Service, Tables, Where, needs

_LONGEST_NAME = 32
_NO_SUCH_USER = 1141
_NOT_ALLOWED = frozenset({1044, 1142, 1143, 1227, 1410})


@dataclass(frozen=True, slots=True)
class Naming:
    """How the users are called and from where they may come."""

    prefix: str
    host: str
    tls: bool
    """Whether the server must refuse them without TLS."""

    def account(self, service: Service) -> str:
        """The user of `service`, quoted."""
        name = self.prefix + service
        if len(name) > _LONGEST_NAME:
            raise ConfigError(f"{name}: a MySQL user has at most {_LONGEST_NAME} characters; shorten the prefix")
        return f"{quoted(name)}@{quoted(self.host)}"


@dataclass(frozen=True, slots=True)
class Schemas:
    """Where the rights are given, and what is there."""

    control: str
    target: str
    tables: Tables
    there: frozenset[tuple[str, str]]
    """(schema, table) of all tables that were found."""
    literal: bool
    """With partial_revokes the server takes a schema's name in a grant as it is, else for a pattern."""


def schemas(
    url: str, control: str, target: str, *, raw: Sequence[str], mapped: Sequence[str], statistics: Sequence[str] = ()
) -> Schemas:
    """Ask the server what there is; the user of `url` must be allowed to see it."""
    server = Database(schema_url(url, EVERYBODYS), pool_size=1)
    try:
        with server.transaction() as session:
            tables = session.rows(
                "SELECT table_schema, table_name FROM tables WHERE table_schema IN (%s, %s)", (control, target)
            )
            triggered = tables_with_triggers(session, target)
            (literal,) = session.one("SELECT @@global.partial_revokes") or (0,)
    finally:
        server.close()
    found = Tables(tuple(raw), tuple(mapped), triggered, tuple(statistics), passing(statistics))
    return Schemas(control, target, found, frozenset((schema, name) for schema, name in tables), bool(literal))


def wanted(service: Service, where: Schemas) -> list[Grant]:
    """The declared rights as this server writes them; ConfigError where a table is not there yet."""
    needed = needs(service, where.tables)
    names = {Where.CONTROL: where.control, Where.TARGET: where.target}
    missing = [
        f"{names[need.where]}.{need.table}"
        for need in needed
        if need.table is not None and not need.comes_and_goes and (names[need.where], need.table) not in where.there
    ]
    if missing:
        raise ConfigError(
            f"rights are given on tables that exist, and these do not: {', '.join(missing[:5])}"
            f"{' …' if missing[5:] else ''}; run `migration schema upgrade` and your own migrations first"
        )
    return [Grant(_schema_of(need, where), need.table or "*", need.rights) for need in needed]


def statements(service: Service, naming: Naming, where: Schemas) -> list[str]:
    """What makes the user and its rights; the server thinks the password up and shows it to who runs this."""
    account = naming.account(service)
    made = f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY RANDOM PASSWORD{_requirement(naming)}"
    return [made, *_grants(account, wanted(service, where))]


def apply(url: str, naming: Naming, where: Schemas, passwords: Mapping[Service, str | None]) -> None:
    """Make each user with its password and exactly its rights; one without a password must be there."""
    declared = {service: wanted(service, where) for service in passwords}
    server = Database(schema_url(url, EVERYBODYS), pool_size=1)
    try:
        with server.transaction() as session:
            for service, password in passwords.items():
                _apply(session, service, naming, declared[service], password)
    except SqlError as error:
        if error.errno not in _NOT_ALLOWED:
            raise
        raise ConfigError(
            f"the user of DATABASE_URL may not make users or give these rights ({error}): run it as an administrator, "
            "or print the statements without --apply and give them to one"
        ) from error
    finally:
        server.close()


def url_of(url: str, naming: Naming, service: Service, password: str) -> str:
    """`url` as the user of `service`."""
    address = parsed_url(url).set(username=naming.prefix + service, password=password)
    return address.render_as_string(hide_password=False)


def _apply(session: Session, service: Service, naming: Naming, declared: list[Grant], password: str | None) -> None:
    account = naming.account(service)
    if password is not None:
        proof = f"IDENTIFIED BY %s{_requirement(naming)}"
        session.execute(f"CREATE USER IF NOT EXISTS {beside_arguments(account)} {proof}", (password,))
        session.execute(f"ALTER USER {beside_arguments(account)} {proof}", (password,))
    elif not _exists(session, account):
        raise ConfigError(
            f"the user of {service} is not there and has no password: set MIGRATION_{service.upper()}_PASSWORD, "
            "or name a folder for passwords with --passwords"
        )
    for statement in _grants(account, declared):
        session.execute(statement)
    # Only then: a service that runs meanwhile never lacks what it needs.
    for grant in grants_beyond(_held(session, account), declared):
        session.execute(f"REVOKE {_listed(grant.rights)} ON {_place(grant)} FROM {account}")


def _grants(account: str, grants: Iterable[Grant]) -> Iterator[str]:
    for grant in grants:
        yield f"GRANT {_listed(grant.rights)} ON {_place(grant)} TO {account}"


def _place(grant: Grant) -> str:
    return ".".join(name if name == "*" else quoted(name) for name in (grant.schema, grant.table))


def _listed(rights: Sequence[str]) -> str:
    return ", ".join(rights)


def _requirement(naming: Naming) -> str:
    return " REQUIRE SSL" if naming.tls else ""


def _schema_of(need: Need, where: Schemas) -> str:
    name = {Where.CONTROL: where.control, Where.TARGET: where.target, Where.SCRATCH: PREFIX}[need.where]
    if need.table is None and not where.literal:
        name = name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
    return f"{name}%" if need.where is Where.SCRATCH else name


def _held(session: Session, account: str) -> list[str]:
    return [str(line) for (line,) in session.rows(f"SHOW GRANTS FOR {account}")]


def _exists(session: Session, account: str) -> bool:
    try:
        _held(session, account)
    except Exception as error:
        if (meaning := sql_error(error)) and meaning.errno == _NO_SUCH_USER:
            return False
        raise
    return True
