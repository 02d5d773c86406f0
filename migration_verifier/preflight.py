"""Everything that must be so before the migration begins, and again before the cut-over.

`migration check` asks whether the programs can run now. The preflight asks that too, and then what only matters over
the length of the plan and at the switch: rights, the application's own settings, retention, dead letters, space.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from db.engine import Database
from kafka_log.watermarks import LogView
from migration_core.finding import Finding, gate_of, guarded, warned
from migration_core.gate import Gate, GateVerdict
from migration_core.mapping import CompiledMapping
from migration_core.service_rights import Service
from migration_verifier.checks.database import database_findings
from migration_verifier.checks.grants import grant_findings
from migration_verifier.checks.mapping import mapping_findings
from migration_verifier.checks.plan import judged_queue, topic_plan_findings
from migration_verifier.checks.queue import queue_findings
from migration_verifier.checks.space import space_findings
from migration_verifier.checks.topics import topic_findings
from migration_verifier.checks.variables import variable_findings
from runtime.mapping_file import compiled, read_mapping
from runtime.settings import QueueAccess
from work_queue.attributes import attributes
from work_queue.client import client

GATE = "preflight"


@dataclass(frozen=True, slots=True)
class Preflight:
    """What is looked at."""

    control: Database
    cluster: LogView
    queue: QueueAccess
    mapping: Path
    snapshot: Path | None
    duration: timedelta
    """From the start offsets to the switch."""
    service: Service = Service.SCHEMA
    """Whose rights the user must have; those that change schemas take all others in."""

    def findings(self) -> Iterator[Finding]:
        """Part by part; one that is away does not keep the others from being looked at."""
        yield from guarded("database", lambda: database_findings(self.control))
        yield from guarded("grants", self._grants)
        yield from guarded("variables", lambda: variable_findings(self.control))
        yield from guarded("mapping", lambda: mapping_findings(self.mapping, self.control))
        yield from guarded("topics", self._topics)
        yield from guarded("queue", self._queue)
        yield from guarded("space", self._space)

    def _grants(self) -> Iterator[Finding]:
        filled = read_mapping(self.mapping).model.statistic_tables
        return grant_findings(self.control, self._compiled(), self.service, filled)

    def _compiled(self) -> CompiledMapping:
        return compiled(self.mapping)

    def _space(self) -> Iterator[Finding]:
        if self.snapshot is None:
            remedy = "set it where the folder is mounted, so that it is compared with MySQL's disk"
            yield warned("space", "snapshot", "SNAPSHOT_DIR is not set", remedy)
        else:
            yield from space_findings(self.control, self.snapshot)

    def _topics(self) -> Iterator[Finding]:
        yield from topic_findings(self._compiled(), self.cluster)
        yield from topic_plan_findings(self._compiled(), self.cluster, self.control, self.duration)

    def _queue(self) -> Iterator[Finding]:
        yield from queue_findings(self.queue)
        sqs = client(self.queue.region, endpoint=self.queue.endpoint, wait=timedelta())
        try:
            found = attributes(sqs, self.queue.url)
            dead = attributes(sqs, self.queue.dlq_url) if self.queue.dlq_url else None
        finally:
            sqs.close()
        yield from judged_queue(found, dead, json.loads(found.redrive_policy or "{}"))


def preflight_gates(findings: Iterable[Finding]) -> tuple[Gate, ...]:
    """One gate that passes, or one for each finding that warns or fails. Pure."""
    gates = [gate_of(one) for one in findings]
    unlike = tuple(gate for gate in gates if gate.verdict is not GateVerdict.PASS)
    return unlike or (Gate(GATE, GateVerdict.PASS, f"{len(gates)} checks"),)
