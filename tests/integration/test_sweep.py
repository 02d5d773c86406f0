"""The sweep of a reload on a real MySQL: every key that is gone once, whatever kills it."""

import pytest

from db.cut import make_cut
from db.registry import registered
from migration_core.sequence import last_of, pack, snapshot_number
from migration_core.steps import Step
from snapshot_loader.reading import Bounds
from tests.integration.snapshots import SnapshotCase, killing, line

pytestmark = pytest.mark.servers

KEYS = 60
LEFT = [number for number in range(KEYS) if number % 3]
TWO_AT_ONCE = Bounds(rows=2)


class Killed(BaseException):
    """Nobody may handle it."""


def die() -> None:
    raise Killed


@pytest.fixture
def case(database_url, database, tmp_path):
    folder = tmp_path / "snapshot"
    folder.mkdir()
    found = SnapshotCase(database_url, database, folder, tmp_path / "migration.yaml")
    found.register()
    found.write([line(number) for number in range(KEYS)])
    found.load()
    make_cut(database, registered(database, "users"))
    found.write([line(number) for number in LEFT])
    return found


def swept(case: SnapshotCase) -> list[int]:
    """The numbers of users with a synthetic delete."""
    found = case.rows("SELECT JSON_VALUE(CONVERT(entity_key USING utf8mb4), '$[0]') FROM raw_users WHERE flags = 1")
    return sorted(int(key[1:]) for (key,) in found)


def expect_swept(case: SnapshotCase) -> None:
    gone = sorted(set(range(KEYS)) - set(LEFT))
    assert swept(case) == gone
    places = case.rows("SELECT sequence, source_offset, value IS NULL FROM raw_users WHERE flags = 1 ORDER BY sequence")
    assert places == [(pack(3, snapshot_number(2, n)), n, 1) for n in range(1, len(gone) + 1)]
    heads = case.rows("SELECT lane, head, `rows` FROM lane_head WHERE `rows` > 0 ORDER BY lane")
    assert heads == case.rows("SELECT lane, MAX(sequence), COUNT(*) FROM raw_users GROUP BY lane ORDER BY lane")
    newest = "snapshot_id = (SELECT MAX(snapshot_id) FROM snapshot)"
    assert case.rows(f"SELECT part, state, `rows`, lines_loaded FROM snapshot_part WHERE {newest}") == [
        (1, "open", len(LEFT), len(LEFT)),
        (2, "open", len(gone), len(gone)),
    ]
    assert case.open_to() == {last_of(4)}


def test_keys_that_are_gone_are_swept_some_at_a_time(case):
    case.load(bounds=TWO_AT_ONCE)

    expect_swept(case)


@pytest.mark.parametrize("passing", [1, 2, 5, 9])
def test_a_sweep_that_dies_between_two_transactions_goes_on_without_a_gap_or_a_double(case, passing):
    with pytest.raises(Killed):
        case.load(killing(Step.RELOAD_KEYS_SWEPT, passing, die), bounds=TWO_AT_ONCE)
    half = swept(case)
    case.load(bounds=TWO_AT_ONCE)

    assert len(half) < KEYS - len(LEFT)
    expect_swept(case)


def test_a_stream_does_not_open_before_it_is_swept(case):
    with pytest.raises(Killed):
        case.load(killing(Step.RELOAD_KEYS_SWEPT, 1, die), bounds=TWO_AT_ONCE)

    assert case.open_to() == {pack(3, snapshot_number(2, 0)) - 1}
    assert case.rows("SELECT state FROM reload") == [("loading",)]
