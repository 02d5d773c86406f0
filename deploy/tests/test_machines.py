"""What the state machines promise, each read off the template; that they do it, tests/integration executes."""

import json

import pytest

from deploy.tests.resolved import resolved
from deploy.tests.test_promises import of, one


@pytest.fixture(params=["Load", "Cutover", "Statistics"])
def machine(request, template):
    if not any(name.startswith(request.param) for name in of(template, "AWS::StepFunctions::StateMachine")):
        pytest.skip("this template has none")
    return request.param


def states(template, machine):
    return json.loads(one(template, "AWS::StepFunctions::StateMachine", machine)["DefinitionString"])["States"]


def rights(template, machine):
    """{action: (resources, condition)} of the machine's role."""
    policy = one(template, "AWS::IAM::Policy", f"{machine}Machine")["PolicyDocument"]
    found = {}
    for statement in policy["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        resources = resolved(template, statement["Resource"])
        for action in actions:
            found.setdefault(action, []).append(
                (resources if isinstance(resources, list) else [resources], statement.get("Condition"))
            )
    return found


def tasks(template, machine):
    """Logical ids of the task definitions that it runs."""
    meant = one(template, "AWS::StepFunctions::StateMachine", machine)["DefinitionSubstitutions"]
    return {value["Ref"] for name, value in meant.items() if name.endswith("Task")}


def test_a_machine_runs_its_own_tasks_hands_on_their_roles_and_no_others(template, machine):
    may = rights(template, machine)
    definitions = of(template, "AWS::ECS::TaskDefinition")
    own = tasks(template, machine)
    roles = {definitions[task][role]["Fn::GetAtt"][0] for task in own for role in ("TaskRoleArn", "ExecutionRoleArn")}

    [(run, here)] = may["ecs:RunTask"]
    [(stop, there)] = may["ecs:StopTask"]
    [(passed, to)] = may["iam:PassRole"]
    [(rule, _)] = may["events:PutRule"]
    assert {arn.partition("/")[2].partition(":")[0] for arn in run} == own
    assert {arn.rpartition("/")[2] for arn in passed} == roles
    assert list(here) == list(there) == ["ArnEquals"]
    assert to == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    assert all("task/" in arn and arn.endswith("/*") for arn in stop)
    assert [arn.rpartition("/")[2] for arn in rule] == ["StepFunctionsGetEventsForECSTaskRule"]


def test_the_load_alone_may_start_services_and_each_by_its_name(template):
    load, night = rights(template, "Load"), rights(template, "Cutover")
    [(services, _)] = load["ecs:UpdateService"]
    [(_, only)] = load["application-autoscaling:RegisterScalableTarget"]

    assert {arn.rpartition("/")[2] for arn in services} == set(of(template, "AWS::ECS::Service"))
    assert only["StringEquals"]["application-autoscaling:service-namespace"] == "ecs"
    assert not {"ecs:UpdateService", "application-autoscaling:RegisterScalableTarget"} & night.keys()
    assert len(tasks(template, "Cutover")) == 1


def test_a_machine_is_encrypted_traced_and_logged_without_what_it_hands_on(template, machine):
    made = one(template, "AWS::StepFunctions::StateMachine", machine)
    allowed = [condition["StringEquals"] for _, condition in rights(template, machine)["kms:GenerateDataKey"]]

    assert made["EncryptionConfiguration"]["Type"] == "CUSTOMER_MANAGED_KMS_KEY"
    assert made["TracingConfiguration"] == {"Enabled": True}
    assert (made["LoggingConfiguration"]["Level"], made["LoggingConfiguration"]["IncludeExecutionData"]) == (
        "ALL", False,
    )  # fmt: skip
    names = {name.removeprefix("kms:EncryptionContext:") for each in allowed for name in each}
    assert names - {"aws:sns:topicArn"} == {"aws:states:stateMachineArn", "SourceArn"}


def test_an_execution_that_does_not_end_well_calls_also_before_services_run(template, machine):
    alarm = one(template, "AWS::CloudWatch::Alarm", f"{machine}Machine")
    counted = {one["MetricStat"]["Metric"]["MetricName"] for one in alarm["Metrics"] if "MetricStat" in one}

    assert counted == {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"}
    assert alarm["ActionsEnabled"] is True
    assert len(alarm["AlarmActions"]) == 1


def test_every_task_has_a_time_out_and_every_failure_of_it_leads_on(template, machine):
    for name, state in states(template, machine).items():
        if state["Type"] == "Task":
            assert state["TimeoutSeconds"] > 0, name
            assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name


def test_every_state_can_be_reached_and_leads_to_one_that_is_there(template, machine):
    found = states(template, machine)
    leads = {
        name: {state.get("Next"), state.get("Default")}
        | {each["Next"] for each in (*state.get("Catch", ()), *state.get("Choices", ()))}
        for name, state in found.items()
    }
    reached, left = set(), {"Begin"}
    while left:
        name = left.pop()
        reached.add(name)
        left |= leads[name] - {None} - reached

    assert reached == found.keys()


def test_a_run_of_the_loader_ends_well_before_its_time_out(template):
    for step in ("Fetch", "Load parts"):
        state = states(template, "Load")[step]
        words = state["Parameters"]["Overrides"]["ContainerOverrides"][0]["Command"]

        minutes = int(words[words.index("--time-limit") + 1].removesuffix("m"))
        assert minutes * 60 + 300 <= state["TimeoutSeconds"]


def test_the_fetch_step_fetches_what_the_tasks_own_command_fetches(template):
    words = states(template, "Load")["Fetch"]["Parameters"]["Overrides"]["ContainerOverrides"][0]["Command"]
    [task] = [one for one in of(template, "AWS::ECS::TaskDefinition").values() if one["Family"].endswith("-fetch")]

    assert words[:5] == task["ContainerDefinitions"][0]["Command"]
