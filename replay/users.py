"""A MySQL user for each program of a replay, as a real migration has them: none can do more than its part."""

import secrets
from collections.abc import Mapping

from db.engine import parsed_url
from db.raw import table_of
from db.service_users import Naming, apply, schemas, url_of
from examples.scenario import Scenario
from migration_core.service_rights import Service
from runtime.environment import value_of
from runtime.mapping_file import compiled, read_mapping

_EVERYWHERE = "%"
_BYTES = 18


def own_users(url: str, scenario: Scenario, prefix: str) -> dict[Service, str]:
    """The URL of each service with a user and a password of its own; `url` is of somebody who may make users."""
    passwords = {service: secrets.token_urlsafe(_BYTES) for service in Service}
    naming = Naming(prefix, _EVERYWHERE, tls=False)
    make_users(url, scenario, naming, passwords)
    return {service: url_of(url, naming, service, password) for service, password in passwords.items()}


def users_of(url: str, scenario: Scenario, env: Mapping[str, str]) -> None:
    """The users whose passwords are in MIGRATION_WORKER_PASSWORD and the like."""
    given = {service: value_of(env, f"MIGRATION_{service.upper()}_PASSWORD") for service in Service}
    passwords = {service: password for service, password in given.items() if password is not None}
    make_users(url, scenario, Naming("migration_", _EVERYWHERE, tls=False), passwords)


def make_users(url: str, scenario: Scenario, naming: Naming, passwords: Mapping[Service, str]) -> None:
    """The same as `migration schema grants --apply`."""
    mapping = compiled(scenario.mapping)
    raw = [table_of(name) for name in mapping.streams]
    control = parsed_url(url).database or ""
    filled = read_mapping(scenario.mapping).model.statistic_tables
    target = mapping.target_schema
    where = schemas(url, control, target, raw=raw, mapped=mapping.table_names, statistics=filled)
    apply(url, naming, where, passwords)
