"""What the server's own settings mean for the application, which sets none of them itself."""

import pytest

from migration_core.drift import ServerSettings, server_differences, server_statements

REQUIRED = ("STRICT_ALL_TABLES", "NO_ZERO_DATE")
GOOD = frozenset({"STRICT_TRANS_TABLES", "NO_ZERO_DATE", "ONLY_FULL_GROUP_BY"})


def said(mode=GOOD, zone="+00:00", system="UTC"):
    return server_differences(REQUIRED, ServerSettings(frozenset(mode), zone, system))


@pytest.mark.parametrize("zone", [("+00:00", "CET"), ("UTC", "CET"), ("SYSTEM", "UTC")])
def test_either_strict_mode_and_utc_under_any_name_are_as_declared(zone):
    assert said(zone=zone[0], system=zone[1]) == ()


@pytest.mark.parametrize(("zone", "told"), [(("SYSTEM", "CET"), "SYSTEM (CET)"), (("+01:00", "UTC"), "+01:00")])
def test_another_time_zone_is_found_also_behind_the_system(zone, told):
    [one] = said(zone=zone[0], system=zone[1])

    assert (one.name, one.declared, one.live) == ("time_zone", "+00:00", told)
    assert [one.sql for one in server_statements([one])] == ["SET PERSIST time_zone = '+00:00'"]


def test_a_missing_mode_is_added_to_those_that_the_server_has():
    [one] = said(mode={"ONLY_FULL_GROUP_BY", "NO_ZERO_DATE"})

    assert [one.sql for one in server_statements([one])] == [
        "SET PERSIST sql_mode = 'NO_ZERO_DATE,ONLY_FULL_GROUP_BY,STRICT_ALL_TABLES'"
    ]
