"""The legacy platform of the health example publishes what its seed says, wherever and however often it is asked."""

import json
import tracemalloc
from collections import Counter, defaultdict
from zlib import crc32

import pytest

from examples.health_devices import expected, logins
from examples.health_devices.causes import CAUSES
from examples.health_devices.operations import operation, operations, records
from examples.health_devices.planted import planted_codes
from examples.health_devices.population import Dice, Sizes, user_id
from examples.health_devices.scenario import HealthDevices

SIZES = Sizes.of_users(400)
STREAM_OF = {"legacy.users": "users", "legacy.devices": "devices", "legacy.measurements": "measurements"}


@pytest.fixture(scope="module")
def example():
    return HealthDevices(SIZES)


@pytest.fixture(scope="module")
def published(example):
    return [*example.initial(), *example.live()]


def test_the_same_seed_publishes_the_same_bytes(example, published):
    again = HealthDevices(SIZES)

    assert [*again.initial(), *again.live()] == published


def test_another_seed_publishes_something_else(published):
    other = HealthDevices(SIZES, seed=2)

    assert [*other.initial(), *other.live()] != published


def test_any_change_can_be_made_again_alone(example):
    dice = Dice(1)
    in_order = [records(dice, SIZES, change) for change in operations(dice, SIZES)]

    assert records(Dice(1), SIZES, operation(Dice(1), SIZES, 777)) == in_order[776]


def test_every_entity_keeps_to_one_partition(published):
    partitions = defaultdict(set)
    for record in published:
        key = expected.key_of(STREAM_OF[record.topic], record.key)
        if key is not None:
            partitions[record.topic, key].add(record.partition)

    assert {len(found) for found in partitions.values()} == {1}


def test_every_cause_is_planted_before_and_after_the_start(example):
    codes = planted_codes(Dice(1), SIZES)

    for records_of in (example.initial, example.live):
        found = Counter(codes.get((record.topic, record.key, record.value)) for record in records_of())
        del found[None]
        assert set(found) == {cause.code for cause in CAUSES}
        assert found.total() == 2 * len(CAUSES)


def test_what_is_not_planted_can_be_read(published):
    codes = planted_codes(Dice(1), SIZES)
    good = [record for record in published if (record.topic, record.key, record.value) not in codes]

    for record in good:
        assert expected.key_of(STREAM_OF[record.topic], record.key) is not None
        assert record.value is None or isinstance(json.loads(record.value.removeprefix(b"\xef\xbb\xbf")), dict)


def test_the_changes_insert_update_and_delete_in_every_stream(example):
    seen = Counter((change.stream, change.action) for change in operations(Dice(1), SIZES))

    assert len(seen) == 9
    assert min(seen.values()) > SIZES.changes / 100


def test_users_leave_by_tombstone_devices_by_op_and_tombstone_measurements_by_op(published):
    tombstones = Counter(record.topic for record in published if record.value is None)
    ops = Counter(
        record.topic
        for record in published
        if record.value is not None and expected_delete(STREAM_OF[record.topic], record)
    )

    assert tombstones.keys() == {"legacy.users", "legacy.devices"}
    assert ops.keys() == {"legacy.devices", "legacy.measurements"}


def expected_delete(stream, record):
    try:
        return expected.deletes(stream, record.value)
    except ValueError:  # a planted record
        return False


def test_debezium_comes_with_and_without_its_schema(published):
    devices = [record for record in published if record.topic == "legacy.devices" and record.value]

    assert {record.value.startswith(b'{"schema"') for record in devices} == {True, False}
    assert {record.key.startswith(b'{"schema"') for record in devices} == {True, False}


def test_only_rivals_ever_hold_the_same_login(published):
    """Per partition in order, so at no moment can the unique index refuse anybody else."""
    codes = planted_codes(Dice(1), SIZES)
    login_of, holders, clashes = {}, defaultdict(set), set()
    for record in published:
        if record.topic != "legacy.users" or (record.topic, record.key, record.value) in codes:
            continue
        key = expected.key_of("users", record.key)
        holders[login_of.pop(key, None)].discard(key)
        if record.value is not None:
            login_of[key] = expected.document(record.value)["loginName"].strip().lower()
            holders[login_of[key]].add(key)
            if len(holders[login_of[key]]) > 1:
                clashes.add(frozenset(holders[login_of[key]]))

    assert clashes == {frozenset({user_id(one), user_id(other)}) for one, other in logins.rivals()}


def test_a_login_is_handed_over_from_one_lane_to_another():
    changes = logins.handover_changes(Dice(1), SIZES)

    assert len(changes) == 2 * logins.PAIRS
    for (released, giver), (claimed, taker) in zip(changes[::2], changes[1::2], strict=True):
        assert released < claimed
        assert giver.partition == taker.partition
        assert giver.key != taker.key


@pytest.mark.parametrize("lanes", [1, 8, 32, 256])
def test_rivals_share_their_lane_so_that_it_is_certain_who_loses(lanes):
    for pair in logins.rivals():
        assert len({crc32(f'["{user_id(index)}"]'.encode()) % lanes for index in pair}) == 1


def test_a_source_of_any_size_needs_the_same_memory():
    peaks = []
    for users in (200, 2_000):
        example = HealthDevices(Sizes(users, 2 * users, 7 * users, users))
        tracemalloc.start()
        for _ in example.initial():
            pass
        for _ in example.live():
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < peaks[0] + 100_000
