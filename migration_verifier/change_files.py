"""Changes since the switch as a file per stream, each change in it exactly once, whenever the writer is killed."""

import json
import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from db.change_export import LoggedChange, exported, next_batch, open_file
from db.engine import Database
from migration_core.errors import Halted
from migration_core.reversing import StreamReversal, TableReversal
from migration_core.steps import Reached, Step, nothing
from runtime.durable import settle_folder

_encode = msgspec.json.Encoder(decimal_format="number").encode


def export_changes(
    database: Database,
    cutover_id: int,
    folder: Path,
    reversals: Mapping[int, StreamReversal],
    *,
    again: bool = False,
    reached: Reached = nothing,
) -> dict[str, tuple[str, int]]:
    """Write what was logged and not yet written; {stream: (file, changes in it)}. `reversals` is by stream id."""
    folder.mkdir(parents=True, exist_ok=True)
    for stream_id, reversal in reversals.items():
        file = folder.resolve() / f"changes-{reversal.stream}.ndjson"
        open_file(database, cutover_id, stream_id, str(file), again=again)
        while _write_batch(database, cutover_id, stream_id, file, reversal, reached):
            pass
    return exported(database, cutover_id)


def _write_batch(
    database: Database, cutover_id: int, stream_id: int, file: Path, reversal: StreamReversal, reached: Reached
) -> bool:
    with next_batch(database, cutover_id, stream_id) as batch:
        lines = b"".join(_line(one) for change in batch.changes for one in told(change, reversal))
        _append(file, batch.bytes, lines)  # safe on disk first,
        reached(Step.CHANGES_WRITTEN)
        if batch.changes:
            batch.written(len(lines))  # only then marked as written
        reached(Step.CHANGES_MARKED)
        return bool(batch.changes)


def told(change: LoggedChange, reversal: StreamReversal) -> Iterator[dict[str, Any]]:
    """One change in legacy words; a change of the id itself is a delete and an insert."""
    table = reversal.tables[change.table]
    before, after = _row(change.before), _row(change.after)
    if before is not None and after is not None and table.key(before) != table.key(after):
        yield _told(change, reversal, table, before, None)
        yield _told(change, reversal, table, None, after)
    else:
        yield _told(change, reversal, table, before, after)


def _told(
    change: LoggedChange,
    reversal: StreamReversal,
    table: TableReversal,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> dict[str, Any]:
    row = after if after is not None else before or {}
    op = "delete" if after is None else "insert" if before is None else "update"
    return {
        "change": change.change_id,
        "changed_at": change.changed_at.isoformat() + "Z",
        "op": op,
        "id": dict(zip(reversal.key_paths, table.key(row), strict=True)),
        "element_of": table.element_of,
        "before": None if before is None else table.document(before),
        "after": None if after is None else table.document(after),
        "table": change.table,
        "row_before": before,
        "row_after": after,
        "not_reversed": sorted(table.lost),
    }


def _append(file: Path, length: int, lines: bytes) -> None:
    new = not file.exists()
    with file.open("r+b" if not new else "x+b") as target:
        target.seek(0, os.SEEK_END)
        if target.tell() < length:
            raise Halted(f"{file} is shorter than what was written to it: export everything anew with --again")
        target.truncate(length)  # what a process that died had written and not marked
        target.seek(length)
        target.write(lines)
        target.flush()
        os.fsync(target.fileno())
    if new:
        settle_folder(file.parent)


def _row(text: str | None) -> dict[str, Any] | None:
    return None if text is None else json.loads(text, parse_float=Decimal)


def _line(change: Mapping[str, Any]) -> bytes:
    return _encode(change) + b"\n"
