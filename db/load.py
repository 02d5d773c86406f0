"""How busy the server is, for work that must give way to the application's."""

from db.engine import Database


def threads_running(database: Database) -> int:
    """Statements that the server executes at this moment, the question itself among them."""
    with database.transaction() as session:
        found = session.one("SHOW GLOBAL STATUS LIKE 'Threads_running'")
    return int(found[1]) if found else 0
