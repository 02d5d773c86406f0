"""What servers are accepted, and which line of a log is the cause of a death."""

from uuid import UUID

import pytest

from local_stack.choice import choose, decide
from local_stack.elasticmq import ElasticMq
from local_stack.kafka import Kafka, cluster_id
from local_stack.mysql import MySql, refuse_others
from local_stack.servers import ServerFailed, Servers
from migration_core.errors import ConfigError


@pytest.mark.parametrize(
    ("version", "comment", "reason"),
    [
        ("10.11.14-MariaDB-0+deb12u2", "Debian 12", "MariaDB"),
        ("11.8.2", "mariadb.org binary distribution", "MariaDB"),
        ("8.4.6", "MySQL Community Server - GPL", "9.7 or later"),
        ("9.6.0", "MySQL Community Server - GPL", "9.7 or later"),
    ],
)
def test_servers_that_would_prove_nothing_are_refused(version, comment, reason):
    with pytest.raises(ServerFailed, match=reason):
        refuse_others(version, comment)


@pytest.mark.parametrize("version", ["9.7.0", "9.7.4-2", "9.10.1", "10.0.0"])
def test_mysql_from_9_7_on_is_taken(version):
    refuse_others(version, "(Debian)")


@pytest.mark.parametrize(
    ("server", "log", "cause"),
    [
        (
            MySql(),
            (
                "2026-11-21T10:33:16.3Z 0 [Warning] [MY-010097] [Server] Insecure configuration\n"
                "2026-11-21T10:33:17.0Z 0 [ERROR] [MY-010119] [Server] Aborting\n"
                "2026-11-21T10:33:17.1Z 1 [ERROR] [MY-012574] [InnoDB] Unable to lock ./ibdata1 error: 11\n"
            ),
            "Unable to lock ./ibdata1 error: 11",
        ),
        (
            Kafka(),
            (
                "2026-11-21 10:33:16,380 WARN something (a.B)\n"
                "2026-11-21 10:33:17,380 ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)\n"
            ),
            "Exiting Kafka due to fatal exception (kafka.Kafka$)",
        ),
        (
            ElasticMq(),
            (
                "10:33:12.664 [main] INFO  org.elasticmq.server.Main$ - Starting\n"
                'Exception in thread "main" java.net.BindException: Address already in use\n'
            ),
            "java.net.BindException: Address already in use",
        ),
        (MySql(), "2026-11-21T10:33:16.3Z 0 [System] [MY-015015] [Server] MySQL Server - start.\n", None),
    ],
)
def test_the_cause_of_a_death_is_one_line_of_the_log(server, log, cause):
    assert server.cause(log) == cause


def test_servers_survive_a_trip_through_a_file():
    servers = Servers("mysql+pymysql://r:r@h:1/", "h:2", "http://h:3", "9.7.4", "4.3.1", "1.7.1", "given")

    assert Servers.from_json(servers.to_json()) == servers


def silent(line: str) -> None:
    raise AssertionError(f"nothing is to be said: {line}")


def test_some_named_servers_are_refused_with_the_names_of_the_others():
    with pytest.raises(ConfigError, match="TEST_KAFKA_BOOTSTRAP_SERVERS, TEST_SQS_ENDPOINT"):
        choose({"TEST_MYSQL_URL": "mysql+pymysql://r:r@127.0.0.1:1/"}, say=silent)


def test_named_servers_that_do_not_answer_are_named():
    env = {
        "TEST_MYSQL_URL": "mysql+pymysql://r:r@127.0.0.1:1/",
        "TEST_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "TEST_SQS_ENDPOINT": "http://127.0.0.1:1",
    }

    with pytest.raises(ServerFailed, match="MySQL and Kafka and SQS"):
        choose(env, say=silent)


def test_a_way_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="STACK=podman: write docker or native"):
        decide({"STACK": "podman"}, silent)


def test_a_forced_way_is_not_questioned(tmp_path):
    assert decide({"STACK": "native", "STACK_DIR": str(tmp_path)}, silent) == ("native", "STACK=native")


def test_docker_that_does_not_answer_leaves_the_native_way_and_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")

    way, reason = decide({"STACK_DIR": str(tmp_path)}, silent)

    assert way == "native"
    assert "no Docker engine answers" in reason
    with pytest.raises(ConfigError, match="STACK=docker, but no Docker engine answers"):
        decide({"STACK": "docker", "STACK_DIR": str(tmp_path)}, silent)


def test_a_cluster_has_an_id_that_passes_for_no_option():
    assert cluster_id(UUID(int=0b111110 << 122))[0] != "-"
