"""Everything that must exist before the first program of a replay starts, in containers; safe to repeat."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from db.engine import Database
from db.schema import create_schema, upgrade
from examples import processed_schema
from examples.scenario import Scenario
from migration_cli.registering import register_streams
from replay.users import users_of
from runtime.settings import DatabaseAccess, QueueAccess
from work_queue.attributes import ensure_queue
from work_queue.client import client


def prepare(scenario: Scenario, env: Mapping[str, str] = os.environ) -> None:
    """Create what is not there, and upgrade what is."""
    url = DatabaseAccess.model_validate(dict(env)).url()
    queue = QueueAccess.model_validate(dict(env))
    create_schema(url, scenario.target_schema)
    database = Database(url, pool_size=1)
    try:
        upgrade(database)
        processed_schema.upgrade(url, scenario.target_schema, scenario.migrations)
        register_streams(database, scenario.mapping)
        users_of(url, scenario, env)
    finally:
        database.close()
    name = urlsplit(queue.url).path.rsplit("/", 1)[-1]
    ensure_queue(client(queue.region, endpoint=queue.endpoint), name)
