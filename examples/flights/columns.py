"""Column functions of the flights example: pure, one value in, one value out."""


def clock(time: int) -> str:
    """A local time as the airports write it: 517 is 05:17, and 2400 is 24:00, the end of its day and not the next one."""
    return f"{time // 100:02d}:{time % 100:02d}"
