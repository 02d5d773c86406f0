"""A small migration whose programs are MySQL users of their own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from db.engine import Database, Session
from db.failure import SqlError
from examples.health_devices import scenario as health_devices
from local_stack.servers import Servers
from migration_core.service_rights import Service
from tests.integration.migrating import LOADER, MASTER, WORKER, Migrating, migrating
from tests.servers import own

MODULES = {LOADER: Service.LOADER, MASTER: Service.MASTER, WORKER: Service.WORKER}
VERIFIER = "migration_verifier"
REFUSED = {1044, 1045, 1142, 1143, 1227, 1370}
"""Access denied: to a schema, to a table, to a column, for want of a global right, to a routine."""


class Migrated:
    """A small migration that was done by programs that are no root, and the users that they were."""

    def __init__(self, world: Migrating, urls: dict[Service, str], target: str) -> None:
        self.world = world
        self.urls = urls
        self.control = world.database.schema
        self.target = target

    def env(self, service: Service) -> dict[str, str]:
        keep = {name: os.environ[name] for name in ("PATH", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        return {**keep, **self.world.environment, "DATABASE_URL": self.urls[service]}

    def refusal(self, service: Service, sql: str) -> int | None:
        """The error that this statement ends with for the user of `service`; whatever it did is taken back."""
        database = Database(self.urls[service], pool_size=1)
        try:
            with database.transaction() as session:
                session.execute(sql)
                session.connection.rollback()
        except SqlError as error:
            return error.errno
        finally:
            database.close()
        return None


@contextmanager
def migrated_by_users(servers: Servers, folder: Path) -> Iterator[Migrated]:
    """Ready to be started, with the rights that `migration schema grants --apply` gives."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "none")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "none")
        with migrating(servers, health_devices.scenario(60), folder) as world, gone_afterwards(world) as prefix:
            (world.scenario.mapping.parent / "migrations").symlink_to(health_devices.scenario().migrations)
            urls = users_made(world, folder / "passwords", prefix)
            world.fate = lambda module: {"DATABASE_URL": urls[MODULES.get(module, Service.VERIFIER)]}
            yield Migrated(world, urls, world.scenario.target_schema)


@contextmanager
def gone_afterwards(world: Migrating) -> Iterator[str]:
    """A prefix for users' names; all of them are dropped in the end."""
    prefix = f"{own.fresh('u')}_"
    try:
        yield prefix
    finally:
        with world.database.transaction() as session:
            for service in Service:
                session.execute(f"DROP USER IF EXISTS `{prefix}{service}`")


def users_made(world: Migrating, passwords: Path, prefix: str) -> dict[Service, str]:
    arguments = ("schema", "grants", "--apply", "--passwords", str(passwords), "--prefix", prefix)
    world.children.run("grants", "migration_cli", *arguments)
    return {
        service: make_url(world.environment["DATABASE_URL"])
        .set(username=f"{prefix}{service}", password=(passwords / service).read_text().strip())
        .render_as_string(hide_password=False)
        for service in Service
    }


def errno_of(session: Session, sql: str) -> int | None:
    """What the server says to a statement; None when nothing stands against it."""
    try:
        session.execute(sql)
    except Exception as error:  # noqa: BLE001 - the driver's own, whatever its class
        return int(error.args[0])
    return None
