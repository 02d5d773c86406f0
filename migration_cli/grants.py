"""`migration schema grants`: a MySQL user for each service, with the rights that it needs and no others."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli.access import database_url, needed_mapping_path
from migration_cli.console import Json, say, say_json, working
from migration_core.service_rights import Service

if TYPE_CHECKING:
    from db.service_users import Naming, Schemas


def grants(
    *,
    run: Annotated[bool, typer.Option("--apply", help="Execute the statements as the user of DATABASE_URL.")] = False,
    service: Annotated[list[Service], typer.Option(help="Only this one; may be repeated.")] = [],  # noqa: B006 - typer's own way
    prefix: Annotated[str, typer.Option(help="Before each service's name.")] = "migration_",
    host: Annotated[str, typer.Option(help="From where the users may come, as MySQL writes it.")] = "%",
    require_tls: Annotated[bool, typer.Option("--require-tls", help="Refuse the users without TLS.")] = False,
    passwords: Annotated[
        Path | None,
        typer.Option(help="With --apply: a folder for a file per service, as DATABASE_PASSWORD_FILE takes them."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print, or with --apply execute, what gives each service a MySQL user with just the rights it needs.

    Passwords are never printed. A statement that is printed lets the server think one up and show it to whoever runs
    it. With --apply they come from MIGRATION_WORKER_PASSWORD and the like (each also …_FILE), or from --passwords.
    Safe to repeat: rights that are no longer needed are revoked. Run it again when streams or tables were added.

    Example: migration schema grants --apply --passwords /run/secrets/migration
    """
    from db.service_users import Naming, apply, statements

    chosen = service or list(Service)
    naming = Naming(prefix, host, require_tls)
    where = _schemas()
    found = {one: statements(one, naming, where) for one in chosen}
    if run:
        secrets = {one: _password(one, passwords) for one in chosen}
        with working("making users and giving rights"):
            apply(database_url(), naming, where, secrets)
    if as_json:
        say_json({"applied": run, "users": [_told(one, naming, found[one]) for one in chosen]})
    elif run:
        for one in chosen:
            say(f"{naming.account(one)}: {len(found[one]) - 1} grants")
    else:
        say("\n".join(f"{statement};" for one in chosen for statement in found[one]))


def _schemas() -> "Schemas":
    from db.engine import parsed_url
    from db.raw import table_of
    from db.service_users import schemas
    from runtime.mapping_file import compiled, read_mapping

    mapping = compiled(needed_mapping_path())
    url = database_url()
    return schemas(
        url,
        parsed_url(url).database or "",
        mapping.target_schema,
        raw=[table_of(name) for name in mapping.streams],
        mapped=mapping.table_names,
        statistics=read_mapping(needed_mapping_path()).model.statistic_tables,
    )


def _password(service: Service, folder: Path | None) -> str | None:
    from migration_core.errors import ConfigError
    from runtime.environment import Unreadable, value_of
    from runtime.new_secret import secret_in

    try:
        given = value_of(os.environ, f"MIGRATION_{service.upper()}_PASSWORD")
    except Unreadable as error:
        raise ConfigError(str(error)) from error
    if given is not None or folder is None:
        return given
    return secret_in(folder / service)


def _told(service: Service, naming: "Naming", found: list[str]) -> dict[str, object]:
    return {"service": service, "user": naming.account(service), "statements": found}
