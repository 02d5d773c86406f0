"""What is deployed and what the programs ask for are the same, seen from both sides."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from prometheus_client import Counter
from typer.testing import CliRunner

from migration_cli.app import app
from migration_cli.needs import CutoverSettings, FetchSettings, PreflightSettings, SnapshotSettings
from runtime import database_url, kafka_env
from runtime.metrics import Metrics
from runtime.settings import (
    DatabaseAccess,
    KafkaAccess,
    LoaderSettings,
    MappingFile,
    MasterSettings,
    Settings,
    VerifierSettings,
    WorkerSettings,
    _variable,
)
from runtime.statistic_files import read_statistics
from tests.unit.deployed import ROOT, Template, deployed
from work_queue.attributes import _WANTED


class SchemaSettings(Settings):
    """Of `migration schema upgrade`."""

    database: DatabaseAccess
    mapping: MappingFile


NEEDS = {
    "master": [MasterSettings],
    "worker": [WorkerSettings],
    "verifier": [VerifierSettings],
    "loader": [LoaderSettings],
    "schema": [SchemaSettings],
    "command": [PreflightSettings, SnapshotSettings, CutoverSettings],
    "fetch": [FetchSettings],
}
SERVICES = ("master", "worker", "verifier")
TEMPLATES = list(deployed())
tenants = pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
tasks = pytest.mark.parametrize("task", NEEDS)


def environment(template: Template, task: str, snapshot: Path) -> dict[str, str]:
    """As the container sees it, with what the deployment fills in, and this repository as /app."""
    filled = {"SQS_QUEUE_URL": "https://sqs/1/a.fifo", "SQS_DLQ_URL": "https://sqs/1/b.fifo", "DATABASE_HOST": "db"}
    container = template.container(task)
    found = {one["Name"]: one["Value"] for one in container.get("Environment", ())}
    found = {name: value if isinstance(value, str) else filled[name] for name, value in found.items()}
    found |= {one["Name"]: "from-a-secret" for one in container.get("Secrets", ())}
    if "MIGRATION_CONFIG" in found:
        found["MIGRATION_CONFIG"] = str(ROOT / found["MIGRATION_CONFIG"].removeprefix("/app/"))
    if "SNAPSHOT_DIR" in found:
        assert found["SNAPSHOT_DIR"] in [one["ContainerPath"] for one in container["MountPoints"]]
        found["SNAPSHOT_DIR"] = str(snapshot)
    return found


def declared(settings: type[Settings], name: str) -> bool:
    for field in settings.model_fields.values():
        section = field.annotation
        if section is DatabaseAccess and name in database_url.NAMES:
            return True
        if section is KafkaAccess and name.startswith("KAFKA_"):
            return True
        if name in {_variable(inner) for inner in section.model_fields.values()}:
            return True
    return False


@tenants
@tasks
def test_every_variable_that_a_task_needs_is_set(template, task, tmp_path):
    env = environment(template, task, tmp_path)

    for settings in NEEDS[task]:
        settings.from_env(env)


@tenants
@tasks
def test_every_variable_that_is_set_is_one_that_the_program_reads(template, task, tmp_path):
    unread = [
        name
        for name in environment(template, task, tmp_path)
        if not any(declared(settings, name) for settings in NEEDS[task])
    ]

    assert unread == []


@tenants
@tasks
def test_a_secret_comes_by_reference_and_never_as_a_value(template, task):
    plain = [one["Name"] for one in template.container(task).get("Environment", ())]

    assert not [
        name
        for name in plain
        if name.endswith(("PASSWORD", "USER")) or name == "DATABASE_URL" or kafka_env.is_secret(kafka_env.name_of(name))
    ]
    secret = {one["Name"] for one in template.container(task).get("Secrets", ())}
    assert secret >= ({"DATABASE_USER", "DATABASE_PASSWORD"} if "DATABASE_HOST" in plain else set())


@tenants
@tasks
def test_a_task_runs_a_command_that_the_image_has(template, task):
    module, *arguments = template.container(task)["Command"]

    assert find_spec(f"{module}.__main__") is not None
    assert f"COPY {module} " in (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    if module == "migration_cli":
        assert CliRunner().invoke(app, [*arguments, "--help"]).exit_code == 0


@tenants
def test_a_scheduled_check_is_a_command_that_the_program_has(template):
    targets = [one for rule in template.all("AWS::Events::Rule").values() for one in rule["Targets"] if "Input" in one]
    told = [json.loads(one["Input"]) for one in targets]
    commands = [one["containerOverrides"][0]["command"] for one in told if "containerOverrides" in one]

    assert [words[1] for words in commands] == ["drift", "verify"]
    for module, *arguments in commands:
        assert module == "migration_cli"
        assert CliRunner().invoke(app, [*arguments, "--help"]).exit_code == 0


@tenants
def test_each_statistic_of_the_mapping_runs_when_the_mapping_says(template):
    mapping = environment(template, "worker", ROOT)["MIGRATION_CONFIG"]
    wanted = {one.name: one.schedule for one in read_statistics(Path(mapping))[1]}

    scheduled = {
        json.loads(target["Input"])["name"]: rule["ScheduleExpression"]
        for rule in template.all("AWS::Events::Rule").values()
        for target in rule["Targets"]
        if target["Id"] == "Statistics"
    }

    assert scheduled == wanted


@tenants
def test_the_task_of_statistics_is_told_what_it_needs_and_runs_a_command_that_there_is(template):
    if not [one for one in template.all("AWS::ECS::TaskDefinition").values() if one["Family"].endswith("-statistics")]:
        assert not [name for name in template.content["Resources"] if "Statistic" in name]
        return
    container = template.container("statistics")

    SchemaSettings.from_env(environment(template, "statistics", ROOT))
    assert CliRunner().invoke(app, [*container["Command"][1:], "--help"]).exit_code == 0
    assert container["ReadonlyRootFilesystem"] is True


@tenants
@tasks
def test_a_task_has_no_root_and_writes_to_volumes_alone(template, task):
    container = template.container(task)
    image = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")

    assert container["ReadonlyRootFilesystem"] is True
    assert container["User"] == "10001:10001"
    assert f"USER {container['User']}" in image
    assert container["LinuxParameters"] == {"Capabilities": {"Drop": ["ALL"]}, "InitProcessEnabled": True}
    assert container["StopTimeout"] == 30
    writable = {one["ContainerPath"] for one in container["MountPoints"] if not one["ReadOnly"]}
    assert writable - {"/snapshot"} == {"/tmp"}
    assert 'VOLUME ["/tmp"]' in image  # else the platform's volume belongs to root


@tenants
@pytest.mark.parametrize("task", SERVICES)
def test_a_services_health_is_asked_for_as_the_image_says(template, task):
    image = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    [said] = re.findall(r"HEALTHCHECK .*\n\s+CMD (\[.*\])", image)

    assert template.container(task)["HealthCheck"]["Command"] == ["CMD", *json.loads(said)]


@tenants
def test_the_queue_is_what_the_programs_want(template):
    queues = template.all("AWS::SQS::Queue")
    [doorbells] = [one for one in queues.values() if "RedrivePolicy" in one]

    told = {name: str(doorbells[name]).lower() for name in _WANTED}
    assert told == {name: value.lower() for name, value in _WANTED.items()}
    assert doorbells["RedrivePolicy"]["maxReceiveCount"] == 1000
    assert all("KmsMasterKeyId" in one for one in queues.values())


@tenants
def test_every_metric_that_is_looked_at_is_one_that_the_programs_tell(template):
    told = {}
    for metric in vars(Metrics()).values():
        if hasattr(metric, "_labelnames"):
            name = f"{metric._name}_total" if isinstance(metric, Counter) else metric._name
            told[name] = set(metric._labelnames)
    looked_at = [
        (one["MetricName"], {dimension["Name"] for dimension in one.get("Dimensions", ())})
        for one in metrics_in(template.content)
        if one.get("Namespace") == template.name
    ]

    assert looked_at
    assert [one for one in looked_at if told.get(one[0]) != one[1]] == []


@tenants
def test_every_metric_of_the_dashboard_is_one_that_the_programs_tell(template):
    [dashboard] = template.all("AWS::CloudWatch::Dashboard").values()
    searched = re.findall(r'MetricName=\\\\\\"(\w+)\\\\\\"', json.dumps(dashboard))
    names = {metric.name + ("_total" if metric.type == "counter" else "") for metric in Metrics().registry.collect()}

    assert len(searched) > 5
    assert set(searched) <= names


@tenants
def test_every_alarm_leads_to_its_section_of_the_runbook(template):
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    sections = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)}
    alarms = [
        *template.all("AWS::CloudWatch::Alarm").values(),
        *template.all("AWS::CloudWatch::CompositeAlarm").values(),
    ]
    linked = {one["AlarmDescription"].rpartition("#")[2] for one in alarms}

    assert all("https://" in one["AlarmDescription"] for one in alarms)
    assert linked <= sections
    assert {"lag", "stalled-lane", "rejects", "ledger-remainder", "master-absent", "gap", "drift", "drained"} <= linked


def metrics_in(node):
    if isinstance(node, dict):
        if "MetricName" in node:
            yield node
        for value in node.values():
            yield from metrics_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from metrics_in(value)
