"""How often a process that handles rows by the thousand looks for garbage."""

import gc

_YOUNG_OBJECTS = 50_000


def collect_seldom() -> None:
    """A batch is thousands of tuples that live until it is done and never form a cycle.

    Looking through them for cycles again and again costs a tenth of the processor.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)
