"""A token bucket that several processes share: how many rows one of them may take now. Pure."""

BURST_SECONDS = 1
"""What was not used is kept for so long."""


def granted(tokens: float, elapsed_us: int, rate: int, most: int) -> tuple[int, float]:
    """Rows that may be taken, and the tokens that are left; `tokens` may be below zero after a batch that took more."""
    filled = min(tokens + rate * max(elapsed_us, 0) / 1_000_000, rate * BURST_SECONDS)
    rows = max(0, min(most, int(filled)))
    return rows, filled - rows
