"""Wires a fetch: where from, with which secrets, for how long, and how its progress is shown."""

import os
import sys
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

from migration_cli.console import complain, lasting

if TYPE_CHECKING:
    from snapshot_loader.fetching import Fetched
    from snapshot_loader.progress import Told


def fetched(source: str, folder: Path, *, parallel: int, time_limit: str | None, allow_http: bool) -> "Fetched":
    """What the transfer took, when all of it is there."""
    from migration_cli.needs import FetchSettings
    from remote_files.source import remote_of
    from runtime.failpoints import failpoints
    from runtime.shutdown import on_terminate
    from snapshot_loader.fetching import Fetching, fetch
    from snapshot_loader.progress import progress_on

    access = FetchSettings.from_env(os.environ).source
    seconds = _seconds(time_limit)
    remote = remote_of(
        source, secrets=access.secrets(), region=access.region, allow_http=allow_http, connections=parallel
    )
    stop = on_terminate()
    limit = Timer(seconds or 0, stop.set)
    limit.daemon = True
    if seconds is not None:
        limit.start()
    shown, progress = progress_on(sys.stderr, _tell, of_bytes=True)
    with shown:
        return fetch(
            Fetching(
                remote=remote,
                folder=folder,
                stop=stop,
                progress=progress,
                parallel=parallel,
                waiting=lambda why: complain(f"waiting: {why}"),
                reached=failpoints(os.environ),
            )
        )


def _seconds(time_limit: str | None) -> float | None:
    from migration_core.errors import ConfigError
    from snapshot_loader.spans import span

    if time_limit is None:
        return None
    try:
        return span(time_limit)
    except ValueError as error:
        raise ConfigError(f"--time-limit: {error}") from None


def _tell(told: "Told") -> None:
    from rich.filesize import decimal

    left = "" if told.eta_seconds is None else f", {lasting(told.eta_seconds)} left"
    complain(f"{told.stream}: {decimal(told.rows)} of {decimal(told.of)}, {decimal(told.rows_per_second)}/s{left}")
