"""The application's own statements, how the server would run them, and whether that will do."""

from migration_core.plans.explain import Access, Plan, Sort, plan_of
from migration_core.plans.judge import Fault, judged, missing_indexes
from migration_core.plans.statements import ApplicationStatement, Sample, SampleQuery, load_statements

__all__ = [
    "Access",
    "ApplicationStatement",
    "Fault",
    "Plan",
    "Sample",
    "SampleQuery",
    "Sort",
    "judged",
    "load_statements",
    "missing_indexes",
    "plan_of",
]
