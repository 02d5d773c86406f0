"""What a cut-over is made of here: which gates each step asks, which hooks it calls, and what it does itself."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migration_cli import access
from migration_core.cutover import CutoverStep
from migration_core.errors import Halted
from migration_core.gate import Gate, GateVerdict

if TYPE_CHECKING:
    from threading import Event

    from db.change_log import LoggedTable, TriggerRights
    from db.cutover_store import Cutover
    from db.engine import Database
    from migration_core.reversing import StreamReversal
    from migration_verifier.cutover import Acts, CutoverRunner, Hooks, NamedGates
    from migration_verifier.looking import Looking


@dataclass(frozen=True, slots=True)
class WayBack:
    """What the mapping says of the way back, with the streams as they are registered."""

    target_schema: str
    tables: "Sequence[LoggedTable]"
    reversals: "Mapping[int, StreamReversal]"


def way_back(control: "Database", mapping_file: Path) -> WayBack:
    """The tables to log and how their rows read in legacy words."""
    from db.change_log import LoggedTable
    from db.registry import registered
    from migration_core.reversing import reversal_of
    from runtime.mapping_file import compiled, read_mapping

    mapping, streams = compiled(mapping_file), read_mapping(mapping_file).model.streams
    tables, reversals = [], {}
    for name, stream in mapping.streams.items():
        stream_id = registered(control, name).stream_id
        tables += [LoggedTable(stream_id, table.name) for table in stream.tables]
        entity = {table.name: table.entity_columns for table in stream.tables}
        reversals[stream_id] = reversal_of(name, streams[name], entity)
    return WayBack(mapping.target_schema, tables, reversals)


def runner(control: "Database", mapping_file: Path, changes: Path, stop: "Event") -> "CutoverRunner":
    """The runner with everything that the environment names."""
    from db.cutover_store import CutoverStore
    from migration_cli.console import complain
    from migration_verifier.cutover import CutoverRunner
    from migration_verifier.looking import Looking
    from runtime.failpoints import failpoints

    looking = Looking(control, access.cluster())
    hooks = hooks_of_environment()
    return CutoverRunner(
        CutoverStore(control),
        lambda at: gates(at, control, looking, hooks, mapping_file, stop),
        hooks,
        acts(control, looking, way_back(control, mapping_file), changes),
        stop=stop,
        told=complain,
        reached=failpoints(os.environ),
    )


def gates(
    at: "Cutover", control: "Database", looking: "Looking", hooks: "Hooks", mapping_file: Path, stop: "Event"
) -> "Mapping[CutoverStep, Sequence[NamedGates]]":
    """Which gates each step asks; a step without any does not pass."""
    from db.reject_report import patterns
    from migration_core.draining import reject_gate
    from migration_verifier.audit import proven_ledger
    from migration_verifier.verify_standing import standing_gate

    ends = at.ends or ()
    silent: NamedGates = ("legacy platform", lambda: [looking.frozen_gate(ends)])
    drained: NamedGates = ("drain", lambda: looking.drain_gates(ends))
    rejects: NamedGates = ("rejects", lambda: [reject_gate(patterns(control))])
    hooked: NamedGates = ("hooks", lambda: hook_gates(hooks, rehearsal=at.rehearsal))
    return {
        # Rejects that nobody has settled would turn it back later, when the old platform is frozen already.
        CutoverStep.PREFLIGHT: [hooked, rejects, *_surprises(control), *_preflight(control, mapping_file)],
        CutoverStep.LAG: [("lag", lambda: looking.lag_gates(at.plan.max_lag))],
        CutoverStep.DRAIN: [silent, drained, ("ledger", lambda: [proven_ledger(control, stop)])],
        CutoverStep.VERIFY: [("verify", lambda: verify_gates(control, mapping_file))],
        # What was loaded lately may have statistics of a table that was empty, and plans that go with them.
        CutoverStep.PLANS: drift_and_plans(analyze=True),
        CutoverStep.REJECTS: [rejects],
        # People may have reopened, redriven or found something while the approval was waited for.
        CutoverStep.LAST_LOOK: [drained, silent, rejects, ("verify", lambda: [standing_gate(control)])],
        CutoverStep.WATCH: [silent],
    }


def acts(control: "Database", looking: "Looking", back: WayBack, changes: Path) -> "Acts":
    """What the program itself does at a step."""
    from db import change_log, stream_hold
    from migration_verifier.change_files import export_changes
    from migration_verifier.cutover import Acts
    from migration_verifier.measuring import Measurer

    def protect(cutover_id: int) -> None:
        with control.transaction() as session:
            stream_hold.hold_streams(session, _held_by(cutover_id))
        change_log.turn_on(control, cutover_id, back.target_schema, back.tables)

    def carry_back(cutover_id: int) -> int:
        files = export_changes(control, cutover_id, changes, back.reversals)
        return sum(count for _, count in files.values())

    def release(cutover_id: int) -> None:
        # A transaction that was open when the files were written ends before the triggers go.
        change_log.turn_off(control, back.target_schema)
        if late := change_log.not_exported(control, cutover_id):
            told = f"{late:,} changes were committed behind the change files: `migration cutover export {changes}` "
            raise Halted(told + "adds them; apply them to the old platform too")
        with control.transaction() as session:
            stream_hold.release_streams(session, _held_by(cutover_id))

    return Acts(
        ends=looking.ends,
        protect=protect,
        carry_back=carry_back,
        release=release,
        close=lambda _cutover_id: change_log.turn_off(control, back.target_schema),
        each_look=Measurer(control, time.time, looking.unread).turn,
    )


def hooks_of_environment() -> "Hooks":
    """The hooks that are set."""
    from migration_cli.needs import CutoverSettings
    from migration_verifier.cutover import Hooks

    given = CutoverSettings.from_env(os.environ).hooks
    by_step = {
        CutoverStep.FREEZE: given.freeze,
        CutoverStep.UNFREEZE: given.unfreeze,
        CutoverStep.SWITCH: given.switch,
        CutoverStep.SWITCH_BACK: given.switch_back,
    }
    return Hooks({step: hook.get_secret_value() for step, hook in by_step.items() if hook}, given.seconds)


def hook_gates(hooks: "Hooks", *, rehearsal: bool) -> list[Gate]:
    """Whether every hook is set that this cut-over will call. Pure."""
    needed = [CutoverStep.FREEZE, CutoverStep.UNFREEZE, *([] if rehearsal else [CutoverStep.SWITCH])]
    found = []
    for step in (*needed, *([] if rehearsal else [CutoverStep.SWITCH_BACK])):
        missing = step not in hooks.by_step
        bad = GateVerdict.FAIL if step in needed else GateVerdict.WARN
        remedy = f"set CUTOVER_{step.upper()}_HOOK; `true` is a command that does nothing" if missing else ""
        found.append(
            Gate(f"{step} hook", bad if missing else GateVerdict.PASS, "not set" if missing else "set", remedy)
        )
    return found


def verify_gates(control: "Database", mapping_file: Path) -> list[Gate]:
    """Whether everything that has changed since the last equal verification is equal too; without one, everything."""
    from migration_verifier.verify import Order, verify
    from migration_verifier.verify_run import verify_gate
    from migration_verifier.verify_standing import standing_gate
    from runtime.version import version

    order = Order(url=access.database_url(), mapping=mapping_file, version=version(), since_last=True)
    found = verify(control, order)
    if found.equal and standing_gate(control).verdict is GateVerdict.FAIL:
        found = verify(control, order)  # an interrupted one went on; what changed since it began comes now
    standing = standing_gate(control)
    return [standing if found.equal and standing.verdict is GateVerdict.FAIL else verify_gate(found)]


def _surprises(control: "Database") -> "list[NamedGates]":
    """What records may hold that is no reject, and that a person must know of."""
    from db.crossed import crossed_lanes
    from db.unmapped import unmapped_fields
    from migration_core.crossed import GATE, crossed_gate
    from migration_core.unmapped import GATE as NEW_FIELDS
    from migration_core.unmapped import new_fields_gate
    from migration_verifier.crossing import look

    def crossed() -> list[Gate]:
        look(control)
        with control.transaction() as session:
            return [crossed_gate(crossed_lanes(session))]

    def new_fields() -> list[Gate]:
        with control.transaction() as session:
            return [new_fields_gate(unmapped_fields(session))]

    return [(GATE, crossed), (NEW_FIELDS, new_fields)]


def _preflight(control: "Database", mapping_file: Path) -> "list[NamedGates]":
    from db.change_log import trigger_rights
    from migration_cli.preflight import preflight_now
    from migration_core.finding import gate_of
    from migration_verifier.checks.way_back import way_back_findings
    from migration_verifier.preflight import preflight_gates

    return [
        ("preflight", lambda: preflight_gates(preflight_now())),
        ("way back", lambda: [gate_of(one) for one in way_back_findings(mapping_file)]),
        ("change log", lambda: [trigger_gate(trigger_rights(control))]),
    ]


def drift_and_plans(*, analyze: bool) -> "list[NamedGates]":
    """The gates of schema and query plans; `analyze` lets the server count the rows anew first."""
    from migration_cli.drift import drift_now
    from migration_cli.plans import plans_now, read_statements
    from migration_verifier import drift, plans

    return [
        (drift.GATE, lambda: drift.drift_gates(drift_now())),
        (plans.GATE, lambda: plans.plan_gates(plans_now(read_statements(), analyze=analyze))),
    ]


def trigger_gate(rights: "TriggerRights") -> Gate:
    """Whether changes after the switch can be logged. Pure."""
    if rights.enough:
        return Gate("change log", GateVerdict.PASS, "triggers may be created")
    remedy = "set log_bin_trust_function_creators=ON on the server"
    return Gate("change log", GateVerdict.FAIL, "with a binary log, this user may not create triggers", remedy)


def _held_by(cutover_id: int) -> str:
    return f"cut-over {cutover_id}: the new platform is in use"
