"""Any statement of any role may fail or be lost: the work is redone, once, and ends as if nothing had happened.

A seeded part of all pairs of statement and fault; CHAOS_FULL=1 goes through all of them.
"""

import os
from random import Random

import pytest

from tests.chaos.meanwhile import kill_one, meanwhile
from tests.chaos.mysql_proxy import mysql_proxy
from tests.chaos.mysql_session import Cut, Fail
from tests.chaos.roles import ROLES
from tests.chaos.statement_faults import COMMITS, MOST_ATTEMPTS, every_statement, until_done

FULL = bool(os.environ.get("CHAOS_FULL"))
SEED = int(os.environ.get("SEED", "1"))

pytestmark = [pytest.mark.servers, pytest.mark.timeout(7200 if FULL else 180)]


KILLS = 10
SOME = {"worker": 28, "sweeper": 14, "master": 14, "loader": 14}
"""How many of the pairs are a fair part: each fault several times."""


@pytest.fixture
def behind_proxy(request, servers, tmp_path, credentials):
    """(role, proxy): one role after the other, behind a proxy of its own."""
    with mysql_proxy(servers.mysql_url) as proxy, ROLES[request.param](servers, tmp_path, proxy.through) as role:
        yield role, proxy


each_role = pytest.mark.parametrize("behind_proxy", SOME, indirect=True)
every_role = pytest.mark.parametrize(
    ("behind_proxy", "some"), [(name, None if FULL else some) for name, some in SOME.items()], indirect=["behind_proxy"]
)


@every_role
def test_whatever_statement_meets_whatever_fault_the_work_is_redone_and_nothing_is_blamed_on_a_row(behind_proxy, some):
    found = list(every_statement(*behind_proxy, some=some, seed=SEED))

    met = [one for one in found if one.met]
    assert len(met) > len(found) / 2  # the last statements are there only when a look at the server's health is due
    assert {one.fault for one in met} >= set(Cut)


@every_role
def test_a_commit_that_is_lost_before_or_behind_the_server_is_made_exactly_once(behind_proxy, some):
    found = list(every_statement(*behind_proxy, list(Cut), matching=COMMITS, some=some and some // 2, seed=SEED))

    assert {one.fault for one in found if one.met} == set(Cut)


@each_role
@pytest.mark.parametrize("errno", [1040, 1203])
def test_too_many_connections_are_waited_for(behind_proxy, errno):
    role, proxy = behind_proxy
    role.renew()
    proxy.cut()
    proxy.refuse(errno, times=2)

    assert until_done(role) <= MOST_ATTEMPTS

    role.expect()
    assert proxy.fired[Fail(errno)] == 2


@each_role
def test_sessions_and_statements_that_are_killed_at_random_cost_nothing(behind_proxy, database):
    role, proxy = behind_proxy
    chance = Random(SEED)
    with meanwhile(lambda: kill_one(database, proxy.sessions, chance), times=KILLS, seed=SEED) as kills:
        while kills.is_alive():
            role.renew()
            until_done(role)

    role.expect()
