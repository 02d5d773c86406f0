"""The rules of the cut-over: every way leads to an end, and none leaves the old platform frozen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_core.cutover import BACK, ENDS, FORWARD, CutoverStep, Ending, after, failures, token
from migration_core.gate import Gate, GateVerdict

FROZEN = FORWARD[FORWARD.index(CutoverStep.FREEZE) : FORWARD.index(CutoverStep.SWITCH)]


def walk(endings, *, rehearsal=False):
    """The steps that these endings lead through; what comes after them passes."""
    step, back, taken = CutoverStep.PREFLIGHT, False, []
    for ending in [*endings, *[Ending.PASSED] * 30]:
        taken.append(step)
        if step in ENDS:
            return taken
        back = back or (ending is not Ending.PASSED and step in FORWARD)
        step = after(step, ending, rehearsal=rehearsal, turned_back=back)
    return taken


def test_when_all_is_well_every_step_is_taken_once_in_the_order_of_the_plan():
    assert walk([]) == [*FORWARD, CutoverStep.DONE]


def test_a_rehearsal_stops_before_approval_and_switch_and_gives_the_old_platform_back():
    taken = walk([], rehearsal=True)

    assert taken[-2:] == [CutoverStep.UNFREEZE, CutoverStep.REHEARSED]
    assert not {CutoverStep.APPROVAL, CutoverStep.CHANGE_LOG, CutoverStep.SWITCH} & set(taken)


@pytest.mark.parametrize("ending", [Ending.FAILED, Ending.ABORTED])
@pytest.mark.parametrize("rehearsal", [False, True])
@pytest.mark.parametrize("step", [one for one in FROZEN if one is not CutoverStep.CHANGE_LOG])
def test_whatever_fails_between_freeze_and_switch_unfreezes_and_goes_back_to_syncing(step, rehearsal, ending):
    passed = [Ending.PASSED] * FORWARD.index(step)
    if rehearsal and step not in walk([], rehearsal=True):
        return

    taken = walk([*passed, ending], rehearsal=rehearsal)

    assert taken[taken.index(step) + 1 :] == [CutoverStep.UNFREEZE, CutoverStep.SYNCING]


@pytest.mark.parametrize("step", [CutoverStep.PREFLIGHT, CutoverStep.LAG])
def test_before_the_freeze_there_is_nothing_to_give_back(step):
    taken = walk([*[Ending.PASSED] * FORWARD.index(step), Ending.FAILED])

    assert taken[-2:] == [step, CutoverStep.SYNCING]


def test_a_change_log_that_cannot_begin_lets_the_streams_go_on():
    taken = walk([*[Ending.PASSED] * FORWARD.index(CutoverStep.CHANGE_LOG), Ending.FAILED])

    assert taken[-3:] == [CutoverStep.RELEASE, CutoverStep.UNFREEZE, CutoverStep.SYNCING]


@pytest.mark.parametrize("step", [CutoverStep.SWITCH, CutoverStep.WATCH])
def test_after_the_switch_a_failure_turns_nothing_back_and_a_person_does(step):
    passed = [Ending.PASSED] * FORWARD.index(step)

    failed, aborted = walk([*passed, Ending.FAILED]), walk([*passed, Ending.ABORTED])

    assert failed[-1] is CutoverStep.DONE
    assert aborted[aborted.index(step) + 1 :] == [*BACK, CutoverStep.SYNCING]


def test_once_changes_may_be_logged_no_more_there_is_no_way_back():
    passed = [Ending.PASSED] * FORWARD.index(CutoverStep.CLOSE)

    assert walk([*passed, Ending.ABORTED])[-2:] == [CutoverStep.CLOSE, CutoverStep.DONE]


@given(st.lists(st.sampled_from(Ending), max_size=40), st.booleans())
def test_every_way_leads_to_an_end_and_never_from_a_freeze_past_the_unfreeze(endings, rehearsal):
    taken = walk(endings, rehearsal=rehearsal)

    assert taken[-1] in ENDS
    if taken[-1] is CutoverStep.SYNCING and CutoverStep.FREEZE in taken:
        assert taken[-2] is CutoverStep.UNFREEZE
    if taken[-1] is CutoverStep.DONE:
        assert {CutoverStep.DRAIN, CutoverStep.VERIFY, CutoverStep.APPROVAL, CutoverStep.LAST_LOOK} <= set(taken)


def test_a_hook_hears_the_same_token_at_each_try_of_a_step_and_another_in_another():
    assert token(3, 12, CutoverStep.SWITCH) == "cutover-3-12-switch"
    assert token(3, 12, CutoverStep.SWITCH) != token(4, 12, CutoverStep.SWITCH)


def test_only_failures_shut_the_way_and_they_name_their_remedy():
    gates = [
        Gate("lag", GateVerdict.PASS, "0"),
        Gate("retention", GateVerdict.WARN, "2 days", "keep a week"),
        Gate("rejects", GateVerdict.FAIL, "7 open", "accept or redrive them"),
    ]

    assert failures(gates) == "rejects: 7 open (accept or redrive them)"
    assert failures(gates[:2]) == ""
