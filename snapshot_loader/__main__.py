"""Wires the loader: settings, manifest, store, queue and progress."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Timer

from db.engine import Database
from db.registry import expect_rules, registered
from db.schema import current, head
from migration_core.errors import Transient
from migration_core.manifest import FILE_NAME, StreamSnapshot
from migration_core.steps import Step
from runtime.exits import run
from runtime.failpoints import failpoints
from runtime.mapping_file import compiled
from runtime.service import Service, service
from runtime.settings import LoaderSettings
from snapshot_loader.folder import chosen, expect_files, read_manifest
from snapshot_loader.loading import LoadParts, StreamLoad
from snapshot_loader.progress import MeteredProgress, progress_on
from snapshot_loader.reading import Bounds
from snapshot_loader.spans import span
from snapshot_loader.stopping import Insistence
from work_queue.client import client
from work_queue.queue import WorkQueue

_SWITCH_SECONDS = 0.0005
"""MySQL's answer waits until the thread that parses gives up the interpreter: Python's own 5 ms would add up."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the snapshot in SNAPSHOT_DIR, from wherever an earlier run stopped."""
    options = _options(arguments)
    sys.setswitchinterval(_SWITCH_SECONDS)
    settings = LoaderSettings.from_env(os.environ)
    database = Database(settings.database.url)

    def schema_at_head() -> None:
        if current(database) != head():
            raise Transient("the control schema is not at this version's head: run `migration schema upgrade`")

    with service("snapshot_loader", settings, {"database": schema_at_head}) as around:
        limit = Timer(options.time_limit or 0, around.stop.set)
        limit.daemon = True
        if options.time_limit:
            limit.start()
        insistence = Insistence(around.stop, around.heartbeat.beat)
        insistence.surely(schema_at_head, "the store")
        _load(settings, database, insistence, around, options)
        limit.cancel()
    database.close()
    return 0


def _load(
    settings: LoaderSettings, database: Database, insistence: Insistence, around: Service, options: Namespace
) -> None:
    reached = failpoints(os.environ)
    folder: Path = settings.snapshot.path
    mapping = compiled(settings.mapping.path)
    snapshots = chosen(read_manifest(folder), mapping.streams, options.stream, file=str(folder / FILE_NAME))
    for snapshot in snapshots:
        expect_files(folder, snapshot)
    reached(Step.LOADER_MANIFEST_VERIFIED)
    queue = WorkQueue(client(settings.queue.region, endpoint=settings.queue.endpoint), settings.queue.url)
    shown, progress = progress_on(sys.stderr)

    def counted(stream: str, rows: int) -> None:
        around.metrics.received.labels(stream).inc(rows)

    def load_of(snapshot: StreamSnapshot) -> StreamLoad:
        rules = mapping.streams[snapshot.name]
        stream = insistence.surely(partial(registered, database, snapshot.name), "the store")
        expect_rules(stream, lanes=rules.lanes, partial=rules.partial)
        return StreamLoad(
            LoadParts(
                database=database,
                folder=folder,
                snapshot=snapshot,
                stream=stream,
                key_of=rules.key_of,
                ring=queue.ring,
                insistence=insistence,
                progress=MeteredProgress(progress, counted),
                reached=reached,
                bounds=Bounds(rows=options.chunk_rows),
            )
        )

    with shown:
        # All of them are registered first, so that the master reads every topic while parts load.
        begun = [(load, load.register()) for load in map(load_of, snapshots)]
        for load, stored in begun if not options.register_only else ():
            load.load(stored)
    queue.close()


def _options(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="snapshot_loader", description="Loads the snapshot in SNAPSHOT_DIR into raw tables.")
    parser.add_argument("--time-limit", type=span, help="stop at a checkpoint after this time, with exit code 75: 10m")
    parser.add_argument("--stream", action="append", default=[], help="load only this stream; may be repeated")
    parser.add_argument("--register-only", action="store_true", help="record offsets and parts, and load nothing yet")
    parser.add_argument("--chunk-rows", type=int, default=Bounds().rows, help="rows of one transaction, at most")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(run(main))
