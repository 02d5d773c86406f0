"""Ingest stops exactly where a person says, to the record, and goes on from there."""

import pytest

from db.stop_position import clear_stops, set_stops
from db.target_health import set_health_limit
from migration_core.errors import ConfigError, Transient
from migration_core.steps import Step
from migration_core.target_health import HealthLimit
from tests.integration.legacy_topics import complete, drain, legacy_topics, turns, write

pytestmark = pytest.mark.servers


@pytest.fixture
def legacy(servers, tmp_path, credentials):
    with legacy_topics(servers, tmp_path) as found:
        with found.database.transaction() as session:
            set_health_limit(session, HealthLimit())
        yield found


def stop(legacy, **offsets: int) -> None:
    with legacy.database.transaction() as session:
        (stream_id,) = session.one("SELECT stream_id FROM stream WHERE name = 'users'")
        set_stops(session, stream_id, {(legacy.streams["users"], int(p[1:])): at for p, at in offsets.items()})


def clear(legacy) -> None:
    with legacy.database.transaction() as session:
        (stream_id,) = session.one("SELECT stream_id FROM stream WHERE name = 'users'")
        clear_stops(session, stream_id)


def until(legacy, master, condition) -> None:
    def turned() -> bool:
        master.turn()
        return condition()

    legacy.wait(turned, what="the stop")


def test_not_one_record_is_stored_from_the_stop_on_and_all_of_them_once_it_is_cleared(legacy):
    topic, other = legacy.stream(partitions=2), legacy.stream("devices")
    legacy.capture()
    write(legacy, topic, 100, partitions=2)
    write(legacy, other, 30)
    stop(legacy, p0=17)
    master = legacy.master(look_seconds=0.0)

    until(legacy, master, lambda: legacy.offsets() == {(topic, 0): 17, (topic, 1): 50, (other, 0): 30})
    turns(master, 5)
    write(legacy, topic, 20, first=100, partitions=2)
    until(legacy, master, lambda: legacy.offsets()[topic, 1] == 60)

    assert legacy.offsets()[topic, 0] == 17
    assert len(legacy.stored()) == 17 + 60 + 30
    master.check()
    clear(legacy)
    master._next_controls = 0.0
    drain(master, legacy)
    complete(legacy)


def test_when_everything_stands_at_its_stop_the_master_waits_and_a_restart_stays_there(legacy):
    topic = legacy.stream()
    legacy.capture()
    write(legacy, topic, 40)
    stop(legacy, p0=0)
    master = legacy.master()
    turns(master, 3)
    master.close()
    stop_later(legacy)
    again = legacy.master()

    until(legacy, again, lambda: legacy.offsets() == {(topic, 0): 25})
    again._next_look = 0.0
    turns(again, 3)
    again.check()

    assert len(legacy.stored()) == 25
    assert legacy.waits


def stop_later(legacy) -> None:
    stop(legacy, p0=25)


def test_a_stop_that_is_set_while_records_are_on_their_way_holds_before_their_commit(legacy):
    topic = legacy.stream()
    legacy.capture()
    write(legacy, topic, 40)
    done = []

    def meanwhile(step):
        if step is Step.MASTER_BATCH_READ and not done:
            done.append(step)
            stop(legacy, p0=5)

    master = legacy.master(reached=meanwhile)

    with pytest.raises(Transient, match="shall stop at 5"):
        turns(master, 200)
    master._next_controls = 0.0
    until(legacy, master, lambda: legacy.offsets() == {(topic, 0): 5})
    turns(master, 3)

    assert done
    assert [record[2] for record in legacy.stored()] == list(range(5))


def test_a_stop_below_what_is_stored_and_one_that_nobody_reads_are_refused(legacy):
    topic = legacy.stream()
    legacy.capture()
    write(legacy, topic, 10)
    drain(legacy.master(), legacy)

    with pytest.raises(ConfigError, match="stored up to 9 already"):
        stop(legacy, p0=9)
    with pytest.raises(ConfigError, match=r"reads no .*\[7\]"):
        stop(legacy, p7=9)
    stop(legacy, p0=10)


def test_ingest_slows_while_the_target_has_enough_to_do_and_does_not_stop(legacy):
    topic = legacy.stream()
    legacy.capture()
    write(legacy, topic, 10)
    with legacy.database.transaction() as session:
        set_health_limit(session, HealthLimit(threads_running=0))
    master = legacy.master()

    drain(master, legacy)

    complete(legacy)
    assert set(legacy.waits) == {1.0}
