"""Which raw rows stand for a key, whatever order and outcomes they have."""

from hypothesis import given
from hypothesis import strategies as st

from migration_core.standing import Standing

KEYS = [b"a", b"b", b"c"]


@st.composite
def histories(draw):
    """(sequence, key, whether it has an outcome when folded, whether it still has one when looked at)."""
    rows = draw(st.lists(st.tuples(st.sampled_from(KEYS), st.booleans(), st.booleans()), min_size=1, max_size=12))
    return [(number, key, then, then and now) for number, (key, then, now) in enumerate(rows, 1)]


def folded(history, *, partial):
    standing = Standing(partial=partial)
    for sequence, key, then, _ in history:  # in pages of one row
        standing.add([(sequence, key)], {sequence} if then else ())
    return standing


def still_with_outcome(history, standing):
    outcomes = {sequence for sequence, _, _, now in history if now}
    return dict.fromkeys(standing.held_among(standing.keys), outcomes)


@given(histories())
def test_of_full_images_the_newest_without_an_outcome_stands(history):
    standing = folded(history, partial=False)

    for key in standing.keys:
        good = [sequence for sequence, of, _, now in history if of == key and not now]
        assert standing.rows_of(key, still_with_outcome(history, standing)) == tuple(good[-1:])


@given(histories())
def test_of_partial_changes_all_without_an_outcome_stand_in_order(history):
    standing = folded(history, partial=True)

    for key in standing.keys:
        good = [sequence for sequence, of, _, now in history if of == key and not now]
        assert standing.rows_of(key, still_with_outcome(history, standing)) == tuple(good)


@given(histories(), st.integers(0, 12), st.integers(0, 12))
def test_keys_come_in_order_of_their_last_rows_and_a_restart_gives_those_behind(history, after, since):
    standing = folded(history, partial=False)
    last = {key: sequence for sequence, key, _, _ in history}
    held = set(standing.held_among(standing.keys))

    found = standing.in_order(after=after, since=since)

    assert found == sorted(
        (sequence, key) for key, sequence in last.items() if sequence > after and (sequence > since or key in held)
    )


def test_a_row_without_a_key_stands_for_nobody():
    standing = Standing(partial=False)

    standing.add([(1, None)], {1})

    assert len(standing.keys) == 0
