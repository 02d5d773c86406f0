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
def database(*, pool_size: int = 1, answer_seconds: int | None = None) -> "Iterator[Database]":
    """The control schema that DATABASE_URL names; `answer_seconds` is for statements that may take long."""
    from db.engine import Database
    from migration_cli.needs import DatabaseSettings

    settings = DatabaseSettings.from_env(os.environ).database
    opened = Database(settings.url, pool_size=pool_size, answer_seconds=answer_seconds)
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


def needed_mapping_path() -> "Path":
    """The file that MIGRATION_CONFIG names, of commands that cannot do without it."""
    from migration_cli.needs import MappingSettings

    return MappingSettings.from_env(os.environ).mapping.path


def migrations_folder(given: "Path | None") -> "Path":
    """The processed schema's own migrations: the folder given, or `migrations` beside the mapping."""
    return given or needed_mapping_path().parent / "migrations"


def snapshot_folder() -> "Path | None":
    """The folder that SNAPSHOT_DIR names, or None where it is not set."""
    from migration_cli.needs import SnapshotSettings

    return SnapshotSettings.from_env(os.environ).snapshot.path if os.environ.get("SNAPSHOT_DIR") else None
