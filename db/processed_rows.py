"""Rows of a processed table in key order, page by page, so that any size fits in memory."""

from collections.abc import Iterator, Sequence
from typing import Any

from db.bulk import qualified, quoted
from db.engine import Database

_PAGE = 5000


def processed_rows(
    database: Database, schema: str, table: str, columns: Sequence[str], key: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """All rows with these columns, sorted by `key`, which must be the primary key and among the columns."""
    places = [columns.index(name) for name in key]
    name, order = qualified(schema, table), quoted(*key)
    after: list[Any] | None = None
    while True:
        where = f"WHERE ({order}) > ({', '.join(['%s'] * len(key))})" if after else ""
        with database.transaction() as session:
            page = session.rows(f"SELECT {quoted(*columns)} FROM {name} {where} ORDER BY {order} LIMIT {_PAGE}", after)
        yield from page
        if len(page) < _PAGE:
            return
        after = [page[-1][place] for place in places]
