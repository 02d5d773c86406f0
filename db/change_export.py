"""Logged changes on their way to files: a batch is marked and its file's length moved in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from db.engine import Database, Session
from migration_core.errors import ConfigError

_BATCH = 500


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """One change of one row, with the row as it was and as it is, in JSON text."""

    change_id: int
    table: str
    before: str | None
    after: str | None
    changed_at: datetime


@dataclass(slots=True)
class Batch:
    """The next changes of one stream, while the row of their file is locked."""

    session: Session
    cutover_id: int
    stream_id: int
    bytes: int
    """How much of the file holds changes that are marked; the rest is of a process that died."""
    changes: list[LoggedChange]

    def written(self, size: int) -> None:
        """The lines are safe on disk, `size` bytes: mark them; the transaction's end makes it true."""
        marks = ", ".join(str(one.change_id) for one in self.changes)
        self.session.execute(f"UPDATE change_log SET exported = TRUE WHERE change_id IN ({marks})")
        self.session.execute(
            "UPDATE change_file SET bytes = bytes + %s, changes = changes + %s "
            "WHERE cutover_id = %s AND stream_id = %s",
            (size, len(self.changes), self.cutover_id, self.stream_id),
        )


def open_file(database: Database, cutover_id: int, stream_id: int, file: str, *, again: bool) -> None:
    """Begin or go on with the file of one stream; another file than before is refused unless all is exported again."""
    with database.transaction() as session:
        session.execute(
            "INSERT INTO change_file (cutover_id, stream_id, file) VALUES (%s, %s, %s) AS new "
            "ON DUPLICATE KEY UPDATE stream_id = new.stream_id",
            (cutover_id, stream_id, file),
        )
        where = (cutover_id, stream_id)
        found = session.one("SELECT file FROM change_file WHERE cutover_id = %s AND stream_id = %s FOR UPDATE", where)
        if again:
            session.execute(
                "UPDATE change_log SET exported = FALSE WHERE cutover_id = %s AND stream_id = %s AND exported", where
            )
            session.execute(
                "UPDATE change_file SET file = %s, bytes = 0, changes = 0 WHERE cutover_id = %s AND stream_id = %s",
                (file, *where),
            )
        elif found is not None and found[0] != file:
            raise ConfigError(
                f"the changes of this cut-over go to {found[0]}; name its folder, or write everything anew with --again"
            )


@contextmanager
def next_batch(database: Database, cutover_id: int, stream_id: int) -> Iterator[Batch]:
    """The next changes in the order in which they happened; two exporters wait for one another."""
    with database.transaction() as session:
        found = session.one(
            "SELECT bytes FROM change_file WHERE cutover_id = %s AND stream_id = %s FOR UPDATE",
            (cutover_id, stream_id),
        )
        # One statement sees one moment: if it sees a change of a row, it sees that row's earlier ones too. Ids are
        # taken before COMMIT, so "beyond the last id" would miss a change whose transaction ended late.
        rows = session.rows(
            "SELECT change_id, table_name, before_row, after_row, changed_at FROM change_log "
            "WHERE cutover_id = %s AND stream_id = %s AND exported = FALSE ORDER BY change_id LIMIT %s",
            (cutover_id, stream_id, _BATCH),
        )
        yield Batch(session, cutover_id, stream_id, int(found[0]) if found else 0, [LoggedChange(*row) for row in rows])


def exported(database: Database, cutover_id: int) -> dict[str, tuple[str, int]]:
    """{stream: (file, changes in it)}."""
    with database.transaction() as session:
        rows = session.rows(
            "SELECT s.name, f.file, f.changes FROM change_file f JOIN stream s USING (stream_id) "
            "WHERE f.cutover_id = %s ORDER BY s.name",
            (cutover_id,),
        )
    return {stream: (file, changes) for stream, file, changes in rows}
