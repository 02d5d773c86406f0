"""The whole local replay in order: servers, schemas, source, snapshot, loader, master, workers, drain, check."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from rich.console import Console

from db.engine import Database, schema_url
from db.schema import create_schema, drop_schemas, upgrade
from examples import processed_schema
from examples.scenario import Scenario
from kafka_log.topics import TopicAdmin
from local_stack.choice import Chosen, choose
from migration_cli.registering import register_streams
from migration_core.service_rights import Service
from replay.children import Children
from replay.drain import Lag, watch_lag
from replay.plan import Plan, marker
from replay.source import INITIAL
from replay.steps import Steps
from replay.users import own_users
from replay.verify import drain_and_check
from work_queue.attributes import ensure_queue
from work_queue.client import client

_REGION = "us-east-1"
_WAIT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class _Places:
    """Where this replay keeps what it makes."""

    folder: Path

    @property
    def snapshot(self) -> Path:
        return self.folder / "snapshot"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"


def run(plan: Plan, console: Console, *, folder: Path) -> dict[str, object]:
    """Replay from nothing to a verdict; whatever happens, nothing is left running that this call started."""
    steps = Steps(console)
    places = _Places(folder / plan.example)
    scenario = plan.scenario()
    with _servers(steps) as chosen:
        environment = _environment(plan, scenario, chosen, places)
        database = Database(environment["DATABASE_URL"], pool_size=2)
        config = {"bootstrap.servers": chosen.servers.kafka_bootstrap}
        with steps.step("schemas"):
            _begin_anew(scenario, database, environment, config, places)
            database.close()
            # From here on nobody is root: each program has a user with the rights that it needs.
            users = own_users(environment.pop("DATABASE_URL"), scenario, f"replay_{plan.example}_")
        database = Database(users[Service.SCHEMA], pool_size=2)
        children = Children(environment, places.logs)
        try:
            return _replay(plan, scenario, database, users, children, places, steps, console)
        finally:
            children.stop()
            database.close()


def _replay(
    plan: Plan,
    scenario: Scenario,
    database: Database,
    users: Mapping[Service, str],
    children: Children,
    places: _Places,
    steps: Steps,
    console: Console,
) -> dict[str, object]:
    began_ms = time.time() * 1000
    with steps.step("live writer") as told:
        source = children.start("source", "replay", "source", *_arguments(plan))
        _wait_for(marker(places.snapshot, INITIAL), children)
        told("what the platform held is published, live changes begin")
    with steps.step("snapshot"):
        fuzzy = ["--fuzzy"] if scenario.fuzzy else []
        children.run("snapshot-take", "migration_cli", "snapshot", "take", str(places.snapshot), *fuzzy)
    children.start("migration-master", "migration_master", DATABASE_URL=users[Service.MASTER])
    for number in range(1, plan.workers + 1):
        children.start(f"migration-worker-{number}", "migration_worker", DATABASE_URL=users[Service.WORKER])
    children.start("migration-verifier", "migration_verifier", DATABASE_URL=users[Service.VERIFIER])
    over, lag = Event(), Lag(began_ms)
    watcher = Thread(target=watch_lag, args=(database, lag, over), daemon=True)
    watcher.start()
    try:
        with steps.step("loader"):
            children.run("snapshot-loader", "snapshot_loader", DATABASE_URL=users[Service.LOADER])
        with steps.step("writer stops"):
            while source.process.poll() is None:
                children.check()
                over.wait(_WAIT_SECONDS)
            children.stop(source)
    finally:
        over.set()
        watcher.join()
    return drain_and_check(
        database,
        users[Service.SCHEMA],
        {"bootstrap.servers": children.environment["KAFKA_BOOTSTRAP_SERVERS"]},
        scenario,
        places.snapshot,
        places.folder / "model",
        places.folder / "report",
        steps=steps,
        console=console,
        alive=children.check,
        lag=lag,
    )


@contextmanager
def _servers(steps: Steps) -> Iterator[Chosen]:
    with steps.step("servers up") as told:
        chosen = choose(say=told)
        told("")
    steps.console.print(f"  {chosen.why}")
    for line in chosen.servers.lines():
        steps.console.print(f"  {line}")
    try:
        yield chosen
    finally:
        chosen.stop()


def _begin_anew(
    scenario: Scenario, database: Database, environment: Mapping[str, str], config: Mapping[str, str], places: _Places
) -> None:
    """A replay begins with empty schemas, topics and folder: what an earlier one left is of no use to anybody."""
    shutil.rmtree(places.folder, ignore_errors=True)
    places.snapshot.mkdir(parents=True)
    url = environment["DATABASE_URL"]
    drop_schemas(url, database.schema, scenario.target_schema)
    create_schema(url, scenario.target_schema)
    upgrade(database)
    processed_schema.upgrade(url, scenario.target_schema, scenario.migrations)
    register_streams(database, scenario.mapping)
    admin = TopicAdmin(config)
    for topic in scenario.topics:
        admin.delete(topic.name)


def _environment(plan: Plan, scenario: Scenario, chosen: Chosen, places: _Places) -> dict[str, str]:
    # The SDK signs every request; the local server looks at no signature.
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "none")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "none")
    sqs = client(_REGION, endpoint=chosen.servers.sqs_endpoint)
    queue = ensure_queue(sqs, f"replay-{plan.example.replace('_', '-')}.fifo")
    return {
        "DATABASE_URL": schema_url(chosen.servers.mysql_url, f"replay_{plan.example}"),
        "KAFKA_BOOTSTRAP_SERVERS": chosen.servers.kafka_bootstrap,
        "SQS_QUEUE_URL": queue,
        "AWS_REGION": _REGION,
        "AWS_ENDPOINT_URL_SQS": chosen.servers.sqs_endpoint,
        "MIGRATION_CONFIG": str(scenario.mapping),
        "SNAPSHOT_DIR": str(places.snapshot),
        "HTTP_PORT": "0",
        "HTTP_HOST": "127.0.0.1",
    }


def _arguments(plan: Plan) -> list[str]:
    """The plan for another process of this replay."""
    given = {"example": plan.example, "users": plan.users, "months": plan.months, "seed": plan.seed}
    given["live-seconds"] = str(plan.live_seconds)
    return [part for name, value in given.items() if value is not None for part in (f"--{name}", str(value))]


def _wait_for(file: Path, children: Children) -> None:
    over = Event()
    while not file.exists():
        children.check()
        over.wait(_WAIT_SECONDS)
