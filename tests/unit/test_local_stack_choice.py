"""In which order the ways to servers are tried, and what is said where there is none."""

import pytest

from local_stack import choice
from local_stack.choice import Chosen, decide
from local_stack.kafka import container_environment
from local_stack.process import Process
from local_stack.servers import Servers
from migration_core.errors import ConfigError


@pytest.fixture
def env(tmp_path):
    return {"STACK_DIR": str(tmp_path)}


@pytest.fixture
def machine(monkeypatch):
    """`machine(docker=…, native=…)`: what stands against each, or None."""

    def is_so(*, docker: str | None = None, native: str | None = None) -> None:
        monkeypatch.setattr(choice, "_against_docker", lambda env, say: docker)
        monkeypatch.setattr(choice, "why_not", lambda: native)

    return is_so


def way(env):
    return decide(env, lambda line: None)


def test_docker_comes_first(env, machine):
    machine()

    assert way(env) == ("docker", "an engine answers and has the images")


def test_without_docker_the_reason_is_told(env, machine):
    machine(docker="no Docker engine answers")

    assert way(env) == ("native", "no Docker engine answers")


def test_servers_that_are_named_come_before_all(env, machine):
    machine()

    assert way(env | {"TEST_MYSQL_URL": "mysql://…", "STACK": "native"})[0] == "given"


def test_a_stack_that_a_person_keeps_up_comes_before_docker(env, machine, monkeypatch):
    machine()
    monkeypatch.setattr(choice.LocalStack, "kept", lambda stack: True)

    assert way(env) == ("native", "the local stack is up")


def test_docker_can_be_forced_over_a_stack_that_is_up(env, machine, monkeypatch):
    machine()
    monkeypatch.setattr(choice.LocalStack, "kept", lambda stack: True)

    assert way(env | {"STACK": "docker"}) == ("docker", "STACK=docker")


def test_no_way_at_all_names_both_reasons_and_the_remedy(env, machine):
    machine(docker="no Docker engine answers", native="this is Darwin arm64")

    with pytest.raises(
        ConfigError, match="no Docker engine answers, and this is Darwin arm64; start Docker, or set TEST"
    ):
        way(env)


def test_a_choice_can_be_handed_to_another_process():
    servers = Servers("mysql+pymysql://…", "127.0.0.1:1", "http://…", "9.7.4", "4.3.1", "1.7.1", origin="Docker")
    chosen = Chosen(servers, "docker", "servers: Docker, because …", Process(1, "boot/2"), ("one", "two"))

    assert Chosen.from_json(chosen.to_json()) == chosen


def test_the_image_gets_every_setting_because_one_replaces_all_of_its_own():
    settings = container_environment("localhost", 9092)

    assert settings["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://localhost:9092"
    assert settings["KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"] == "1"
    assert settings["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
