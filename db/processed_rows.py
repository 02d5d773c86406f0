"""Rows of a processed table in key order, page by page, so that any size fits in memory."""

from collections.abc import Iterator, Sequence
from typing import Any

from db.bulk import beside_arguments, qualified, quoted
from db.engine import Database

_PAGE = 5000


def processed_rows(
    database: Database, schema: str, table: str, columns: Sequence[str], key: Sequence[str], *, page: int = _PAGE
) -> Iterator[tuple[Any, ...]]:
    """All rows with these columns, sorted by `key`, which must be the primary key and among the columns."""
    places = [columns.index(name) for name in key]
    name, order, listed = map(beside_arguments, (qualified(schema, table), quoted(*key), quoted(*columns)))
    after: list[Any] = []
    while True:
        where = f"WHERE ({order}) > ({', '.join(['%s'] * len(key))})" if after else ""
        with database.transaction() as session:
            found = session.rows(f"SELECT {listed} FROM {name} {where} ORDER BY {order} LIMIT {page}", after)
        yield from found
        if len(found) < page:
            return
        after = [found[-1][place] for place in places]
