"""Merged documents of partial changes: one a key, written in the transaction that writes the tables."""

from collections.abc import Collection, Mapping

from db.bulk import Bulk, escaped, write
from db.engine import Session
from migration_core import documents

_DOCUMENT = Bulk(
    "merged_document", ("stream_id", "lane", "entity_key", "sequence", "document"), replace=True, binary=True
)


def documents_of(
    session: Session, stream_id: int, lane: int, keys: Collection[bytes]
) -> dict[bytes, Mapping[str, object]]:
    """The merged documents of those `keys` that have one."""
    if not keys:
        return {}
    marks = ", ".join(["%s"] * len(keys))
    rows = session.rows(
        f"SELECT entity_key, document FROM merged_document WHERE stream_id = %s AND lane = %s "
        f"AND entity_key IN ({marks})",
        (stream_id, lane, *keys),
    )
    return {bytes(key): documents.decode(document) for key, document in rows}


def store_documents(
    session: Session,
    stream_id: int,
    lane: int,
    changed: Mapping[bytes, tuple[int, Mapping[str, object] | None]],
    *,
    strict: bool,
) -> None:
    """Keep the documents that changed and forget those that are gone."""
    lines = [
        b"%d\t%d\t%b\t%d\t%b\n" % (stream_id, lane, escaped(key), sequence, escaped(documents.encode(document)))
        for key, (sequence, document) in changed.items()
        if document is not None
    ]
    write(session.connection, _DOCUMENT, lines, strict=strict)
    gone = [key for key, (_, document) in changed.items() if document is None]
    if gone:
        marks = ", ".join(["%s"] * len(gone))
        session.execute(
            f"DELETE FROM merged_document WHERE stream_id = %s AND lane = %s AND entity_key IN ({marks})",
            (stream_id, lane, *gone),
        )
