"""The plans with which the application's statements last passed, to be shown beside those of today."""

import json
from collections.abc import Iterable
from hashlib import sha256

from db.engine import Session
from migration_core.plans import ApplicationStatement

Lines = tuple[str, ...]


def last_good(session: Session, statements: Iterable[ApplicationStatement]) -> dict[str, Lines]:
    """By name, for statements whose SQL is still the same."""
    kept = {
        name: (digest, plan) for name, digest, plan in session.rows("SELECT name, sql_sha256, plan FROM statement_plan")
    }
    return {
        one.name: tuple(json.loads(kept[one.name][1]))
        for one in statements
        if one.name in kept and kept[one.name][0] == _digest(one)
    }


def keep(session: Session, plans: Iterable[tuple[ApplicationStatement, Lines]]) -> None:
    """These are good: from now on others are compared with them."""
    for statement, plan in plans:
        session.execute(
            "INSERT INTO statement_plan (name, sql_sha256, plan) VALUES (%s, %s, %s) AS new ON DUPLICATE KEY UPDATE "
            "sql_sha256 = new.sql_sha256, plan = new.plan, seen_at = CURRENT_TIMESTAMP(6)",
            (statement.name, _digest(statement), json.dumps(plan, ensure_ascii=False)),
        )


def _digest(statement: ApplicationStatement) -> str:
    return sha256(statement.sql.encode()).hexdigest()
