"""The master as a process: killed, suspended, doubled, asked to leave and asked how it is."""

import signal

import pytest

from migration_core.errors import ConfigError
from migration_core.steps import Step
from migration_master.opening import check_registered
from runtime.mapping_file import compiled
from tests.chaos.suspended import go_on, until_stopped
from tests.integration.legacy_topics import complete, drain, legacy_topics, write

pytestmark = pytest.mark.servers


@pytest.fixture
def legacy(servers, tmp_path, credentials):
    with legacy_topics(servers, tmp_path) as found:
        yield found


STEPS = [step for step in Step if step.startswith("master.")]


class TestTheProcess:
    @pytest.mark.parametrize("step", STEPS)
    def test_killed_at_any_step_it_leaves_nothing_that_a_new_one_loses_or_doubles(self, legacy, step):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        write(legacy, topic, 500, partitions=2)

        killed = legacy.start(MIGRATION_FAILPOINTS=f"{step}:1:kill")
        assert killed.wait(60) == -signal.SIGKILL
        write(legacy, topic, 100, first=500, partitions=2)
        drain(legacy.master(), legacy)

        complete(legacy)

    def test_two_processes_of_which_the_second_wins(self, legacy):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        write(legacy, topic, 100, partitions=2)
        first = legacy.start()
        legacy.wait(lambda: legacy.offsets() == legacy.ends())

        second = legacy.start()
        legacy.wait(lambda: legacy.rows("SELECT MIN(epoch) FROM source_offset") == [(2,)])
        write(legacy, topic, 100, first=100, partitions=2)

        assert first.wait(60) == 75
        legacy.wait(lambda: legacy.offsets() == legacy.ends())
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0
        complete(legacy)

    def test_a_master_that_was_suspended_while_another_took_over_changes_nothing(self, legacy):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        write(legacy, topic, 100, partitions=2)
        first = legacy.start(MIGRATION_FAILPOINTS=f"{Step.MASTER_BATCH_READ}:1:stop")
        until_stopped(first)

        second = legacy.start()
        legacy.wait(lambda: legacy.offsets() == legacy.ends())
        go_on(first)

        assert first.wait(60) == 75
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0
        complete(legacy)

    def test_it_leaves_soon_after_sigterm_while_records_pour_in(self, legacy):
        topic = legacy.stream(partitions=2)
        legacy.capture()
        process = legacy.start()
        write(legacy, topic, 20_000, partitions=2)
        legacy.wait(lambda: sum(legacy.offsets().values()) > 0)

        process.send_signal(signal.SIGTERM)

        assert process.wait(60) == 0

    def test_ready_means_that_every_stream_is_read(self, legacy):
        users = legacy.stream("users")
        legacy.stream("devices")
        legacy.capture()
        process = legacy.start()
        legacy.wait(lambda: any(line["event"] == "reading" for line in legacy.log()))
        good = legacy.ready()
        process.send_signal(signal.SIGTERM)
        process.wait(60)

        write(legacy, users, 10)
        legacy.admin.delete_records(users, 0, 5)
        legacy.start()
        legacy.wait(lambda: any(line["event"] == "reading" for line in legacy.log(1)))
        status, answer = legacy.ready(1)

        assert good[0] == 200, good
        assert status == 503
        assert "records from 0 to 4 were removed" in answer

    def test_a_mapping_with_other_lanes_than_the_stored_ones_is_refused(self, legacy):
        legacy.stream()
        text = legacy.mapping().read_text(encoding="utf-8").replace("format: json", "format: json\n    lanes: 16")
        legacy.mapping().write_text(text, encoding="utf-8")
        streams = dict(compiled(legacy.folder / "migration.yaml").streams)

        with pytest.raises(ConfigError, match="32 lanes"):
            check_registered(legacy.database, streams)
