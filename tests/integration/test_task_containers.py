"""Every task definition as a container of the image: no root, nothing to write to but its volumes, its own command.

Needs an engine and the image that `make image` builds; `test_task_definitions.py` runs the same as processes.
"""

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
from docker.types import Healthcheck

from local_stack.ports import free_port
from tests.asl.here import JOBS, SERVICES, TEMPLATE, tasks_here

pytestmark = pytest.mark.servers

IMAGE = os.environ.get("MIGRATION_IMAGE", "kafka-mysql-migration:dev")
_NANOSECONDS = 10**9


@pytest.fixture(scope="module")
def engine():
    """Asked for by the command first: a client that reaches nobody leaves its socket to the collector."""
    asked = ["docker", "image", "inspect", IMAGE]
    if shutil.which("docker") is None or subprocess.run(asked, capture_output=True, check=False).returncode != 0:
        pytest.skip(f"no engine answers, or it has no image {IMAGE}: `make image`")
    found = docker.from_env()
    yield found
    found.close()


@pytest.fixture(scope="module")
def deployment(engine, servers, module_credentials, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    with tasks_here(servers, folder) as found:
        found.folder.chmod(0o777)  # as the access point does it: the volume is the image's user's
        yield found


@pytest.fixture(scope="module")
def jobs(engine, deployment):
    """{kind of task: how its own command ended}, each run to its end after the one before."""
    ends = {}
    for kind in JOBS:
        with running(engine, deployment, kind) as container:
            code = container.wait(timeout=120)["StatusCode"]
            ends[kind] = (code, container.logs().decode()[-500:] if code else "")
    return ends


@contextmanager
def running(engine, deployment, kind):
    """The container as ECS starts it, with folders of this machine as volumes, and this machine's network."""
    definition = TEMPLATE.container(kind)
    made = engine.containers.run(
        IMAGE,
        list(definition["Command"]),
        detach=True,
        user=definition["User"],
        read_only=definition["ReadonlyRootFilesystem"],
        cap_drop=definition["LinuxParameters"]["Capabilities"]["Drop"],
        init=definition["LinuxParameters"]["InitProcessEnabled"],
        environment=environment(deployment, kind),
        healthcheck=health(definition),
        network_mode="host",
        **volumes(deployment, definition),
    )
    try:
        yield made
    finally:
        made.remove(force=True)


def environment(deployment, kind):
    told = deployment.environment(kind)
    inside = {"SNAPSHOT_DIR": "/snapshot", "HTTP_PORT": "0"}
    credentials = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    ports = {"HTTP_PORT": str(free_port())} if kind in SERVICES else {}
    return told | {name: value for name, value in inside.items() if name in told} | credentials | ports


def volumes(deployment, definition):
    mapping = Path(deployment.local["MIGRATION_CONFIG"]).parent
    for path in (mapping, *mapping.glob("*.*"), *mapping.glob("statistics/*"), *mapping.glob("statistics")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    bound = {str(mapping): {"bind": str(mapping), "mode": "ro"}}
    scratch = {}
    for mount in definition["MountPoints"]:
        if mount["SourceVolume"] == "snapshot":
            mode = "ro" if mount["ReadOnly"] else "rw"
            bound[str(deployment.folder)] = {"bind": mount["ContainerPath"], "mode": mode}
        else:
            scratch[mount["ContainerPath"]] = "mode=1777"
    return {"volumes": bound, "tmpfs": scratch}


def health(definition):
    check = definition.get("HealthCheck")
    if check is None:
        return Healthcheck(test=["NONE"])
    seconds = {name.lower(): check[name] * _NANOSECONDS for name in ("Interval", "Timeout")}
    return Healthcheck(
        test=check["Command"], retries=check["Retries"], start_period=check["StartPeriod"] * _NANOSECONDS, **seconds
    )


@pytest.mark.parametrize("kind", JOBS)
def test_a_one_off_task_ends_with_0(jobs, kind):
    assert jobs[kind] == (0, "")


@pytest.mark.parametrize("kind", SERVICES)
def test_a_service_becomes_healthy_and_leaves_in_good_order_within_its_time(engine, deployment, jobs, kind):
    check = TEMPLATE.container(kind)["HealthCheck"]
    with running(engine, deployment, kind) as container:
        given_up = time.monotonic() + check["StartPeriod"] + check["Interval"] * check["Retries"]
        while container.attrs["State"].get("Health", {}).get("Status") != "healthy":
            assert container.status != "exited", container.logs().decode()[-500:]
            assert time.monotonic() < given_up, container.attrs["State"]
            time.sleep(0.5)
            container.reload()
        container.stop(timeout=TEMPLATE.container(kind)["StopTimeout"])
        code = container.wait(timeout=60)["StatusCode"]

        assert code == 0, container.logs().decode()[-500:]
