"""The sections that decide whether the report may be signed. Pure."""

from collections.abc import Sequence
from datetime import datetime

from db.cutover_store import Cutover, StepRecord
from db.reject_report import Pattern
from migration_core.cutover import CutoverStep
from migration_core.gate import Gate, GateVerdict
from migration_core.proof import StreamProof
from migration_core.report import Cell, Equality, Section, Standing, TableResult, counted, gate_section

_HASH_SHOWN = 8


def ledger_section(streams: Sequence[StreamProof], gate: Gate) -> Section:
    """Whether every record that was received has exactly one outcome, counted and proven from the rows."""
    received = sum(one.received for one in streams)
    parked = sum(one.parked for one in streams)
    if not streams:
        standing, sentence = Standing.OPEN, "Not done: no stream is registered."
    elif gate.verdict is GateVerdict.FAIL:
        standing, sentence = Standing.BAD, f"{gate.found[:1].upper()}{gate.found[1:]}: {gate.remedy}."
    elif parked:
        standing, sentence = Standing.BAD, f"Of {received:,} records, {parked:,} wait behind one that failed."
    else:
        standing, sentence = Standing.GOOD, f"Each of the {received:,} records received has exactly one outcome."
    counts = [
        (one.received, one.applied, one.superseded, one.filtered, one.parked, one.rejected, one.pending,
         one.received - one.pending - one.unaudited)
        for one in streams
    ]  # fmt: skip
    rows: list[tuple[Cell, ...]] = [(one.stream, *row) for one, row in zip(streams, counts, strict=True)]
    if len(rows) > 1:
        rows.append(("all", *(sum(column) for column in zip(*counts, strict=True))))
    return Section(
        "ledger",
        "Records accounted for",
        standing,
        sentence,
        ("data type", "received", "applied", "superseded", "filtered", "parked", "rejected", "pending", "proven"),
        tuple(rows),
    )


def verification_section(found: Equality | None) -> Section:
    """Whether the processed tables hold what the records say."""
    key, title = "verification", "Equality of the copy"
    if found is None:
        return Section(key, title, Standing.OPEN, "Not done: nothing has been verified. Run migration verify.")
    rows, again = sum(one.rows for one in found.tables), sum(one.again for one in found.tables)
    wrong = sum(one.differences for one in found.tables)
    left = [one.table for one in found.tables if not one.finished_at]
    last = max((one.finished_at for one in found.tables), default="")
    if wrong:
        standing, told = Standing.BAD, f"{counted(wrong, 'difference')} in {counted(rows + again, 'row')}"
    elif left:
        standing, told = Standing.OPEN, f"Not done: never compared as a whole: {', '.join(left)}"
    else:
        standing, told = Standing.GOOD, f"All {rows:,} rows are as their records say"
    more = f", and {again:,} of them were compared again after changes" if again and not wrong else ""
    return Section(
        key,
        title,
        standing,
        f"{told}{more}" + (f", as of {last}." if last else "."),
        ("table", "rows compared", "compared again", "differences", "as of", "result"),
        tuple((one.table, one.rows, one.again, one.differences, one.finished_at, _told(one)) for one in found.tables),
    )


def _told(one: TableResult) -> str:
    return "different" if one.differences else "equal" if one.finished_at else "not compared"


def assertions_section(found: Equality | None) -> Section:
    """What says so without going through the mapping: assertions of its authors, and a fresh snapshot."""
    key, title = "assertions", "Independent checks"
    asked, snapshot = (found.assertions, found.snapshot) if found else ((), None)
    broken = [one.name for one in asked if one.disagreements]
    rows: list[tuple[Cell, ...]] = [
        (one.name, one.stream, one.groups, one.disagreements, one.finished_at, "no" if one.disagreements else "yes")
        for one in asked
    ]
    if snapshot:
        holds = "no" if snapshot.differences else "yes"
        rows.append((f"rows against {snapshot.folder}", "", snapshot.rows, snapshot.differences, snapshot.finished_at,
                     holds))  # fmt: skip
        broken += ["the fresh snapshot"] if snapshot.differences else []
    if broken:
        standing, told = (
            Standing.BAD,
            f"{len(broken)} of {counted(len(rows), 'check')} do not hold: {', '.join(broken)}.",
        )
    elif rows:
        standing, told = Standing.GOOD, f"{counted(len(rows), 'check')} that the mapping has no part in, all hold."
    else:
        standing, told = Standing.FACT, "The mapping has no assertions that a verification has asked."
    columns = ("check", "data type", "compared", "disagreements", "as of", "holds")
    return Section(key, title, standing, told, columns, tuple(rows), 2)


def failures_section(found: Sequence[Pattern]) -> Section:
    """Whether a person has decided about everything that could not be applied."""
    with_rejects = sorted((one for one in found if one.rejects), key=lambda one: one.state == "accepted")
    rejects = sum(one.rejects for one in with_rejects)
    open_ = [one for one in with_rejects if one.state != "accepted"]
    if open_:
        left = sum(one.rejects for one in open_)
        sentence = f"{counted(left, 'record')} could not be applied, and nobody has accepted that."
        standing = Standing.BAD
    elif rejects:
        standing, sentence = (
            Standing.NOTED,
            f"{counted(rejects, 'record')} could not be applied; every cause is accepted.",
        )
    else:
        standing, sentence = Standing.GOOD, "Every record could be applied."
    return Section(
        "failures",
        "Records not applied, by cause",
        standing,
        sentence,
        ("pattern", "data type", "stage", "code", "field", "shape of the value", "state", "records", "first", "last"),
        tuple(
            (one.pattern[:_HASH_SHOWN], one.stream, one.stage, one.code, one.field_path or "$", one.shape, one.state,
             one.rejects, minute(one.first_seen), minute(one.last_seen))
            for one in with_rejects
        ),
    )  # fmt: skip


def gates_section(now: Sequence[Gate], recorded: tuple[datetime, Sequence[Gate]] | None) -> Section:
    """Whether schema and query plans are as they must be: asked now, else as the last cut-over found them."""
    key, title = "drift_and_plans", "Schema and query plans"
    not_done = "Not done: neither drift nor plans have been checked. Run migration drift and migration plans."
    if now or recorded is None:
        return gate_section(key, title, now, when="", not_done=not_done)
    at, gates = recorded
    return gate_section(key, title, gates, when=f", at the cut-over of {moment(at)}", not_done=not_done)


def cutover_section(last: Cutover | None, steps: Sequence[StepRecord]) -> Section:
    """Whether the switch was made, and each step of it with its time."""
    key, title = "cutover", "Cut-over"
    if last is None:
        return Section(key, title, Standing.OPEN, "Not done: no cut-over has begun.")
    rows = tuple(
        (one.number, one.step.value.replace("_", " "), one.ending.value if one.ending else "at work",
         moment(one.began_at), round(one.seconds, 1), one.detail)
        for one in steps
    )  # fmt: skip
    standing, sentence = _cutover_told(last)
    columns = ("no.", "step", "result", "began", "seconds", "remark")
    return Section(key, title, standing, sentence, columns, rows, named_by=2)


def _cutover_told(last: Cutover) -> tuple[Standing, str]:
    by = f"approved by {last.approved_by} at {moment(last.approved_at)}" if last.approved_at else "not approved"
    match last.step:
        case CutoverStep.DONE:
            return Standing.GOOD, f"Done at {moment(last.finished_at)}, {by}."
        case CutoverStep.WATCH | CutoverStep.CLOSE:
            return Standing.NOTED, f"Switched, {by}; a way back is still kept open."
        case CutoverStep.REHEARSED:
            return Standing.OPEN, f"Not done: rehearsed at {moment(last.finished_at)}, and every gate passed."
        case CutoverStep.SYNCING:
            return Standing.OPEN, f"Not done: turned back at {moment(last.finished_at)}, because of {last.reason}."
    return Standing.OPEN, f"Not done: at work at step {last.step.value.replace('_', ' ')}, {by}."


def moment(at: datetime | None) -> str:
    """A moment of the server's, which is UTC."""
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M:%S")


def minute(at: datetime | None) -> str:
    """The same to the minute, for tables that are wide already."""
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M")
