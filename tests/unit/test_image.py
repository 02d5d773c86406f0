"""The image and the compose file: nobody is root, nothing can be written, and no secret is baked in."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
COMPOSE = YAML(typ="safe").load(ROOT / "docker-compose.yml")
SERVERS = ("mysql", "kafka", "sqs")
OURS = {name: service for name, service in COMPOSE["services"].items() if name not in SERVERS}
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|ACCESS_KEY|PRIVATE")


def test_the_image_runs_as_nobody_in_particular():
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert DOCKERFILE.index("USER 10001") < DOCKERFILE.index("ENTRYPOINT")


def test_the_image_holds_what_the_lock_names_and_no_secret():
    assert "--require-hashes" in DOCKERFILE
    for instruction in re.findall(r"^(?:ARG|ENV|LABEL) .+$", DOCKERFILE, re.MULTILINE):
        assert not SECRET.search(instruction)


def test_nothing_gets_into_the_image_that_is_not_named():
    lines = (ROOT / ".dockerignore").read_text().split()

    assert lines[0] == "*"
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert {name.strip("./") for name in re.findall(r"^COPY (?!--from)(.+) \./", DOCKERFILE, re.MULTILINE)} <= {
        *kept,
        "pyproject.toml LICENSE",
    }
    assert not {name for name in kept if name.startswith(".") or "env" in name}


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_containers_can_change_nothing_and_become_nobody_else(name):
    service = OURS[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]
    assert not service.keys() & {"privileged", "cap_add", "user", "pid", "network_mode", "devices"}
    assert "docker.sock" not in str(service)


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_containers_is_a_mysql_user_of_its_own_and_only_the_one_that_makes_them_is_root(name):
    user = OURS[name]["environment"].get("DATABASE_USER", "nobody")

    assert (user == "root") == (name == "schema")
    assert "DATABASE_URL" not in OURS[name]["environment"]


def test_no_two_services_share_a_user():
    users = [service["environment"].get("DATABASE_USER") for service in OURS.values()]
    found = [user for user in users if user]

    assert len(found) == len(set(found)) == 6


def test_a_password_can_be_set_from_outside_and_stands_in_no_command_line():
    for name, service in COMPOSE["services"].items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable) and value != "none":
                assert re.fullmatch(r"\$\{[A-Z_]+:-local\}", str(value)), (name, variable)
        assert "${" not in str(service.get("command", "")) or not SECRET.search(str(service["command"]))


def test_no_port_is_open_to_other_machines():
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
