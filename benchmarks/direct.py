"""The ways that the pipeline is measured against: LOAD DATA of lines that were made beforehand, and nothing else."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.processor import ServerTime, per_100_000
from benchmarks.side import Side
from db.bulk import Bulk, write
from db.engine import Database

CHUNK = 10_000
"""Rows of one statement and one commit."""


def load(url: str, bulk: Bulk, shares: Sequence[Sequence[bytes]]) -> Side:
    """Load one share of lines over each connection at once, into the emptied table."""
    rows = sum(map(len, shares))
    database = Database(url, pool_size=len(shares), applies_lanes=True)
    try:
        with database.transaction() as session:
            session.execute(f"TRUNCATE TABLE {bulk.table}")
        server = ServerTime(database)
        with ThreadPoolExecutor(len(shares)) as pool:
            list(pool.map(lambda _: _connect(database), shares))
            taken, client, began = server.seconds(), time.process_time(), time.monotonic()
            list(pool.map(lambda lines: _load(database, bulk, lines), shares))
            seconds, client = time.monotonic() - began, time.process_time() - client
        return Side(rows / seconds, client * 100_000 / rows, per_100_000(taken, server.seconds(), rows))
    finally:
        database.close()


def _connect(database: Database) -> None:
    with database.transaction() as session:
        session.one("SELECT SLEEP(0.2)")


def _load(database: Database, bulk: Bulk, lines: Sequence[bytes]) -> None:
    for start in range(0, len(lines), CHUNK):
        with database.transaction() as session:
            write(session.connection, bulk, lines[start : start + CHUNK])
