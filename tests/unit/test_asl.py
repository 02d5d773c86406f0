"""The interpreter that the deployment's machines are executed by: as strict as Step Functions, and stricter."""

import pytest

from tests.asl.machine import Execution, TaskFailed
from tests.asl.paths import AslError, Missing, at, evaluated, filled, put

DATA = {"a": {"b": [10, {"c": "x"}]}, "text": "it's"}


def execution(states, hook=lambda given: given, start="A"):
    return Execution({"StartAt": start, "States": states}, {"do": hook})


def task(**fields):
    return {"Type": "Task", "Resource": "arn:aws:states:::do", "Parameters": {}, "TimeoutSeconds": 60, **fields}


DONE = {"Type": "Succeed"}


def test_paths_lead_into_the_input_and_with_two_signs_into_the_context():
    assert at("$.a.b[1].c", DATA, {}) == "x"
    assert at("$", DATA, {}) is DATA
    assert at("$$.Task.Token", DATA, {"Task": {"Token": "t"}}) == "t"
    with pytest.raises(Missing):
        at("$.a.z", DATA, {})
    with pytest.raises(AslError):
        at("$.a.*", DATA, {})


def test_a_result_is_put_into_a_copy_and_null_discards_it():
    assert put("$.a.z", {"a": {"b": 1}}, 2) == {"a": {"b": 1, "z": 2}}
    assert put("$", {"a": 1}, 2) == 2
    assert put(None, {"a": 1}, 2) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("States.Format('{} and \\{\\}, \\'{}\\'', $.text, 5)", "it's and {}, '5'"),
        ("States.Array('a', $.a.b[0], 7)", ["a", 10, 7]),
        ("States.ArrayGetItem(States.Array(0, 30, 120), States.MathAdd(1, 1))", 120),
        ("States.StringToJson('\\{\"a\": 1\\}')", {"a": 1}),
    ],
)
def test_functions_are_those_of_the_language(text, value):
    assert evaluated(text, DATA, {}) == value


@pytest.mark.parametrize(
    "text",
    [
        "States.UUID()", "States.Format('{}')", "States.Format('{', 1)", "States.Format('x', 1)", "$.a.b[0] 1",
        "States.StringToJson('no')", "States.MathAdd('a', 1)", "States.ArrayGetItem(States.Array(1), 1)", "nothing",
    ],
)  # fmt: skip
def test_what_is_wrong_or_not_known_is_an_error(text):
    with pytest.raises(AslError):
        evaluated(text, DATA, {})


def test_templates_are_filled_where_a_name_says_so():
    template = {"x": "$.text", "y.$": "$.text", "z": [{"w.$": "$.a.b[0]"}]}

    assert filled(template, DATA, {}) == {"x": "$.text", "y": "it's", "z": [{"w": 10}]}


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Parallel", "Branches": [], "Next": "B"},
        {"Type": "Pass", "Next": "B", "OutputPath": "$"},
        task(Next="B", HeartbeatSeconds=5),
        task(Next="B", Resource="arn:aws:states:::other"),
        {"Type": "Choice", "Choices": [{"Variable": "$", "StringLessThan": "b", "Next": "B"}]},
        {"Type": "Choice", "Choices": [{"Variable": "$", "StringEquals": "b", "Next": "B"}]},
    ],
)
def test_a_state_that_holds_what_is_not_known_is_an_error(state):
    with pytest.raises(AslError):
        execution({"A": state, "B": DONE}).run()


def test_a_retry_waits_longer_each_time_and_hands_on_to_the_catcher():
    def fail(_given):
        raise TaskFailed("Down", "why")

    retry = [{"ErrorEquals": ["Down"], "IntervalSeconds": 5, "MaxAttempts": 3, "BackoffRate": 2}]
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed", "Next": "B"}]
    found = execution({"A": task(Retry=retry, Catch=catch, Next="C"), "B": DONE, "C": DONE}, fail)

    assert found.run({"kept": 1}) == {"kept": 1, "failed": {"Error": "Down", "Cause": "why"}}
    assert (found.clock.waits, found.path) == ([5, 10, 20], ["A", "B"])


def test_task_failed_means_every_error_but_a_time_out():
    catch = [{"ErrorEquals": ["States.TaskFailed"], "Next": "B"}]

    def execution_of(hook):
        found = execution({"A": task(Catch=catch, Next="C"), "B": DONE, "C": DONE}, hook)
        found.run()
        return found

    def fail(_given):
        raise TaskFailed("Strange")

    late = execution({"A": task(Catch=catch, Next="C"), "B": DONE, "C": DONE})
    late.hooks = {"do": lambda _given: late.clock.wait(61)}
    late.run()

    assert execution_of(fail).path == ["A", "B"]
    assert (late.path, late.error, late.clock.now) == (["A"], "States.Timeout", 60)


def test_a_path_that_leads_to_nothing_ends_the_execution_past_every_catcher():
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "B"}]
    found = execution({"A": task(Parameters={"x.$": "$.nothing"}, Catch=catch, Next="B"), "B": DONE})
    choice = execution({"A": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsString": True, "Next": "B"}]}})

    found.run()
    choice.run()

    assert (found.error, choice.error) == ("States.Runtime", "States.Runtime")


def test_and_stops_before_what_it_guards():
    guarded = [{"Variable": "$.x", "IsPresent": True}, {"Variable": "$.x", "NumericGreaterThanEquals": 2}]
    states = {"A": {"Type": "Choice", "Choices": [{"And": guarded, "Next": "B"}], "Default": "C"}, "B": DONE, "C": DONE}

    paths = []
    for given in ({}, {"x": 1}, {"x": 2}, {"x": "2"}):
        found = execution(states)
        found.run(given)
        paths.append(found.path[-1])

    assert paths == ["C", "C", "B", "C"]


def test_a_machine_that_does_not_end_is_an_error():
    with pytest.raises(AslError, match="does not end"):
        execution({"A": {"Type": "Pass", "Next": "A"}}).run()
