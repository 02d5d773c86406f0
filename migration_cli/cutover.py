"""`migration cutover`: the night itself, step by step, with a way back at every one of them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli.access import database, needed_mapping_path
from migration_cli.console import Json, complain, group, lasting, say, say_json, show_table
from migration_core.cutover import CutoverStep
from migration_core.errors import ConfigError
from runtime.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.cutover_store import Cutover, StepRecord
    from db.engine import Database
    from migration_verifier.cutover import CutoverRunner

app = group(
    "Switch over: gates, hooks of your own, approval, a watch window, and a way back at any step.\n\n"
    "Hooks are commands or URLs in CUTOVER_FREEZE_HOOK, CUTOVER_UNFREEZE_HOOK, CUTOVER_SWITCH_HOOK and "
    "CUTOVER_SWITCH_BACK_HOOK. Each is called at least once, with a token that is the same at each try."
)

Changes = Annotated[Path, typer.Option(help="Where change files go when a switch is taken back.")]
By = Annotated[str, typer.Option("--by", help="Your name; kept with the decision.")]

_LAG = 10_000
_DRAIN, _APPROVAL, _WATCH = 900.0, 3600.0, 86_400.0


@app.command()
def run(
    *,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Stop before approval and switch, and give the old platform back.")
    ] = False,
    max_lag: Annotated[int, typer.Option(min=0, help="Records not applied yet, at most, before the freeze.")] = _LAG,
    drain_seconds: Annotated[float, typer.Option(min=1, help="How long the drain may take.")] = _DRAIN,
    approval_seconds: Annotated[float, typer.Option(min=1, help="How long to wait, frozen, for approval.")] = _APPROVAL,
    watch_seconds: Annotated[float, typer.Option(min=0, help="How long a way back is kept open.")] = _WATCH,
    go_on: Annotated[
        bool, typer.Option("--go-on", help="Begin none: go on with the one under way, or say how the last one ended.")
    ] = False,
    until: Annotated[
        CutoverStep | None, typer.Option(help="Leave when it comes to this step; the same command goes on from there.")
    ] = None,
    approved_by: Annotated[
        str, typer.Option("--approved-by", help="Say yes first, in this name, if it waits for approval; with --go-on.")
    ] = "",
    changes: Changes = Path("changes"),
    as_json: Json = False,
) -> None:
    """Begin a cut-over, or go on with the one under way, until it is done or has turned back.

    Options are those of the beginning: a cut-over that goes on keeps its own. Exit 1 when a gate has turned it back.

    Example: migration cutover run --rehearse --max-lag 5000
    """
    from db.cutover_store import CutoverStore
    from migration_core.cutover import CutoverPlan
    from runtime.version import version

    if approved_by and not go_on:
        raise ConfigError("--approved-by is said of the cut-over under way: give --go-on too")
    plan = CutoverPlan(max_lag, drain_seconds, approval_seconds, watch_seconds)
    with database() as control:
        ready = _runner(control, changes)  # before anything begins: what the environment lacks is named at once
        store = CutoverStore(control)
        at = store.latest()
        if at is not None and at.finished_at is not None and (go_on or at.step is CutoverStep.DONE):
            complain("the cut-over is over: " + ("the streams stay paused" if at.step is CutoverStep.DONE else at.step))
            ended = at
        else:
            if at is None or at.finished_at is not None:
                if go_on:
                    raise ConfigError("no cut-over has begun: there is none to go on with")
                store.begin(plan, rehearsal=rehearse, version=version())
            elif rehearse and not at.rehearsal:
                raise ConfigError("the cut-over under way is no rehearsal: abort it first, or go on without --rehearse")
            elif approved_by.strip() and at.step is CutoverStep.APPROVAL and at.approved_by is None:
                store.approve(approved_by.strip())
            ended = ready.run(until)
        _show(ended, store.steps(ended.cutover_id), as_json=as_json)
    if ended.reason:
        raise typer.Exit(Exit.FAILED)


@app.command()
def status(
    *,
    at_step: Annotated[
        list[CutoverStep] | None,
        typer.Option("--at", help="Exit 1 unless it stands at this step; may be repeated: at one of them."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the cut-over under way, else the last one: each step, its time, and what it waits for.

    Example: migration cutover status --at approval --json
    """
    from db.change_log import logged_changes
    from db.cutover_store import CutoverStore

    with database() as control:
        store = CutoverStore(control)
        at = store.latest()
        steps = store.steps(at.cutover_id) if at else []
        changes = logged_changes(control, at.cutover_id) if at else {}
    if at is not None:
        _show(at, steps, changes, as_json=as_json)
    elif as_json:
        say_json(None)
    else:
        say("no cut-over has begun: `migration cutover run --rehearse` is a good start")
    if at_step and (at is None or at.step not in at_step):
        raise typer.Exit(Exit.FAILED)


@app.command()
def approve(*, by: By, as_json: Json = False) -> None:
    """Say yes to the switch; your name and the time are kept.

    Example: migration cutover approve --by "Ada Lovelace"
    """
    from db.cutover_store import CutoverStore

    if not by.strip():
        raise ConfigError("--by needs a name")
    with database() as control:
        store = CutoverStore(control)
        store.approve(by.strip())
        at = store.latest()
    if as_json:
        say_json(at)
    else:
        say(f"approved by {by.strip()}")


@app.command()
def abort(
    *,
    by: By = "unnamed",
    because: Annotated[str, typer.Option(help="Why; kept with the cut-over.")] = "",
    applied: Annotated[
        bool, typer.Option("--changes-applied", help="The change files were applied to the old platform.")
    ] = False,
    changes: Changes = Path("changes"),
    as_json: Json = False,
) -> None:
    """Turn back, from any step: the old platform is given back, and the streams are applied again.

    After the switch, the changes since then are written to files first; apply them to the old platform before you
    say --changes-applied. Where a runner is at work it turns back by itself; else this command does.

    Example: migration cutover abort --by Ada --because "the app answers slowly"
    """
    from db.cutover_store import CutoverStore
    from migration_core.errors import Transient

    with database() as control:
        store = CutoverStore(control)
        store.ask_abort(by, because)
        if applied:
            store.confirm_carried_back()
        try:
            with store.sole_runner():
                pass
        except Transient:
            at = store.latest()
            say_json(at) if as_json else say("asked: the process at work turns back at its next look")
            return
        ended = _runner(control, changes).run()
        _show(ended, store.steps(ended.cutover_id), as_json=as_json)


@app.command()
def estimate(
    *,
    max_lag: Annotated[int, typer.Option(min=0, help="Records not applied yet when the freeze begins.")] = _LAG,
    approval_minutes: Annotated[float, typer.Option(min=0, help="How long people will need to say yes.")] = 5.0,
    as_json: Json = False,
) -> None:
    """Say how long users will be without a platform, from the rates and steps that were measured so far.

    Example: migration cutover estimate --max-lag 5000 --approval-minutes 10
    """
    from db.cutover_store import CutoverStore
    from db.measurements import moments, rates
    from migration_core.downtime import downtime, slow_rate, total

    with database() as control:
        rate = slow_rate(rates(moments(control)))
        found = downtime(max_lag, rate, CutoverStore(control).measured_steps(), approval_minutes * 60)
    unknown = [one.step for one in found if one.seconds is None]
    if as_json:
        say_json({"steps": found, "seconds": total(found), "unknown": unknown})
        return
    show_table(("step", "takes", "basis"), [(one.step, lasting(one.seconds), one.basis) for one in found])
    least = "at least " if unknown else ""
    say(f"expected downtime: {least}{lasting(total(found))}")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where the change files go, one a stream.")],
    *,
    again: Annotated[bool, typer.Option("--again", help="Write every change anew, also those written before.")] = False,
    as_json: Json = False,
) -> None:
    """Write what users changed since the switch as a file per stream, keyed by legacy id; safe to repeat and to kill.

    Example: migration cutover export changes
    """
    from db.cutover_store import CutoverStore
    from migration_cli.cutover_parts import way_back
    from migration_verifier.change_files import export_changes
    from runtime.failpoints import failpoints

    with database() as control:
        at = CutoverStore(control).latest()
        if at is None:
            raise ConfigError("no cut-over has begun, so no change was logged")
        back = way_back(control, needed_mapping_path())
        reached = failpoints(os.environ)
        found = export_changes(control, at.cutover_id, folder, back.reversals, again=again, reached=reached)
    if as_json:
        say_json({stream: {"file": file, "changes": count} for stream, (file, count) in found.items()})
        return
    show_table(("stream", "changes", "file"), [(stream, count, file) for stream, (file, count) in found.items()])


def _runner(control: "Database", changes: Path) -> "CutoverRunner":
    from migration_cli.cutover_parts import runner
    from runtime.shutdown import on_terminate

    return runner(control, needed_mapping_path(), changes, on_terminate())


def _show(
    at: "Cutover", steps: "list[StepRecord]", changes: "Mapping[str, int] | None" = None, *, as_json: bool
) -> None:
    from migration_core.gate import GateVerdict

    if as_json:
        say_json({"cutover": at, "steps": steps, "changes": changes or {}})
        return
    what = "rehearsal" if at.rehearsal else "cut-over"
    say(f"{what} {at.cutover_id}: {at.step}" + (f", because {at.reason}" if at.reason else ""))
    show_table(
        ("step", "", "took", "what it says"),
        [(one.step, one.ending or "at work", lasting(one.seconds), one.detail) for one in steps],
    )
    for one in steps[-1:]:
        for gate in one.gates:
            if gate.verdict is not GateVerdict.PASS:
                complain(f"{gate.verdict}: {gate.name}: {gate.found}. {gate.remedy}")
    if changes:
        listed = ", ".join(f"{stream} {count:,}" for stream, count in changes.items())
        say(f"changes since the switch: {listed}; `migration cutover export DIR` writes them")
