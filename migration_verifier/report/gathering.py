"""Everything that the report says, asked of the database in the order in which a reader wants to know it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from db import report_facts
from db.cutover_store import CutoverStore
from db.engine import Database
from db.ledger_proof import source_ledgers, stream_proofs
from db.measurements import moments
from db.reject_report import patterns, rejected_rows
from db.schema import current
from db.server_facts import server_facts
from db.snapshot_report import snapshot_statuses
from db.source_report import source_statuses
from migration_core.cutover import CutoverStep
from migration_core.gate import Gate
from migration_core.mapping import CompiledMapping
from migration_core.proof import ledger_gate
from migration_core.report import Report
from migration_verifier.equality import equality
from migration_verifier.report import evidence, sections
from migration_verifier.report.series import series

_SAMPLES = 3
_SAMPLED = 100
"""Patterns that show samples, the most frequent first."""


def gather(
    database: Database, mapping: CompiledMapping, *, version: str, code_hash: str, drift_and_plans: Sequence[Gate] = ()
) -> Report:
    """What the database knows; `drift_and_plans` are gates asked just now, else those of the last cut-over stand."""
    schema, server = mapping.target_schema, server_facts(database)
    store = CutoverStore(database)
    last = store.latest()
    found = patterns(database)
    # One pattern at a time: a record may be megabytes, and only its mask is kept.
    samples = (row for one in found[:_SAMPLED] for row in rejected_rows(database, one.pattern, limit=_SAMPLES))
    made_of = (
        ("program", version, code_hash),
        ("mapping", "in force now", mapping.hash),
        ("control schema", f"revision {current(database)}", ""),
        ("processed schema", schema, report_facts.schema_hash(database, schema)),
        ("server", f"MySQL {server.version}", server.server_uuid),
    )
    proofs, compared = stream_proofs(database), equality(database, mapping)
    told = (
        sections.ledger_section(proofs, ledger_gate(proofs, source_ledgers(database))),
        sections.verification_section(compared),
        sections.assertions_section(compared),
        sections.failures_section(found),
        sections.gates_section(drift_and_plans, store.last_gates(CutoverStep.PLANS)),
        sections.cutover_section(last, store.steps(last.cutover_id) if last else []),
        evidence.timeline_section(report_facts.events(database)),
        evidence.snapshot_section(snapshot_statuses(database)),
        evidence.topics_section(source_statuses(database)),
        evidence.accepted_section(found, report_facts.given_up(database)),
        evidence.samples_section(samples),
        evidence.streams_section(report_facts.streams(database), mapping.hash),
        evidence.versions_section(made_of),
    )
    made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Report(made_at, version, told, tuple(series(moments(database))))
