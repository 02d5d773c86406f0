"""A short round of `make chaos`: much goes wrong at once, and the oracle finds nothing."""

import pytest

from tests.chaos.plan import LOADER, MASTER, SERVERS, VERIFIER, WORKER, Act, Size, plan_of
from tests.chaos.round import play

pytestmark = [pytest.mark.servers, pytest.mark.long]

PROCESSES = Size(
    users=150,
    ticks=8,
    fates=((LOADER, 3), (MASTER, 3), (WORKER, 4), (VERIFIER, 2)),
    acts=(
        (Act("kill", MASTER), 1),
        (Act("kill", WORKER), 2),
        (Act("kill", VERIFIER), 1),
        (Act("pause", WORKER), 1),
        (Act("terminate", WORKER), 1),
        (Act("second master"), 1),
        (Act("purge"), 1),
        (Act("kill session"), 2),
    ),
)
WAYS = Size(
    users=150,
    ticks=8,
    fates=((WORKER, 1),),
    acts=(
        *((Act("kill server", name), 1) for name in SERVERS),
        (Act("restart server", "mysql"), 1),
        (Act("link", "mysql statement errors", 3), 1),
        (Act("link", "mysql commits cut", 3), 1),
        (Act("link", "mysql reset"), 1),
        (Act("link", "kafka cut", 2), 1),
        (Act("link", "sqs lies", 4), 1),
    ),
)


@pytest.fixture(autouse=True)
def _credentials(credentials):
    """The programs inherit them."""


def test_programs_killed_at_steps_and_moments_paused_sent_away_and_cut_off(servers, tmp_path):
    found = play(servers, plan_of(1, PROCESSES), tmp_path)

    assert found.deviations == []
    assert found.kills.keys() == {LOADER, MASTER, WORKER, VERIFIER}
    assert sum(count for of in found.kills.values() for count in of.values()) >= 6


def test_servers_killed_while_the_ways_to_them_fail(own_servers, tmp_path):
    found = play(own_servers.servers, plan_of(1, WAYS), tmp_path, stack=own_servers.stack, linked=True)

    assert found.deviations == []
    assert found.kills.keys() >= set(SERVERS)
