"""Every task definition as it is deployed: its command and variables, its health check, and its time to leave."""

import os
import signal
import subprocess
import sys

import pytest

from local_stack.ports import free_port
from tests.asl.here import JOBS, SERVICES, TEMPLATE, tasks_here
from tests.waiting import until

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def deployment(servers, module_credentials, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    with tasks_here(servers, folder) as found:
        yield found


@pytest.fixture(scope="module")
def jobs(deployment):
    """{kind of task: the exit code of its own command}, each run to its end after the one before."""
    codes = {}
    for kind in JOBS:
        child = deployment.begin(kind)
        codes[kind] = child.process.wait(60)
        deployment.children.stop(child)
    return codes


def health(kind, port):
    """The exit code of the definition's own check, as ECS runs it in the container."""
    how, program, *arguments = TEMPLATE.container(kind)["HealthCheck"]["Command"]
    assert (how, program) == ("CMD", "python")
    environment = {"PATH": os.environ["PATH"], "HTTP_PORT": port}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=False).returncode


def test_every_task_definition_is_run_here():
    families = {one["Family"].removeprefix("migration-") for one in TEMPLATE.all("AWS::ECS::TaskDefinition").values()}

    assert families == {*SERVICES, *JOBS}


@pytest.mark.parametrize("kind", JOBS)
def test_a_one_off_task_ends_with_0_by_its_own_command(jobs, kind):
    assert jobs[kind] == 0


@pytest.mark.parametrize("kind", SERVICES)
def test_a_service_becomes_healthy_and_leaves_in_good_order_within_its_time(deployment, jobs, kind):
    container = TEMPLATE.container(kind)
    check = container["HealthCheck"]
    port = str(free_port())

    before = health(kind, port)
    child = deployment.begin(kind, HTTP_PORT=port)

    def lives() -> None:
        assert child.process.poll() is None, child.last_words()

    until(
        lambda: health(kind, port) == 0,
        lambda: f"it is healthy; {child.last_words()}",
        seconds=check["StartPeriod"] + check["Interval"] * check["Retries"],
        meanwhile=lives,
    )
    child.process.send_signal(signal.SIGTERM)
    code = child.process.wait(container["StopTimeout"])

    assert before != 0
    assert code == 0, child.last_words()
    assert health(kind, port) != 0
