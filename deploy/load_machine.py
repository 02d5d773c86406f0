"""The load as a state machine: from an empty control schema to a copy that was verified and follows the stream."""

from dataclasses import replace

from deploy.flow import ANOTHER_ROUND, Command, Flow, State, Where, begun
from deploy.machine_settings import Load
from deploy.names import SNAPSHOT
from deploy.settings import StackSettings, Workers

_MINUTE, _HOUR = 60, 3600
_SCHEMA, _PREFLIGHT, _FETCH, _PARTS = "Schema", "Preflight", "Fetch", "Load parts"
_MASTER, _WORKERS, _CATCH_UP, _VERIFY = "Start master", "Scale workers", "Catch up", "Verify"
_RUNNING = "Services run"
_SAID_NO, _GAVE_UP, _DONE, _TELL = "Answer is no", "Gave up", "Loaded", "Tell"


def load_machine(settings: StackSettings, place: Where) -> State:
    """The machine; `${…}` is what the stack makes. Pure."""
    load, source = settings.load, settings.snapshot
    flow = Flow(place, gave_up=_GAVE_UP)
    flow.enter(begun(_SCHEMA))
    # The preflight looks at the control schema too, so that comes first; both may be repeated at will.
    flow.run(Command(_SCHEMA, "Schema", begun(_PREFLIGHT), seconds=30 * _MINUTE))
    look = ["migration_cli", "preflight", "--for-hours", str(load.for_hours)]
    then = begun(_PARTS if source is None else _FETCH)
    flow.run(Command(_PREFLIGHT, "Command", then, seconds=10 * _MINUTE, words=look, no=_SAID_NO))
    if source is not None:
        fetch = ["migration_cli", "snapshot", "fetch", source.source, SNAPSHOT]
        _by_parts(flow, load, Command(_FETCH, "Fetch", begun(_PARTS), words=fetch))
    _by_parts(flow, load, Command(_PARTS, "Loader", begun(_MASTER), words=["snapshot_loader"]))
    _start(flow, settings.workers)
    _check(flow, load)
    _ends(flow)
    return flow.machine("From an empty control schema to a verified copy that follows the stream", "Begin")


def _by_parts(flow: Flow, load: Load, command: Command) -> None:
    """Each run stops at a checkpoint with 75 well before its time-out, and the next goes on there."""
    bounded = [*(command.words or ()), "--time-limit", f"{load.part_minutes}m"]
    seconds = (load.part_minutes + 10) * _MINUTE
    flow.run(replace(command, words=bounded, seconds=seconds, rounds=load.most_parts))


def _start(flow: Flow, workers: Workers) -> None:
    flow.begin(_MASTER, _MASTER, rounds=60, pause=10)
    flow.call(_MASTER, "ecs:updateService", _count("Master", 1), "Start verifier")
    flow.call("Start verifier", "ecs:updateService", _count("Verifier", 1), begun(_WORKERS))
    flow.begin(_WORKERS, _WORKERS, rounds=60, pause=10)
    flow.call(_WORKERS, "ecs:updateService", _count("Worker", workers.least), "Let workers scale")
    flow.call("Let workers scale", "applicationautoscaling:registerScalableTarget", _scaled(workers), begun(_RUNNING))
    flow.begin(_RUNNING, _RUNNING, rounds=60, pause=10)
    names = [f"${{{name}Service}}" for name in ("Master", "Verifier", "Worker")]
    services = {"Cluster": "${Cluster}", "Services": names}
    flow.call(_RUNNING, "ecs:describeServices", services, "All run", "$.services")
    runs = [
        {"Variable": f"$.services.Services[{number}].RunningCount", "NumericGreaterThanEquals": 1}
        for number in range(len(names))
    ]
    flow.choose("All run", [({"And": runs}, begun(_CATCH_UP))], ANOTHER_ROUND)


def _check(flow: Flow, load: Load) -> None:
    """Differences in what was never applied would be no news: it is verified once little is left."""
    little = ["migration_cli", "status", "--max-lag", str(load.max_lag)]
    flow.run(
        Command(
            _CATCH_UP, "Command", begun(_VERIFY), seconds=10 * _MINUTE, words=little, no=ANOTHER_ROUND,
            rounds=load.catch_up_hours * 60, pause=_MINUTE,
        )
    )  # fmt: skip
    whole = ["migration_cli", "verify"]
    flow.run(Command(_VERIFY, "Command", _TELL, seconds=12 * _HOUR, words=whole, no=_SAID_NO))


def _ends(flow: Flow) -> None:
    """Nothing is undone at a failure: what is loaded stays, what runs runs on, and a new execution goes on with it."""
    text = "The copy was verified and follows the stream. Next: `running: true` in the settings, and deploy."
    flow.tell(_TELL, "Migration: the load is done", text, _DONE)
    flow.states[_DONE] = {"Type": "Succeed"}
    again = "everything is kept, and a new execution goes on from there"
    flow.fail(_SAID_NO, "AnswerIsNo", f"States.Format('{{}} said no, its log says why; {again}', $.at.step)")
    gave_up = f"States.Format('{{}} did not come through, last with {{}}; {again}', $.at.step, $.failed.Error)"
    flow.fail(_GAVE_UP, "GaveUp", gave_up)


def _count(service: str, count: int) -> State:
    return {"Cluster": "${Cluster}", "Service": f"${{{service}Service}}", "DesiredCount": count}


def _scaled(workers: Workers) -> State:
    held = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
    return {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/${ClusterName}/${WorkerService}",
        "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": workers.least,
        "MaxCapacity": workers.most,
        "SuspendedState": dict.fromkeys(held, False),
    }
