"""A campaign goes on where it stopped, knows what is left to do, and shows its figures."""

from datetime import UTC, datetime

import pytest

from tests.chaos import report
from tests.chaos.campaign import Campaign
from tests.chaos.plan import LOADER, MASTER, ROLES
from tests.chaos.pulse import Beat, full_rate
from tests.chaos.recovery import Recovery
from tests.chaos.round import Tally

DATE = datetime(2026, 1, 2, tzinfo=UTC)


def tally(seed: int = 1, *, records: int = 1_000_000, kills: int = 150) -> Tally:
    return Tally(seed, records, 60.0, {role: {"random moment": kills} for role in ROLES}, {"purge": 2})


def test_an_interrupted_campaign_goes_on_behind_its_finished_rounds(tmp_path):
    first = Campaign.opened(tmp_path / "full.json", "code", 10)
    first.rounds.append(tally(10))
    first.keep()

    again = Campaign.opened(tmp_path / "full.json", "code", 99)

    assert (again.seed, again.next_seed, again.rounds) == (10, 11, [tally(10)])


def test_what_holds_of_other_code_says_nothing(tmp_path):
    first = Campaign.opened(tmp_path / "full.json", "code", 10)
    first.rounds.append(tally(10))
    first.keep()

    assert Campaign.opened(tmp_path / "full.json", "other code", 99).rounds == []


def test_a_campaign_names_what_its_bar_still_asks_for(tmp_path):
    campaign = Campaign(tmp_path / "full.json", "code", 1)
    campaign.rounds.append(tally())
    assert campaign.left() == []

    campaign.rounds = [tally(records=5, kills=150)]
    campaign.rounds[0].kills[LOADER] = {"loader.rung": 3}

    assert campaign.left() == ["3 of 100 kills of snapshot_loader", "903 of 1,000 kills", "5 of 1,000,000 records"]


def test_the_figures_state_what_they_bound_and_where_the_kills_fell(tmp_path):
    campaign = Campaign(tmp_path / "full.json", "code", 7)
    campaign.rounds.append(tally())
    campaign.rounds[0].kills[MASTER]["master.committed"] = 50

    text = report.campaign_text(campaign, date=DATE)

    assert "`make chaos FULL=1 SEED=7` on 2026-01-02: 1 rounds, 1,000,000 records, 1,100 kill -9, 0 rounds" in text
    assert "by 3/1,100 = 0.27%" in text
    assert "| migration_master | 200 | 150 | 50 | 1 of 8 |" in text


def test_a_failure_bounds_nothing(tmp_path):
    campaign = Campaign(tmp_path / "full.json", "code", 7)
    campaign.rounds.append(tally())
    campaign.rounds[0].deviations.append("raw: gone")

    assert "bounds" not in report.campaign_text(campaign, date=DATE)


def test_recoveries_are_shown_by_fault_with_median_and_maximum():
    ones = [Recovery("kill", seconds, seconds + 1, 0.5) for seconds in (1.0, 2.0, 9.0)]

    assert "| kill | 3 | 2.0 / 9.0 | 3.0 / 10.0 | 0.5 / 0.5 |" in report.recovery_text(ones, 1, date=DATE)


def test_figures_are_put_between_their_markers_and_nowhere_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n", encoding="utf-8")

    report.put("x", "new", page)

    assert page.read_text(encoding="utf-8") == "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n"
    with pytest.raises(ValueError, match="no markers"):
        report.put("y", "new", page)


def test_the_rate_is_full_again_at_the_end_of_the_first_window_with_as_many_as_are_written():
    still = [Beat(tenth / 10, 0, 0, 0.0) for tenth in range(20)]
    goes_on = [Beat(2 + tenth / 10, 0, 20 * tenth, 0.0) for tenth in range(20)]

    assert full_rate(still, 0, 200) is None
    assert full_rate([*still, *goes_on], 0, 200) == pytest.approx(2.5, abs=0.11)


def test_the_page_has_the_markers_that_the_campaign_writes_between(tmp_path):
    copy = tmp_path / "page.md"
    copy.write_text(report.PAGE.read_text(encoding="utf-8"), encoding="utf-8")

    for name in ("campaign", "recovery"):
        report.put(name, "figures", copy)

    assert copy.read_text(encoding="utf-8").count("figures") >= 2
