"""The load's state machine, executed as it is deployed: its tasks are the real programs on real servers."""

import pytest

from db.ledger import ledger
from examples.health_devices import scenario as health_devices
from migration_core.steps import Step
from tests.asl.deployment import KILLED, Deployment, killed_at, local_values
from tests.asl.machine import TaskFailed
from tests.integration.migrating import migrating
from tests.servers.file_server import file_server
from tests.unit.deployed import deployed
from work_queue.attributes import ensure_queue

pytestmark = pytest.mark.servers

FETCH = ("migration_cli", "snapshot", "fetch", "s3://legacy-export/2026-11-20", "/snapshot", "--time-limit", "10m")
NO_PLACE = TaskFailed("ECS.AmazonECSException", "Capacity is unavailable at this time.")
[TEMPLATE] = [one for one in deployed() if one.name == "migration"]


@pytest.fixture(scope="module")
def source(servers, tmp_path_factory):
    """A platform that has exported its snapshot; nothing of it is loaded."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "none")
        with migrating(servers, health_devices.scenario(300), tmp_path_factory.mktemp("load")) as world:
            world.publish_initial()
            world.take_snapshot("--part-rows", "100")
            yield world


@pytest.fixture
def deployment(source, tmp_path):
    dead = ensure_queue(source.queue, f"{source.queue_url.rpartition('/')[2].removesuffix('.fifo')}-dead.fifo")
    volume = tmp_path / "volume"
    volume.mkdir()
    with file_server() as bucket:
        files = [path for path in source.snapshot.rglob("*") if path.is_file()]
        root = "legacy-export/2026-11-20"
        bucket.files = {f"{root}/{path.relative_to(source.snapshot)}": path.read_bytes() for path in files}
        here = {"SQS_DLQ_URL": dead, "AWS_ENDPOINT_URL_S3": bucket.url, "SNAPSHOT_DIR": str(volume)}
        found = Deployment(TEMPLATE, local_values(source.url, source.environment | here), volume, tmp_path / "tasks")
        yield found
        found.stop()
    source.queue.delete_queue(QueueUrl=dead)


class Fates:
    """What becomes of each task of a kind, one after another; those behind the last are spared."""

    def __init__(self, deployment, kind, *fates):
        self._left = list(fates)
        self._kind = kind
        deployment.at_task = self

    def __call__(self, task, words):
        return self._left.pop(0) if task == self._kind and self._left else {}


def codes(deployment, kind):
    return [one.code for one in deployment.ran if one.task == kind]


def stored(world):
    return sum(one.received for one in ledger(world.database))


def test_three_failures_end_it_with_all_kept_and_another_execution_goes_on_to_a_verified_copy(source, deployment):
    Fates(deployment, "loader", *[killed_at(f"{Step.LOADER_CHUNK_COMMITTED}")] * 2, NO_PLACE)

    failed = deployment.execute("Load")
    kept, started = stored(source), dict(deployment.desired)
    waits, ran = list(deployment.clock.waits), len(deployment.ran)
    done = deployment.execute("Load")

    assert (failed.error, codes(deployment, "loader")[:3]) == ("GaveUp", [KILLED, KILLED, None])
    assert failed.cause.startswith("Load parts did not come through, last with ECS.AmazonECSException")
    assert waits == [30, 120]
    assert (kept > 0, started) == (True, {})
    assert [one.task for one in deployment.ran[ran : ran + 4]] == ["schema", "command", "fetch", "loader"]
    assert (done.error, done.cause) == (None, "")
    assert deployment.ran[-1].words == ("migration_cli", "verify")
    assert deployment.desired == {"master": 1, "verifier": 1, "worker": 1}
    assert [(one["MinCapacity"], one["MaxCapacity"]) for one in deployment.scaling] == [(1, 8)]
    assert len(deployment.messages) == 1
    source.prove()
