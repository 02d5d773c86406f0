"""The gates before a cut-over, asked of a replayed target: is the schema as declared, will the application be fast?"""

from db.declared import declared_schema
from db.engine import Database
from examples.scenario import Scenario
from migration_core.gate import Gate
from migration_core.plans import load_statements
from migration_verifier.drift import drift_gates, find_drift
from migration_verifier.plans import explain_statements, plan_gates

_STATEMENTS = "statements.yaml"


def gates_of(database: Database, url: str, scenario: Scenario) -> tuple[Gate, ...]:
    """Of the processed schema that `scenario` fills."""
    drift = find_drift(database, url, scenario.target_schema, scenario.migrations)
    file = scenario.mapping.parent / _STATEMENTS
    plans = explain_statements(
        database,
        url,
        scenario.target_schema,
        load_statements(file.read_text(encoding="utf-8"), file=str(file)),
        declared=lambda collation: declared_schema(database, url, scenario.migrations, collation=collation),
        analyze=True,  # it was loaded a moment ago
    )
    return (*drift_gates(drift), *plan_gates(plans))
