"""A stream's limit of rows a second, shared by all workers through one row."""

from db.engine import Database, Session
from migration_core.rate import granted


def rate_limits(session: Session) -> dict[int, int]:
    """{stream id: rows a second} of the streams that have a limit."""
    return dict(session.rows("SELECT stream_id, rate_limit FROM stream_state WHERE rate_limit IS NOT NULL"))


def set_rate(session: Session, stream_id: int, rate: int | None) -> None:
    """Rows a second over all workers from now on; None for no limit."""
    session.execute("UPDATE stream_state SET rate_limit = %s WHERE stream_id = %s", (rate, stream_id))
    session.execute(
        "INSERT INTO stream_rate (stream_id) VALUES (%s) ON DUPLICATE KEY UPDATE tokens = 0, refilled_at = NOW(6)",
        (stream_id,),
    )


def take(database: Database, stream_id: int, rate: int, most: int) -> int:
    """Take up to `most` rows of what the limit allows now; by the server's clock, which all workers share."""
    with database.transaction() as session:
        session.execute("INSERT IGNORE INTO stream_rate (stream_id) VALUES (%s)", (stream_id,))
        found = session.one(
            "SELECT tokens, TIMESTAMPDIFF(MICROSECOND, refilled_at, NOW(6)) FROM stream_rate "
            "WHERE stream_id = %s FOR UPDATE",
            (stream_id,),
        )
        tokens, elapsed = found or (0.0, 0)
        rows, left = granted(tokens, elapsed, rate, most)
        session.execute(
            "UPDATE stream_rate SET tokens = %s, refilled_at = NOW(6) WHERE stream_id = %s", (left, stream_id)
        )
    return rows


def give_back(database: Database, stream_id: int, rows: int) -> None:
    """Rows that were taken and not used; below zero, those that a search for a bad row took besides."""
    with database.transaction() as session:
        session.execute("UPDATE stream_rate SET tokens = tokens + %s WHERE stream_id = %s", (rows, stream_id))
