"""The parts that commands work on, opened as the environment says and closed when the command ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from db.engine import Database
    from kafka_log.watermarks import LogView


_ANSWER_SECONDS = 5.0
"""A person waits for the answer."""


def database_url() -> str:
    """The URL of the control schema, as it reads now."""
    from migration_cli.needs import DatabaseSettings

    return DatabaseSettings.from_env(os.environ).database.url()


@contextmanager
def database() -> "Iterator[Database]":
    """The control schema that DATABASE_URL names."""
    from db.engine import Database
    from migration_cli.needs import DatabaseSettings

    opened = Database(DatabaseSettings.from_env(os.environ).database.url, pool_size=1)
    try:
        yield opened
    finally:
        opened.close()


def cluster() -> "LogView":
    """The cluster that KAFKA_BOOTSTRAP_SERVERS names."""
    from kafka_log.watermarks import LogView
    from migration_cli.needs import KafkaSettings

    return LogView(KafkaSettings.from_env(os.environ).kafka.config(), answer_seconds=_ANSWER_SECONDS)


def cluster_if_named() -> "LogView | None":
    """The cluster, or None where the environment names none: then a command tells what the database knows."""
    return cluster() if os.environ.get("KAFKA_BOOTSTRAP_SERVERS") else None


def mapping_path() -> "Path | None":
    """The file that MIGRATION_CONFIG names, or None where it is not set."""
    from migration_cli.needs import MappingSettings

    return MappingSettings.from_env(os.environ).mapping.path if os.environ.get("MIGRATION_CONFIG") else None


def needed_mapping() -> "Path":
    """The same file, for commands that can do nothing without it."""
    from migration_cli.needs import MappingSettings

    return MappingSettings.from_env(os.environ).mapping.path
