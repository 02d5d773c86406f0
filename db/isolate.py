"""Finding the row that the server refuses: bisect in new transactions, left half first, down to the row."""

from dataclasses import replace

from db.apply import Applied, BadBatch, LaneApplier, Limits


def isolate(applier: LaneApplier, lane: int, limits: Limits) -> Applied:
    """Apply the next rows of `lane` in halves until each bad one stands alone and is settled; what became of them.

    Another worker may take the lane between two transactions: then fewer are left, and each half does less.
    """
    done = Applied()
    halves = [applier.pending(lane, limits.rows)]
    while halves:
        part = halves.pop()
        if not part:
            continue
        try:
            applied = applier.apply_batch([lane], replace(limits, rows=len(part)), strict=True)
        except BadBatch as bad:
            if len(part) == 1:
                applied = applier.apply_batch([lane], replace(limits, rows=1), instead=(part[0], bad))
            else:
                middle = len(part) // 2
                halves += [part[middle:], part[:middle]]
                continue
        done.add(applied)
    return done
