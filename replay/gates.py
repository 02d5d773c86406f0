"""The gates before a cut-over, asked of a replayed target, and the report that a director signs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from db.declared import declared_schema
from db.engine import Database
from examples.scenario import Scenario
from migration_core.gate import Gate
from migration_core.plans import load_statements
from migration_verifier.audit import proven_ledger
from migration_verifier.drift import drift_gates, find_drift
from migration_verifier.plans import explain_statements, plan_gates
from migration_verifier.report.gathering import gather
from migration_verifier.report.writing import write
from migration_verifier.verify import Order, verify
from migration_verifier.verify_run import verify_gate
from runtime.code_hash import code_hash
from runtime.mapping_file import compiled
from runtime.version import version

_STATEMENTS = "statements.yaml"


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked: the schemas that a scenario has filled."""

    database: Database
    url: str
    scenario: Scenario

    def ledger(self) -> Gate:
        """Whether the rows prove the counters; the audit is taken up to the watermarks first."""
        return proven_ledger(self.database, Event())

    def equal(self, told: Callable[[str], None]) -> Gate:
        """Whether every processed row is as the raw rows say."""
        order = Order(url=self.url, mapping=self.scenario.mapping, version=version())
        found = verify(self.database, order, told=lambda what, done, of: told(f"{what}: {done} of {of} parts"))
        return verify_gate(found)

    def drift(self) -> tuple[Gate, ...]:
        """Whether the processed schema is as its migrations declare."""
        schema, migrations = self.scenario.target_schema, self.scenario.migrations
        return drift_gates(find_drift(self.database, self.url, schema, migrations))

    def plans(self) -> tuple[Gate, ...]:
        """Whether the application's statements run as they are meant to."""
        file = self.scenario.mapping.parent / _STATEMENTS
        found = explain_statements(
            self.database,
            self.url,
            self.scenario.target_schema,
            load_statements(file.read_text(encoding="utf-8"), file=str(file)),
            declared=lambda collation: declared_schema(
                self.database, self.url, self.scenario.migrations, collation=collation
            ),
            analyze=True,  # it was loaded a moment ago
        )
        return plan_gates(found)

    def report(self, folder: Path, drift_and_plans: tuple[Gate, ...]) -> Path:
        """Write the sign-off report; where its page is."""
        made = gather(
            self.database,
            compiled(self.scenario.mapping),
            version=version(),
            code_hash=code_hash(),
            drift_and_plans=drift_and_plans,
        )
        return write(made, folder)[0]
