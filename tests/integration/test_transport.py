"""The ways to MySQL and Kafka, kept from others: TLS in each mode, SASL, and what a wrong key or password says."""

import json
import time
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from aws_msk_iam_sasl_signer import MSKAuthTokenProvider

from db.engine import Database, schema_url
from db.server_facts import transport
from kafka_log.producer import LogWriter
from kafka_log.reader import LogReader, Start
from kafka_log.topics import TopicAdmin
from kafka_log.watermarks import LogView
from local_stack.stack import why_not
from migration_core.errors import ConfigError
from runtime.settings import DatabaseAccess, KafkaAccess
from tests.integration.command_line import Cli
from tests.servers import secure
from tests.waiting import until

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(why_not() is not None, reason=f"no native servers here: {why_not()}"),
]

PASSWORD = "canary-4711"
PROTOCOLS = ["SSL", "SASL_PLAINTEXT", "SASL_SSL"]


class Secure:
    """One MySQL, whose certificate names localhost alone, and one Kafka, whose certificate names 127.0.0.1."""

    def __init__(self, folder, started: ExitStack) -> None:
        self.ours = secure.Authority(folder, "ours")
        self.other = secure.Authority(folder, "other")
        with ThreadPoolExecutor() as together:
            mysql = together.submit(started.enter_context, secure.mysql(folder, self.ours, "localhost"))
            kafka = together.submit(started.enter_context, secure.kafka(folder, self.ours, PASSWORD))
            self.url, self.kafka = schema_url(mysql.result(), "mysql"), kafka.result()

    def by_name(self) -> str:
        return self.url.replace("127.0.0.1", "localhost")

    def kafka_env(self, protocol: str, **changes: str) -> dict[str, str]:
        sasl = {
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": secure.USER,
            "KAFKA_SASL_PASSWORD": PASSWORD,
        }
        env = self.kafka.environment(protocol)
        env |= sasl if "SASL" in protocol else {}
        env |= {"KAFKA_SSL_CA_LOCATION": str(self.ours.file)} if "SSL" in protocol.replace("SASL", "") else {}
        return env | changes


@pytest.fixture(scope="module")
def safe(tmp_path_factory):
    with ExitStack() as started:
        yield Secure(tmp_path_factory.mktemp("secure"), started)


@pytest.fixture
def cli(monkeypatch, capsys) -> Cli:
    return Cli("", monkeypatch, capsys)


# MySQL


def connected(url, **env):
    """How a session of these variables is protected."""
    access = DatabaseAccess.model_validate({"DATABASE_URL": url, **env})
    database = Database(access.url, pool_size=1)
    try:
        return transport(database)
    finally:
        database.close()


def test_an_authority_alone_means_that_the_server_must_be_the_one_that_is_named(safe):
    found = connected(safe.by_name(), DATABASE_CA=str(safe.ours.file))

    assert (found.mode, found.cipher[:4]) == ("VERIFY_IDENTITY", "TLS_")


def test_a_server_under_another_name_than_its_certificates_is_refused_unless_only_its_authority_counts(safe):
    with pytest.raises(ConfigError, match=r"the certificate of the server at 127\.0\.0\.1 is not accepted: IP address"):
        connected(safe.url, DATABASE_CA=str(safe.ours.file))

    assert connected(safe.url, DATABASE_CA=str(safe.ours.file), DATABASE_SSL_MODE="verify_ca").cipher


@pytest.mark.parametrize("mode", ["VERIFY_CA", "VERIFY_IDENTITY"])
def test_a_server_of_another_authority_is_refused(safe, mode):
    with pytest.raises(ConfigError, match=r"is not accepted: .*; DATABASE_CA must name the authority that signed it"):
        connected(safe.by_name(), DATABASE_CA=str(safe.other.file), DATABASE_SSL_MODE=mode)


def test_no_authority_means_the_systems_own(safe):
    with pytest.raises(ConfigError, match="is not accepted"):
        connected(safe.by_name(), DATABASE_SSL_MODE="VERIFY_IDENTITY")


def test_where_nothing_is_verified_it_is_private_at_least(safe):
    assert connected(safe.url).cipher
    assert connected(safe.url, DATABASE_SSL_MODE="REQUIRED").cipher


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"DATABASE_CA": "/nowhere.pem"}, "/nowhere.pem cannot be read .No such file or directory.; mend DATABASE_CA"),
        ({"DATABASE_CA": __file__}, r"cannot be read .*; mend DATABASE_CA"),
        (
            {"DATABASE_SSL_MODE": "perhaps"},
            "ssl_mode PERHAPS is none of PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY",
        ),
    ],
)
def test_what_cannot_be_demanded_is_told_and_never_passed_over(safe, env, told):
    with pytest.raises(ConfigError, match=told):
        connected(safe.url, **env)


@pytest.mark.parametrize("parameter", ["ssl_verify_cert=true", "ssl_cert=/x", "ssl_disabled=1"])
def test_a_word_for_tls_that_is_not_understood_is_refused(safe, parameter):
    with pytest.raises(ConfigError, match=f"{parameter.partition('=')[0]}, which would be passed over"):
        connected(f"{safe.url}?{parameter}")


def test_a_command_says_what_is_wrong_with_the_certificate_and_ends_with_two(safe, cli):
    cli.env |= {"DATABASE_URL": safe.by_name(), "DATABASE_CA": str(safe.other.file)}

    code, out, err = cli.run("status")

    assert (code, out) == (2, "")
    assert err.startswith("the certificate of the server at localhost is not accepted")
    assert "Traceback" not in err


# Kafka


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_records_go_and_come_by_every_protected_way(safe, protocol):
    config = KafkaAccess.model_validate(safe.kafka_env(protocol)).config()
    topic = f"by_{protocol.lower()}"
    TopicAdmin(config).create(topic)
    writer = LogWriter(config)
    writer.produce(topic, b"value")
    writer.flush()
    reader = LogReader(config)
    reader.assign([Start(topic, 0, 0)])

    batches = until(lambda: [one for one in reader.read(1, 1.0) if one.records], "the record")

    reader.close()
    assert [record.value for batch in batches for record in batch.records] == [b"value"]
    assert LogView(config).watermarks([(topic, 0)])[topic, 0].high == 1


class Signer:
    """Stands for MSK's: tokens that any listener of ours takes, and how often one was asked for."""

    def __init__(self) -> None:
        self.seconds = 900
        self.made: list[str] = []
        self.failed = 0
        self.works = True

    def __call__(self, region: str) -> tuple[str, int]:
        if not self.works:
            self.failed += 1
            raise ValueError("the role is away")
        self.made.append(region)
        ends = int(time.time()) + self.seconds
        parts = ({"alg": "none"}, {"sub": "role", "iat": ends - 1000, "exp": ends})
        jws = ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        return f"{jws}.", ends * 1000


@pytest.fixture
def signer(monkeypatch):
    found = Signer()
    monkeypatch.setattr(MSKAuthTokenProvider, "generate_auth_token", found)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    return found


@pytest.fixture
def by_token(safe, signer):
    """Settings for MSK's IAM, of a broker that takes any token."""
    told = {"KAFKA_SASL_MECHANISM": "AWS_MSK_IAM", "KAFKA_SSL_CA_LOCATION": str(safe.ours.file)}
    return KafkaAccess.model_validate(safe.kafka.environment("SASL_SSL") | told).config()


def test_records_go_and_come_by_tokens_of_iam(by_token, signer):
    TopicAdmin(by_token).create("by_token")
    writer = LogWriter(by_token)
    writer.produce("by_token", b"value")
    writer.flush()
    reader = LogReader(by_token)
    reader.assign([Start("by_token", 0, 0)])

    batches = until(lambda: [one for one in reader.read(1, 1.0) if one.records], "the record")

    reader.close()
    assert [record.value for batch in batches for record in batch.records] == [b"value"]
    assert LogView(by_token).watermarks([("by_token", 0)])["by_token", 0].high == 1
    assert set(signer.made) == {"eu-central-1"}


def test_a_token_is_renewed_before_it_ends_and_a_failure_to_do_so_ends_nothing(by_token, signer):
    signer.seconds = 6  # the client asks for the next one behind four fifths of it
    reader = LogReader(by_token)
    reader.assign([Start("nowhere", 0, 0)])
    first = len(signer.made)

    while len(signer.made) == first:
        reader.read(1, 0.1)
    signer.works = False
    while not signer.failed:
        reader.read(1, 0.1)
    reader.read(1, 0.1)

    reader.close()


WRONG = [
    ("SASL_PLAINTEXT", {"KAFKA_SASL_PASSWORD": "canary-wrong"}, "invalid credentials"),
    ("SASL_SSL", {"KAFKA_SASL_USERNAME": "nobody"}, "invalid credentials"),
    ("SASL_SSL", {"KAFKA_SSL_CA_LOCATION": "other"}, "certificate verify failed"),
    ("SSL", {"KAFKA_SSL_CA_LOCATION": "other"}, "certificate verify failed"),
    ("SSL", {"KAFKA_SSL_CA_LOCATION": "/nowhere.pem"}, "ssl.ca.location"),
    ("SASL_SSL", {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"}, "mechanism"),
]


@pytest.mark.parametrize(("protocol", "changes", "told"), WRONG, ids=lambda one: str(one)[:40])
def test_a_wrong_password_or_authority_is_told_as_what_it_is(safe, cli, protocol, changes, told):
    changes = {name: str(safe.other.file) if value == "other" else value for name, value in changes.items()}
    config = KafkaAccess.model_validate(safe.kafka_env(protocol, **changes)).config()

    with pytest.raises(ConfigError, match=told) as refused:
        LogView(config).check()

    assert "canary" not in str(refused.value)


def test_a_command_tells_a_wrong_password_from_a_broker_that_is_away(safe, cli, tmp_path):
    (tmp_path / "m.yaml").write_text(
        "target_schema: t\nstreams:\n  a:\n    topic: legacy.a\n    key: $.id\n"
        "    tables:\n      a:\n        key: id\n        columns: {id: $.id}\n"
    )
    cli.env |= safe.kafka_env("SASL_SSL", KAFKA_SASL_PASSWORD="canary-wrong")
    cli.env |= {"DATABASE_URL": safe.url, "MIGRATION_CONFIG": str(tmp_path / "m.yaml")}

    found = [one for one in cli.json("check", code=1) if one["part"] == "topics" and one["verdict"] != "pass"]

    assert [one["verdict"] for one in found] == ["fail"]
    assert "invalid credentials" in found[0]["found"]
    assert "canary" not in str(found)
