"""Marked secrets and marked personal values, everywhere that they might come out: in none of them do they."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from sqlalchemy.engine import make_url

from examples.health_devices import scenario as health_devices
from kafka_log.producer import LogWriter
from runtime.settings import MasterSettings
from tests.integration.command_line import Cli
from tests.integration.migrating import MASTER, WORKER, Migrating, migrating
from tests.servers import own
from tests.waiting import until

pytestmark = pytest.mark.servers

MARK = "canary"
SECRETS = {
    "AWS_ACCESS_KEY_ID": "canaryAWSID",
    "AWS_SECRET_ACCESS_KEY": "canaryAWS",
    "KAFKA_SASL_PASSWORD": "canarySASL",
    "KAFKA_SSL_KEY_PASSWORD": "canarySSL",
    "CUTOVER_FREEZE_HOOK": "http://127.0.0.1:9/canaryHOOK",
    "LOG_LEVEL": "DEBUG",
}
GOOD = {
    "userID": "canaryKEY", "region": "us", "loginName": "canaryPERSON@mail.example", "emailVerified": True,
    "createdAt": 1551073399571, "modifiedAt": "2019-02-25T11:26:38Z", "passwordHash": "canaryHASH",
    "profile": {"displayName": "canaryPERSON", "birthDate": "1969-06-16"}, "consents": [],
}  # fmt: skip
BAD = {
    "not JSON": b'{"userID":"canaryKEY","loginName":"canaryPERSON"',
    "twice": b'{"userID":"canaryKEY","canaryPERSON":1,"canaryPERSON":2}',
    "another key": json.dumps({**GOOD, "userID": "canaryOTHER"}).encode(),
    "a wrong type": json.dumps({**GOOD, "createdAt": "canaryPERSON"}).encode(),
    "too long": json.dumps({**GOOD, "region": "canaryPERSON" * 100}).encode(),
    "half a character": b'{"userID":"canaryKEY","loginName":"canaryPERSON\\ud800"}',
}


class Told:
    """Everything that was said, by who said it."""

    def __init__(self) -> None:
        self.by: dict[str, str] = {}

    def marked(self) -> dict[str, str]:
        """What holds a mark, with the line that does."""
        return {
            name: next(line for line in text.splitlines() if MARK in line)[:300]
            for name, text in self.by.items()
            if MARK in text
        }


@pytest.fixture(scope="module")
def ran(servers, tmp_path_factory) -> Iterator[tuple[Migrating, Told]]:
    folder = tmp_path_factory.mktemp("marked")
    told = Told()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        with migrating(servers, health_devices.scenario(5), folder) as world, user_with_secret(world):
            everything(world, told)
            yield world, told


@contextmanager
def user_with_secret(world: Migrating) -> Iterator[None]:
    """Everybody who logs in does so with a marked password."""
    name = own.fresh("marked")
    with world.database.transaction() as session:
        session.execute(f"CREATE USER {name} IDENTIFIED BY 'canaryMYSQL'")
        session.execute(f"GRANT ALL ON *.* TO {name}")
    url = make_url(world.environment["DATABASE_URL"]).set(username=name, password="canaryMYSQL")
    world.environment["DATABASE_URL"] = url.render_as_string(hide_password=False)
    try:
        yield
    finally:
        with world.database.transaction() as session:
            session.execute(f"DROP USER {name}")


def everything(world: Migrating, told: Told) -> None:
    """Publish, load, store, ring and apply; look at whatever can be looked at meanwhile."""
    world.publish_initial()
    world.take_snapshot()
    publish(world)
    world.start("loader-1", "snapshot_loader")
    world.start("master-1", MASTER)
    world.until(lambda: drained(world, "unread"), "storing")
    told.by["doorbells"] = str(until(lambda: doorbells(world), "a doorbell"))
    world.start("worker-1", WORKER)
    world.start("verifier-1", "migration_verifier")
    world.until(lambda: drained(world, "pending"), "applying")
    for name in ("master-1", "worker-1", "verifier-1"):
        for path in ("/healthz", "/readyz", "/metrics"):
            told.by[f"{name} {path}"] = asked(world.folder / f"logs/{name}.log", path)
    told.by["command lines"] = "\n".join(command_lines())
    world.children.stop()
    for file in (world.folder / "logs").glob("*.log"):
        told.by[file.name] = file.read_text()


def doorbells(world: Migrating) -> list[object]:
    """With all that a receiver may ask for; they stay in the queue."""
    return world.queue.receive_message(
        QueueUrl=world.environment["SQS_QUEUE_URL"],
        MaxNumberOfMessages=10,
        VisibilityTimeout=0,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    ).get("Messages", [])


def publish(world: Migrating) -> None:
    writer = LogWriter(world.config)
    topic = next(topic.name for topic in world.scenario.topics if topic.name.endswith("users"))
    for value in (json.dumps(GOOD).encode(), *BAD.values()):
        writer.produce(topic, value, key=b'{"userID":"canaryKEY"}', partition=0)
    writer.produce(topic, b"canaryPERSON", key=b"canaryKEY", partition=0)
    writer.flush()


def drained(world: Migrating, what: str) -> bool:
    with world.database.transaction() as session:
        if what == "unread":
            (found,) = session.one("SELECT SUM(next_offset) FROM source_offset") or (0,)
            return int(found or 0) >= world.written + len(BAD) + 2
        (found,) = session.one(
            "SELECT SUM(h.head > p.applied) FROM lane_head h JOIN lane_progress p USING (stream_id, lane)"
        ) or (1,)
        return not found


def asked(log: Path, path: str) -> str:
    (port,) = until(
        lambda: [json.loads(line)["port"] for line in log.read_text().splitlines() if '"http_listening"' in line],
        f"{log} tells its port",
    )
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return f"{answer.headers}{answer.read().decode()}"
    except HTTPError as error:
        return f"{error.headers}{error.read().decode()}"


def command_lines() -> Iterator[str]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended


def test_no_service_tells_a_secret_or_a_value(ran):
    _, told = ran

    assert told.marked() == {}
    assert len(told.by) >= 4 + 9 + 2
    assert all(told.by.values())


def test_the_planted_records_were_rejected_and_their_patterns_are_told_without_them(ran, cli):
    patterns = cli.json("rejects", "list")

    assert sum(one["rejects"] for one in patterns) >= len(BAD)
    assert MARK not in str(patterns)


@pytest.fixture
def cli(ran, monkeypatch, capsys) -> Cli:
    world, _ = ran
    made = Cli("", monkeypatch, capsys)
    made.env |= {**SECRETS, **world.environment}
    return made


COMMANDS = [
    "check", "preflight", "status", "ledger", "ledger --by partition", "rejects list", "verify --workers 1",
    "verify --list", "report --out {folder}/report", "schema grants", "schema current", "schema compare",
    "breaker", "throttle", "cutover status", "cutover run --rehearse",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_tells_a_secret_or_a_value(ran, cli, command):
    _, out, err = cli.run(*command.format(folder=ran[0].folder).split())

    assert out + err
    assert MARK not in out + err


def test_a_pattern_and_its_report_are_told_without_the_values(ran, cli):
    for pattern in cli.json("rejects", "list"):
        _, out, err = cli.run("rejects", "show", pattern["pattern"])
        assert MARK not in out + err

    for file in (ran[0].folder / "report").rglob("*"):
        assert not file.is_file() or MARK.encode() not in file.read_bytes(), file


WRONG = {
    "a wrong password": {"DATABASE_URL": "{wrong}"},
    "no server": {"DATABASE_URL": "mysql+pymysql://u:canaryMYSQL@127.0.0.1:9/c"},
    "no URL": {"DATABASE_URL": "canaryMYSQL"},
    "a port that is none": {"DATABASE_URL": "mysql+pymysql://u:canaryMYSQL@h:eighty/c"},
    "another database": {"DATABASE_URL": "postgres://u:canaryMYSQL@h/c"},
    "a query that is not understood": {"DATABASE_URL": "mysql+pymysql://u:canaryMYSQL@127.0.0.1:9/c?ssl_x=1"},
    "a schema that is not there": {"DATABASE_URL": "{server}/not_there"},
    "no broker": {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"},
    "a setting of Kafka that is none": {"KAFKA_NO_SUCH_PASSWORD": "canarySASL"},
    "a queue that is none": {"SQS_QUEUE_URL": "http://user:canaryAWS@127.0.0.1:9/x"},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_no_failing_command_tells_a_secret(ran, cli, changes):
    url = cli.env["DATABASE_URL"]
    places = {"server": url.rpartition("/")[0], "wrong": url.replace("canaryMYSQL", "canaryWRONG")}
    cli.env |= {name: value.format(**places) for name, value in changes.items()}

    for command in ("check", "status", "schema upgrade"):
        code, out, err = cli.run(*command.split())
        assert MARK not in out + err, command
        assert "Traceback" not in err
        assert code or not changes.get("DATABASE_URL")


@pytest.mark.parametrize("module", ["migration_master", "migration_worker", "migration_verifier", "snapshot_loader"])
def test_no_service_that_cannot_start_tells_a_secret(ran, module):
    world, _ = ran
    wrong = {"DATABASE_URL": world.environment["DATABASE_URL"].replace("canaryMYSQL", "canaryWRONG")}

    child = world.children.start(f"wrong-{module}", module, **wrong)
    code = child.process.wait(60)

    assert code
    log = child.log.read_text()
    assert "1045" in log
    assert MARK not in log


def test_what_the_effective_configuration_shows_is_hidden(cli):
    replica = {"DATABASE_REPLICA_URL": "mysql+pymysql://u:canaryREPLICA@h/c"}

    shown = MasterSettings.from_env(cli.env | replica).effective()

    assert MARK not in str(shown)
    assert shown["KAFKA_SASL_PASSWORD"] == "**********"
