"""What rows that were kept out come to when they are folded again, beside what was applied meanwhile. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from migration_core.errors import Rejected
from migration_core.folding import Context, Folded, Rejection, Transforms, fold_images, fold_partial
from migration_core.records import RawRow


def rekeyed(stream: Transforms, rows: Iterable[RawRow]) -> frozenset[int]:
    """The sequences of rows that have another key by the rules of now: in their old place they would hit another's."""
    return frozenset(row.sequence for row in rows if row.entity_key is not None and _key(stream, row) != row.entity_key)


def fold_images_again(
    stream: Transforms, rows: Sequence[RawRow], context: Context, newest: Mapping[bytes, int], *, coalesce: bool
) -> Folded:
    """Fold rejected images; `newest` = {key: sequence of its newest row that is done}.

    An image with a newer one in its place is superseded when it is good now, and writes nothing.
    """
    live = [row for row in rows if row.sequence > newest.get(row.entity_key or b"", -1)]
    folded = fold_images(stream, live, context, coalesce=coalesce)
    late = [row for row in rows if row.sequence <= newest.get(row.entity_key or b"", -1)]
    if late:
        behind = fold_images(stream, late, replace(context, parked=frozenset()), coalesce=False)
        folded.superseded += len(late) - len(behind.rejections)
        folded.rejections = sorted(folded.rejections + behind.rejections, key=_sequence)
    return folded


def fold_history_again(
    stream: Transforms, rows: Sequence[RawRow], context: Context, kept_out: Collection[int]
) -> Folded | None:
    """Fold every row of one key of partial changes from its first; `kept_out` are those that were not done.

    None when a row that is done would not be any more: then only a replay of the whole stream can tell what is right.
    """
    folded = fold_partial(stream, rows, replace(context, parked=frozenset(), documents={}))
    out = [rejection.row.sequence for rejection in folded.rejections] + [row.sequence for row in folded.parked]
    if not set(out) <= set(kept_out):
        return None
    # The rows that were done stay counted as what they were; only the others find a place.
    if not any(effect.sequence in kept_out for effect in folded.effects):
        folded.applied = folded.filtered = 0
    folded.superseded = len(kept_out) - len(out) - folded.applied - folded.filtered
    return folded


def _key(stream: Transforms, row: RawRow) -> bytes | None:
    try:
        return stream.key_of(row.record_key, row.value)
    except Rejected:
        return row.entity_key  # folding finds the cause


def _sequence(rejection: Rejection) -> int:
    return rejection.row.sequence
