"""Which rights each service needs, declared once for `migration schema grants` and for the preflight. Pure."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from migration_core.grants import merged_rights

RAW = "raw_*"
"""Stands for the raw table of every stream."""
DDL = ("CREATE", "ALTER", "DROP", "INDEX", "REFERENCES")
_ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_RENAMES = ("CREATE", "ALTER", "DROP")


class Service(StrEnum):
    """Everybody who has a MySQL user of their own."""

    LOADER = "loader"
    MASTER = "master"
    WORKER = "worker"
    VERIFIER = "verifier"
    """Of the service, and of the commands that only look: status, ledger, verify, compare, report."""
    STATISTICS = "statistics"
    """Of `migration statistics`: the only one that renames tables, and those of statistics alone."""
    OPERATOR = "operator"
    """Of people at the command line, for everything but DDL."""
    SCHEMA = "schema"
    """Of the commands that change schemas: schema upgrade, drift, replay-schema, cutover run and abort."""


class Where(StrEnum):
    """The schemas that rights are given on."""

    CONTROL = "control"
    TARGET = "target"
    SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class Need:
    """Rights on a table, or on a whole schema where `table` is None; `SELECT` or `UPDATE (column, column)`."""

    where: Where
    table: str | None
    rights: tuple[str, ...]
    only_for: str = ""
    """What goes without them, for people; everything else does not."""
    comes_and_goes: bool = False
    """Whether the table is made and dropped by who has these rights, and need not be there when they are given."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables that are not always the same."""

    raw: tuple[str, ...]
    mapped: tuple[str, ...]
    """Of the processed schema, filled by the mapping."""
    triggered: tuple[str, ...] = ()
    """Those among them with triggers: MySQL shows a trigger to nobody else, and it decides how rows are written."""
    statistics: tuple[str, ...] = ()
    """Of the processed schema, filled by statistics."""
    passing: tuple[str, ...] = ()
    """What those are called while they are built, and when others have taken their place."""


_MEASURES = "UPDATE (measured_at, threads_running, history_length, replica_lag_ms, throttled)"
_COUNTS = "n_applied, n_superseded, n_filtered, n_parked, n_rejected"
_APPLIES = f"UPDATE (applied, applied_time, open_to, {_COUNTS}, parked, settled, halted)"

_LOADER = {
    "control_version": ("SELECT",),
    "lane_head": ("SELECT", "UPDATE"),
    "lane_progress": ("SELECT", "UPDATE (open_to)"),
    "reload": ("SELECT", "UPDATE"),
    "reload_offset": ("SELECT", "INSERT", "UPDATE"),
    "snapshot": ("SELECT", "INSERT", "UPDATE"),
    "snapshot_duplicate": ("INSERT", "UPDATE"),
    "snapshot_part": ("SELECT", "INSERT", "UPDATE"),
    "source": ("SELECT", "INSERT"),
    "source_offset": ("SELECT", "INSERT"),
    "stream": ("SELECT",),
    "stream_counter": ("SELECT", "UPDATE"),
    "stream_generation": ("SELECT", "INSERT", "UPDATE"),
    RAW: ("SELECT", "INSERT", "DELETE"),
}
_MASTER = {
    "control_version": ("SELECT",),
    "lane_attempt": ("SELECT",),
    "lane_head": ("SELECT", "UPDATE"),
    "lane_progress": ("SELECT",),
    "source": ("INSERT",),
    "source_offset": ("SELECT", "INSERT", "UPDATE"),
    "stream": ("SELECT",),
    "stream_counter": ("SELECT", "UPDATE"),
    "stream_state": ("SELECT",),
    "target_health": ("SELECT", _MEASURES),
    RAW: ("INSERT",),
}
_WORKER = {
    "control_version": ("SELECT",),
    "lane_attempt": _ROWS,
    "lane_head": ("SELECT",),
    "lane_progress": ("SELECT", _APPLIES),
    "merged_document": ("SELECT", "INSERT", "DELETE"),
    "parked_key": _ROWS,
    "reject": ("SELECT", "INSERT"),
    "reject_hour": ("SELECT", "INSERT", "UPDATE"),
    "reject_pattern": ("SELECT", "INSERT", "UPDATE"),
    "reject_window": ("SELECT", "INSERT", "UPDATE"),
    "reload": ("SELECT", "UPDATE (state)"),
    "reload_offset": ("SELECT",),
    "row_outcome": ("SELECT", "INSERT", "DELETE"),
    "snapshot": ("SELECT",),
    "snapshot_duplicate": ("SELECT",),
    "snapshot_part": ("SELECT",),
    "source_offset": ("SELECT",),
    "stream": ("SELECT",),
    "stream_rate": ("SELECT", "INSERT", "UPDATE"),
    "stream_state": ("SELECT", "UPDATE (state, reason, since)"),
    "target_health": ("SELECT", _MEASURES),
    "unmapped_field": ("SELECT", "INSERT", "UPDATE"),
    RAW: ("SELECT",),
}
_STATISTICS = {
    "control_version": ("SELECT",),
    "cutover": ("SELECT",),
    "cutover_step": ("SELECT",),
    "lane_audit": ("SELECT",),
    "lane_progress": ("SELECT",),
    "run": ("SELECT", "INSERT", "UPDATE"),
    "stream": ("SELECT",),
    "target_health": ("SELECT", _MEASURES),
    RAW: ("SELECT (lane, sequence, entity_key)",),
}
_VERIFIER = {
    "lane_audit": ("INSERT", "UPDATE"),
    "lane_progress": ("UPDATE (audited)",),
    "lane_source_audit": ("INSERT", "UPDATE"),
    "ledger_remainder": ("INSERT", "UPDATE"),
    "measurement": ("INSERT",),
    "run": ("INSERT", "UPDATE"),
    "verify_difference": ("INSERT",),
    "verify_pattern": ("INSERT", "UPDATE"),
    "verify_unit": ("INSERT", "UPDATE"),
}
_OPERATOR = {
    "change_file": ("INSERT", "UPDATE"),
    "change_log": ("UPDATE (exported)",),
    "crossed_lane": ("INSERT", "UPDATE"),
    "cutover": ("UPDATE",),
    "redrive_attempt": ("INSERT", "UPDATE"),
    "redrive_row": ("INSERT", "DELETE"),
    "reject": ("DELETE",),
    "reject_decision": ("INSERT",),
    "reload": ("INSERT",),
    "run": ("DELETE",),
    "source_offset": ("UPDATE",),
    "statement_plan": ("INSERT", "UPDATE"),
    "stream_state": ("UPDATE",),
    "target_health": ("UPDATE",),
    "verify_difference": ("DELETE",),
    "verify_pattern": ("DELETE",),
    "verify_unit": ("DELETE",),
}
_WHOLE = {
    Service.WORKER: (
        # Shows the structure of all tables and a row of none: a foreign key of any table decides how rows are written.
        Need(Where.TARGET, None, ("REFERENCES",)),
    ),
    Service.VERIFIER: (Need(Where.CONTROL, None, ("SELECT",)), Need(Where.TARGET, None, ("SELECT",))),
    Service.STATISTICS: (Need(Where.TARGET, None, ("SELECT",)),),
    Service.OPERATOR: (Need(Where.CONTROL, None, ("SELECT",)), Need(Where.TARGET, None, ("SELECT", "REFERENCES"))),
    Service.SCHEMA: (
        Need(Where.CONTROL, None, (*_ROWS, *DDL)),
        Need(Where.TARGET, None, _ROWS),
        Need(Where.TARGET, None, (*DDL, "TRIGGER"), "`migration replay-schema` and the way back after a cut-over"),
        Need(Where.SCRATCH, None, (*_ROWS, *DDL, "TRIGGER", "CREATE VIEW"), "`migration drift`"),
    ),
}
_CONTROL: Mapping[Service, Sequence[Mapping[str, tuple[str, ...]]]] = {
    Service.LOADER: (_LOADER,),
    Service.MASTER: (_MASTER,),
    Service.WORKER: (_WORKER,),
    Service.VERIFIER: (_VERIFIER,),
    Service.STATISTICS: (_STATISTICS,),
    Service.OPERATOR: (_LOADER, _WORKER, _VERIFIER, _OPERATOR),
    Service.SCHEMA: (),
}
_WRITES_TARGET = (Service.WORKER, Service.OPERATOR)


def needs(service: Service, tables: Tables) -> list[Need]:
    """Everything that the user of `service` needs, and nothing more; whole schemas first, then tables by name."""
    whole = list(_WHOLE.get(service, ()))
    everywhere = {right for need in whole if need.where is Where.CONTROL for right in need.rights}
    found = [*whole, *_control_tables(_CONTROL[service], tables.raw, everywhere)]
    if service in _WRITES_TARGET:
        for name in tables.mapped:
            sees = ("TRIGGER",) if name in tables.triggered else ()
            found.append(Need(Where.TARGET, name, (*_ROWS, *sees)))
    if service is Service.STATISTICS:
        # A rename drops and alters the one name, and creates and fills the other.
        found += [Need(Where.TARGET, name, (*_ROWS, *_RENAMES)) for name in tables.statistics]
        found += [Need(Where.TARGET, name, (*_ROWS, *_RENAMES), comes_and_goes=True) for name in tables.passing]
    return found


def _control_tables(
    parts: Sequence[Mapping[str, tuple[str, ...]]], raw: Sequence[str], everywhere: Collection[str]
) -> list[Need]:
    rights: dict[str, list[str]] = defaultdict(list)
    for part in parts:
        for name, some in part.items():
            for table in raw if name == RAW else (name,):
                rights[table].extend(right for right in some if right not in everywhere)
    return [Need(Where.CONTROL, table, merged_rights(rights[table])) for table in sorted(rights) if rights[table]]
