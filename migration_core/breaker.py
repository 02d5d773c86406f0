"""When a stream rejects so much that something else than its rows must be wrong. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

_WINDOWS = 2
"""A window that is so many times as long as its limit asks for says nothing of now: another begins."""


@dataclass(frozen=True, slots=True)
class BreakerLimit:
    """What a stream may reject; None where that is no limit."""

    share_percent: int | None = 10
    of_rows: int = 1000
    """The share is looked at when the window holds so many rows."""
    in_a_row: int | None = 500


@dataclass(frozen=True, slots=True)
class RejectWindow:
    """What was seen of a stream lately; `began` and `seen` count all its rows that had an outcome then."""

    began: int = 0
    rejects: int = 0
    run: int = 0
    """Rejects since the last row that was none."""
    seen: int = 0


def looked_at(
    window: RejectWindow, limit: BreakerLimit, rows: Iterable[bool | None], *, before: int, after: int
) -> tuple[RejectWindow, str]:
    """The window with one transaction's rows in it, and why the stream must pause, or "".

    `rows` in order: True for a reject, False for another outcome, None for what counts as neither. `before` and
    `after` are the stream's rows with an outcome, without and with this transaction.
    """
    if before - window.began > _WINDOWS * limit.of_rows or before < window.began:
        window = replace(window, began=before, rejects=0)
    # Transactions without a reject are not looked at: that there were some shows in the count alone.
    run = window.run if window.seen >= before else 0
    longest = run
    rejects = window.rejects
    for rejected in rows:
        if rejected is None:
            continue
        run = run + 1 if rejected else 0
        rejects += rejected
        longest = max(longest, run)
    found = RejectWindow(window.began, rejects, run, after)
    return found, _reason(limit, longest, rejects, after - window.began)


def _reason(limit: BreakerLimit, longest: int, rejects: int, rows: int) -> str:
    if limit.in_a_row is not None and longest >= limit.in_a_row:
        return f"{longest:,} rows in a row were rejected"
    if limit.share_percent is not None and rows >= limit.of_rows and rejects * 100 > limit.share_percent * rows:
        return f"{rejects:,} of the last {rows:,} rows were rejected"
    return ""
