"""Settings: everything missing or wrong is named at once, and no secret is ever shown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from kafka_log.settings import FORCED
from migration_core.errors import ConfigError, Transient
from runtime.kafka_env import GUARANTEE
from runtime.settings import DatabaseAccess, KafkaAccess, LoaderSettings, MasterSettings, QueueAccess, Settings

SECRET = "s3cret/@:%"


class OnlyDatabase(Settings):
    database: DatabaseAccess


class OnlyKafka(Settings):
    kafka: KafkaAccess


class OnlyQueue(Settings):
    queue: QueueAccess


@pytest.fixture
def complete(tmp_path: Path) -> dict[str, str]:
    mapping = tmp_path / "migration.yaml"
    mapping.write_text("streams: {}")
    return {
        "DATABASE_HOST": "db.example",
        "DATABASE_NAME": "control",
        "DATABASE_USER": "writer",
        "DATABASE_PASSWORD": SECRET,
        "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "KAFKA_SASL_PASSWORD": SECRET,
        "SQS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/1/doorbells.fifo",
        "AWS_REGION": "eu-central-1",
        "MIGRATION_CONFIG": str(mapping),
        "SNAPSHOT_DIR": str(tmp_path),
    }


def test_an_empty_environment_names_every_missing_variable_in_one_message():
    with pytest.raises(ConfigError) as told:
        LoaderSettings.from_env({})

    for name in ("DATABASE_URL", "SQS_QUEUE_URL", "AWS_REGION", "MIGRATION_CONFIG", "SNAPSHOT_DIR"):
        assert f"{name} is missing" in str(told.value)
    assert "\n" not in str(told.value)


def test_wrong_values_and_missing_ones_are_told_together(complete):
    del complete["DATABASE_USER"]
    complete |= {
        "HTTP_PORT": "eighty",
        "LOG_LEVEL": "loud",
        "METRICS_EMF": "perhaps",
        "MIGRATION_CONFIG": "/nowhere.yaml",
        "SQS_QUEUE_URL": "https://sqs/standard-queue",
    }

    with pytest.raises(ConfigError) as told:
        MasterSettings.from_env(complete)

    for name in ("DATABASE_USER", "HTTP_PORT", "LOG_LEVEL", "METRICS_EMF", "MIGRATION_CONFIG", "SQS_QUEUE_URL"):
        assert name in str(told.value)


def test_a_misspelt_variable_is_pointed_out(complete):
    complete["SQS_QUEUE_ULR"] = complete.pop("SQS_QUEUE_URL")

    with pytest.raises(ConfigError, match=r"SQS_QUEUE_URL is missing \(did you mean SQS_QUEUE_ULR, which is set\?\)"):
        MasterSettings.from_env(complete)


def test_an_empty_variable_counts_as_missing(complete):
    with pytest.raises(ConfigError, match="AWS_REGION is missing"):
        MasterSettings.from_env(complete | {"AWS_REGION": ""})


def test_defaults_are_those_of_the_handbook(complete):
    settings = MasterSettings.from_env(complete)

    assert (settings.http.port, settings.output.level, settings.output.format) == (8080, "INFO", "json")
    assert settings.output.emf is False
    assert settings.queue.endpoint is None


def test_no_secret_is_printed_by_any_way(complete):
    settings = MasterSettings.from_env(complete)

    shown = f"{settings!r} {settings} {settings.effective()} {settings.model_dump()}"

    assert SECRET not in shown
    assert "s3cret" not in shown
    assert settings.effective()["DATABASE_URL"] == "mysql+pymysql://writer:***@db.example:3306/control"
    assert settings.effective()["KAFKA_SASL_PASSWORD"] == "**********"
    assert settings.effective()["KAFKA_BOOTSTRAP_SERVERS"] == "kafka:9092"


def test_a_wrong_url_is_refused_without_quoting_its_password():
    for url in (f"postgres://u:{SECRET}@h/c", "mysql+pymysql://u:s3cret@h/", "nonsense s3cret"):
        with pytest.raises(ConfigError, match="must name a MySQL schema") as told:
            OnlyDatabase.from_env({"DATABASE_URL": url})
        assert "s3cret" not in str(told.value)


@given(user=st.text(min_size=1), password=st.text(min_size=1), name=st.text(min_size=1))
def test_any_user_password_and_name_survive_the_way_into_the_url(user, password, name):
    # A name of one space or slash is no schema that anybody has, and urlsplit sees none in it either.
    parts = {"DATABASE_HOST": "h", "DATABASE_USER": user, "DATABASE_PASSWORD": password, "DATABASE_NAME": name}
    if any(0xD800 <= ord(character) <= 0xDFFF for text in parts.values() for character in text):
        return

    url = make_url(OnlyDatabase.from_env(parts).database.url())

    assert (url.username, url.password, url.database) == (user, password, name)
    assert url.port == 3306


def test_the_authority_of_a_managed_server_becomes_part_of_the_url():
    env = {"DATABASE_URL": "mysql+pymysql://u:p@h/c?charset=utf8mb4", "DATABASE_CA": "/etc/ca one.pem"}

    url = make_url(OnlyDatabase.from_env(env).database.url())

    assert dict(url.query) == {"charset": "utf8mb4", "ssl_ca": "/etc/ca one.pem"}


def test_the_url_and_its_parts_together_are_refused():
    with pytest.raises(ConfigError, match="both set"):
        OnlyDatabase.from_env({"DATABASE_URL": "mysql+pymysql://u:p@h/c", "DATABASE_PASSWORD_FILE": "/run/secret"})


def test_a_secret_in_a_file_is_read_afresh_at_each_connect(tmp_path):
    file = tmp_path / "password"
    file.write_text("first\n")
    env = {"DATABASE_HOST": "h", "DATABASE_USER": "u", "DATABASE_NAME": "c", "DATABASE_PASSWORD_FILE": str(file)}
    database = OnlyDatabase.from_env(env).database

    file.write_text("second")

    assert make_url(database.url()).password == "second"


def test_a_secret_that_vanishes_while_running_is_worth_another_try_and_at_start_it_is_not(tmp_path):
    file = tmp_path / "url"
    file.write_text("mysql+pymysql://u:p@h/c")
    env = {"DATABASE_URL_FILE": str(file)}
    database = OnlyDatabase.from_env(env).database

    file.unlink()

    with pytest.raises(Transient, match="DATABASE_URL_FILE"):
        database.url()
    with pytest.raises(ConfigError, match="DATABASE_URL_FILE"):
        OnlyDatabase.from_env(env)


def test_a_file_with_two_lines_is_no_password(tmp_path):
    file = tmp_path / "password"
    file.write_text("one\ntwo\n")
    env = {"DATABASE_HOST": "h", "DATABASE_USER": "u", "DATABASE_NAME": "c", "DATABASE_PASSWORD_FILE": str(file)}

    with pytest.raises(ConfigError, match="must hold exactly one line"):
        OnlyDatabase.from_env(env)


def test_kafka_variables_become_the_clients_own_names(tmp_path):
    file = tmp_path / "sasl"
    file.write_text("hush\n")
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": "a:9092,b:9092",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_PASSWORD_FILE": str(file),
        "KAFKA_SASL_OAUTHBEARER_ASSERTION_FILE": "/etc/assertion",
        "KAFKA_OPTS": "-Xmx1g",
        "KAFKA_SERVICE_HOST": "10.0.0.1",
        "KAFKA_PORT_9092_TCP": "tcp://10.0.0.1:9092",
    }

    assert OnlyKafka.from_env(env).kafka.config() == {
        "bootstrap.servers": "a:9092,b:9092",
        "security.protocol": "SASL_SSL",
        "sasl.password": "hush",
        "sasl.oauthbearer.assertion.file": "/etc/assertion",
    }


@pytest.mark.parametrize(
    "variable",
    [
        "KAFKA_ENABLE_AUTO_COMMIT",
        "KAFKA_ENABLE_AUTO_OFFSET_STORE",
        "KAFKA_AUTO_OFFSET_RESET",
        "KAFKA_ISOLATION_LEVEL",
        "KAFKA_CHECK_CRCS",
        "KAFKA_ENABLE_PARTITION_EOF",
        "KAFKA_ALLOW_AUTO_CREATE_TOPICS",
    ],
)
def test_what_carries_the_guarantee_cannot_be_set_from_outside(variable):
    with pytest.raises(ConfigError, match=f"{variable} is refused"):
        OnlyKafka.from_env({"KAFKA_BOOTSTRAP_SERVERS": "k:1", variable: "false"})


def test_what_is_refused_here_is_what_the_reader_forces():
    assert frozenset(FORCED) == GUARANTEE


def test_the_brokers_own_env_file_is_recognised():
    with pytest.raises(ConfigError, match=r"KAFKA_ADVERTISED_LISTENERS belongs to the broker.*KAFKA_NODE_ID belongs"):
        OnlyKafka.from_env({"KAFKA_NODE_ID": "1", "KAFKA_ADVERTISED_LISTENERS": "x", "KAFKA_BOOTSTRAP_SERVERS": "k:1"})


def test_the_region_may_come_under_the_sdks_older_name():
    env = {"SQS_QUEUE_URL": "http://sqs/q.fifo", "AWS_DEFAULT_REGION": "eu-west-1"}

    assert OnlyQueue.from_env(env).queue.region == "eu-west-1"
