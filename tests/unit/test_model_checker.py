"""The checker of docs/model on models whose answer is plain."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.model.checker import Step, TooLarge, _groups, check


class Drawn(NamedTuple):
    """A model that is drawn: {state: [(next state, actor)]}; `bad` breaks a promise, `last` is done."""

    edges: dict[str, list[tuple[str, str | None]]]
    bad: str = ""
    last: str = "end"

    def start(self):
        return "start"

    def steps(self, state):
        return [Step(f"{state}-{there}", there, actor) for there, actor in self.edges.get(state, [])]

    def broken(self, state):
        return "it is bad" if state == self.bad else None

    def done(self, state):
        return state == self.last


class TestPromises:
    def test_the_shortest_story_of_a_broken_promise_is_told_in_numbered_steps(self):
        drawn = Drawn({"start": [("a", "x"), ("c", "x")], "a": [("b", "x")], "b": [("bad", "x")], "c": [("bad", None)]})

        found = check(drawn._replace(bad="bad")).found

        assert str(found) == "  1. start-c\n  2. c-bad\n  => it is bad"

    def test_a_promise_may_be_broken_from_the_start(self):
        assert check(Drawn({}, bad="start")).found.steps == []

    def test_states_and_steps_are_counted_once_and_nothing_is_found_where_nothing_is_wrong(self):
        checked = check(Drawn({"start": [("a", "x"), ("end", "x")], "a": [("end", "x"), ("end", None)]}))

        assert (checked.states, checked.steps, checked.found) == (3, 4, None)

    def test_a_model_that_is_too_large_is_refused(self):
        with pytest.raises(TooLarge, match="bounds"):
            check(Drawn({str(n) if n else "start": [(str(n + 1), "x")] for n in range(10)}), most=5)


class TestEnds:
    def test_a_state_in_which_nothing_more_happens_must_be_done(self):
        found = check(Drawn({"start": [("a", "x"), ("end", "x")]})).found

        assert found.steps == ["start-a"]
        assert "nothing more happens" in found.promise

    def test_what_may_happen_need_not_happen(self):
        assert check(Drawn({"start": [("end", None)]})).found.steps == []
        assert check(Drawn({"start": [("end", "x")]})).found is None

    def test_faults_cannot_hold_an_actor_up_that_can_always_go_on(self):
        drawn = Drawn({"start": [("a", None), ("end", "x")], "a": [("start", None), ("end", "x")]})

        assert check(drawn).found is None

    def test_an_actor_that_gets_its_turns_only_where_it_has_none_may_wait_for_ever(self):
        drawn = Drawn({"start": [("a", "y"), ("end", "x")], "a": [("start", "y")]})

        assert check(drawn).found.repeated == ["start-a"]

    def test_actors_that_keep_each_other_from_the_end_are_told(self):
        drawn = Drawn({"start": [("a", "x")], "a": [("b", "y")], "b": [("a", "x"), ("end", None)]})

        found = check(drawn).found

        assert (found.steps, found.repeated) == (["start-a"], ["a-b"])
        assert "never done" in found.promise

    def test_of_two_actors_one_that_is_always_able_ends_what_the_other_repeats(self):
        drawn = Drawn({"start": [("start", "x"), ("end", "y")]})

        assert check(drawn).found is None

    def test_of_several_dead_ends_the_nearest_is_told(self):
        drawn = Drawn({"start": [("far", "x"), ("dead", "x")], "far": [("further", "x")]})

        assert check(drawn).found.steps == ["start-dead"]


@given(st.integers(1, 8).flatmap(lambda n: st.lists(st.lists(st.integers(0, n - 1)), min_size=n, max_size=n)))
def test_a_group_is_what_is_reached_from_each_other(drawn):
    edges = [[(there, None, "") for there in targets] for targets in drawn]
    among = set(range(len(drawn))) - {3}

    found = {frozenset(group) for group in _groups(edges, among)}

    reached = {one: _reached(drawn, among, one) for one in among}
    assert found == {frozenset(two for two in reached[one] if one in reached[two]) for one in among}


def _reached(drawn: list[list[int]], among: set[int], start: int) -> set[int]:
    found, waiting = {start}, [start]
    while waiting:
        new = (set(drawn[waiting.pop()]) & among) - found
        found |= new
        waiting += new
    return found
