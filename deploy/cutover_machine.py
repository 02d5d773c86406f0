"""The night as a state machine: the gates of `migration cutover`, a person's yes by callback, and a way back."""

from deploy.flow import ANOTHER_ROUND, Command, Flow, State, Where, begun, is_step
from deploy.machine_settings import Cutover
from deploy.names import SNAPSHOT

_MINUTE, _HOUR = 60, 3600
_REHEARSE, _PAST, _PREPARE, _ASK = "Rehearse", "Is approved", "Prepare", "Ask for approval"
_SWITCH, _FINISH, _ABORT, _WHERE = "Switch", "Go on", "Abort", "Where it stands"
_REFUSED, _UNFINISHED = "Not approved", "Not prepared"
_GAVE_UP, _TURNED_BACK, _STUCK, _TELL, _DONE = "Gave up", "Turned back", "Needs a person", "Tell", "Done"
_BEHIND_APPROVAL = ("last_look", "change_log", "switch", "watch", "close", "done")
_CHANGES = f"--changes={SNAPSHOT}/changes"
"""The only place that outlives the task."""


def cutover_machine(cutover: Cutover, place: Where) -> State:
    """The machine; `${…}` is what the stack makes. Pure."""
    flow = Flow(place, gave_up=_GAVE_UP)
    rehearsal = [{"Variable": "$.rehearse", "IsPresent": True}, {"Variable": "$.rehearse", "BooleanEquals": True}]
    flow.choose("Begin", [({"And": rehearsal}, begun(_REHEARSE))], begun(_PAST))
    _up_to_approval(flow, cutover)
    _ask(flow, cutover)
    _from_approval(flow, cutover)
    _back(flow)
    _ends(flow)
    return flow.machine("The cut-over, with a person's yes", "Begin")


def _up_to_approval(flow: Flow, cutover: Cutover) -> None:
    plan = [f"--max-lag={cutover.max_lag}", f"--drain-seconds={cutover.drain_minutes * _MINUTE}"]
    rehearse = ["migration_cli", "cutover", "run", "--rehearse", *plan, _CHANGES]
    flow.run(Command(_REHEARSE, "Command", _DONE, seconds=24 * _HOUR, words=rehearse, no=begun(_WHERE)))
    # An execution that goes on behind the switch asks nobody again.
    past = ["migration_cli", "cutover", "status", *(f"--at={step}" for step in _BEHIND_APPROVAL)]
    flow.run(Command(_PAST, "Command", begun(_FINISH), seconds=10 * _MINUTE, words=past, no=begun(_PREPARE)))
    plan += [f"--watch-seconds={cutover.watch_hours * _HOUR}"]
    prepare = ["migration_cli", "cutover", "run", "--until=approval", *plan, _CHANGES]
    flow.run(Command(_PREPARE, "Command", _ASK, seconds=24 * _HOUR, words=prepare, no=begun(_WHERE)))


def _ask(flow: Flow, cutover: Cutover) -> None:
    """The old platform is frozen while this waits, so that it waits so long and no longer."""
    text = (
        "The cut-over waits for a yes, and the old platform is frozen until then. Without an answer within "
        f"{cutover.approval_minutes} minutes it is given back.\n\nYes: aws stepfunctions send-task-success "
        '--task-output \\\'\\{"by": "YOUR NAME"\\}\\\' --task-token {}\n\n'
        'No: aws stepfunctions send-task-failure --error "YOUR NAME: why" --task-token {}'
    )
    flow.states[_ASK] = {
        "Type": "Task",
        "Resource": f"arn:{flow.place.partition}:states:::sns:publish.waitForTaskToken",
        "Parameters": {
            "TopicArn": "${Topic}",
            "Subject": "Migration: approve the switch",
            "Message.$": f"States.Format('{text}', $$.Task.Token, $$.Task.Token)",
        },
        "TimeoutSeconds": cutover.approval_minutes * _MINUTE,
        "ResultPath": "$.approval",
        "Next": "Who approved",
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed", "Next": _REFUSED}],
    }
    by = "$.approval.by"
    named: list[State] = [{"Variable": by, "IsPresent": True}, {"Variable": by, "IsString": True}]
    named += [{"Not": {"Variable": by, "StringEquals": ""}}]
    flow.choose("Who approved", [({"And": named}, begun(_SWITCH))], _ASK)


def _from_approval(flow: Flow, cutover: Cutover) -> None:
    """Users may write to the new platform from here on: no failure turns back by itself."""
    seconds = (cutover.watch_hours + 4) * _HOUR
    go_on = ["migration_cli", "cutover", "run", "--go-on", _CHANGES]
    yes = [*go_on, "States.Format('--approved-by={}', $.approval.by)"]
    flow.run(Command(_SWITCH, "Command", _TELL, seconds=seconds, words=yes, no=begun(_WHERE)))
    flow.run(Command(_FINISH, "Command", _TELL, seconds=seconds, words=go_on, no=begun(_WHERE)))


def _back(flow: Flow) -> None:
    because = {
        _REFUSED: "States.Format('--because=not approved: {}', $.failed.Error)",
        _UNFINISHED: "States.Format('--because=not prepared, last with {}', $.failed.Error)",
    }
    for name, words in because.items():
        told = {"because.$": words}
        flow.states[name] = {"Type": "Pass", "Parameters": told, "ResultPath": "$.abort", "Next": begun(_ABORT)}
    abort = ["migration_cli", "cutover", "abort", "--by=Step Functions", "$.abort.because", _CHANGES]
    flow.run(Command(_ABORT, "Command", begun(_WHERE), seconds=_HOUR, words=abort, no=begun(_WHERE)))
    where = ["migration_cli", "cutover", "status", "--at=syncing"]
    # A process that was told to turn back may be at it: a second look before somebody is called.
    flow.run(
        Command(
            _WHERE, "Command", _TURNED_BACK, seconds=10 * _MINUTE, words=where, no=ANOTHER_ROUND, rounds=1, pause=30
        )
    )
    # Nothing to abort ends with 2, and so leads here too.
    flow.choose(_GAVE_UP, [(is_step(_REHEARSE, _PREPARE), _UNFINISHED), (is_step(_ABORT), begun(_WHERE))], _STUCK)


def _ends(flow: Flow) -> None:
    text = "The new platform is in use, and the way back is closed."
    flow.tell(_TELL, "Migration: the cut-over is done", text, _DONE)
    flow.states[_DONE] = {"Type": "Succeed"}
    flow.states[_TURNED_BACK] = {
        "Type": "Fail",
        "Error": "TurnedBack",
        "Cause": "The old platform is in use and the copy is synced on; `migration cutover status` says why.",
    }
    flow.states[_STUCK] = {
        "Type": "Fail",
        "Error": "NeedsAPerson",
        "Cause": "It stands where only a person decides: `migration cutover status`, then a new execution or an abort.",
    }
