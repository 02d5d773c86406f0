"""A server whose disk is full: nothing is blamed on the rows, and all goes on once there is room."""

import json
from dataclasses import replace

import pytest

from tests.chaos import small_disk as disks
from tests.integration.applying import applying, person
from tests.waiting import until

pytestmark = pytest.mark.servers

_ROWS, _SIZE = 3000, 4000
_ROOM = 6 << 20
"""For a part of the rows, and not for all."""


def test_a_disk_that_fills_up_makes_no_reject_and_the_worker_goes_on_when_it_is_freed(servers, tmp_path, credentials):
    if why := disks.why_not():
        pytest.skip(why)
    with disks.small_disk(tmp_path) as disk, applying(replace(servers, mysql_url=disk.url), tmp_path) as world:
        world.put("people", [person(f"u{n}", text="x" * _SIZE) for n in range(_ROWS)])
        disk.fill(leaving=_ROOM)
        worker = world.start()
        log = tmp_path / "worker-0.log"
        until(lambda: {"MySQL error 1114"} & set(_reasons(log)), "the disk is full")
        full = world.ledger("people")

        disk.free()
        world.until_drained()

        assert full.pending > 0
        assert worker.poll() is None
        people = world.ledger("people")
        assert (people.applied, people.rejected, people.halted_lanes, people.state) == (_ROWS, 0, 0, "running")
        assert world.rejects("people") == []
        assert world.remainders() == []


def _reasons(log) -> list[str]:
    """What the worker says of the batches that it will redo."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    return [str(line["error"]).partition(":")[0] for line in lines if line["event"] == "batch_will_be_redone"]
