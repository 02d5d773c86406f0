"""What is done after a moment: at its time, together with what is due by then, and at once when it is closed."""

import time

from tests.waiting import until
from work_queue.later import Later

HOUR = 3600.0


def test_each_comes_at_its_time():
    done: list[list[str]] = []
    later = Later(done.append)
    begun = time.monotonic()

    later.add(["an hour"], HOUR)
    later.add(["second"], 0.1)
    later.add(["first"], 0.05)
    until(lambda: sum(map(len, done)) == 2, lambda: done)

    assert time.monotonic() - begun >= 0.1
    assert [one for batch in done for one in batch] == ["first", "second"]
    later.close()


def test_things_of_one_time_are_done_together():
    done: list[list[str]] = []
    later = Later(done.append)

    later.add(["a", "b", "c"], 0.01)
    until(lambda: done, "they are done")

    assert done == [["a", "b", "c"]]
    later.close()


def test_closing_does_at_once_what_still_waits():
    done: list[list[str]] = []
    later = Later(done.append)
    later.add(["b"], 2 * HOUR)
    later.add(["a"], HOUR)

    later.close()

    assert [one for batch in done for one in batch] == ["a", "b"]


def test_after_closing_everything_is_done_at_once():
    done: list[list[str]] = []
    later = Later(done.append)
    later.close()

    later.add(["late"], HOUR)

    assert done == [["late"]]
