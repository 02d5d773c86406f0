"""A migration's world as the account that its template is deployed in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from examples.health_devices import scenario as health_devices
from local_stack.servers import Servers
from tests.asl.deployment import Deployment, local_values
from tests.integration.migrating import Migrating, migrating
from tests.servers.file_server import file_server
from tests.unit.deployed import Template, deployed
from work_queue.attributes import ensure_queue

[TEMPLATE] = [one for one in deployed() if one.name == "migration"]
_EXPORT = "legacy-export/2026-11-20"
"""Bucket and prefix of the template's snapshot."""
SERVICES = ("master", "worker", "verifier")
JOBS = ("schema", "fetch", "loader", "command", "statistics")
"""In the order in which a person starts them."""


@contextmanager
def deployed_here(world: Migrating, folder: Path, template: Template = TEMPLATE) -> Iterator[Deployment]:
    """An empty volume, the world's snapshot in the bucket, a dead-letter queue, and every task ended afterwards."""
    volume = folder / "volume"
    volume.mkdir()
    dead = ensure_queue(world.queue, f"{folder.name.replace('_', '-')[-20:]}-{world.queue_url.rpartition('/')[2]}")
    parts = [path for path in world.snapshot.rglob("*") if path.is_file()]
    with file_server() as bucket:
        bucket.files = {f"{_EXPORT}/{path.relative_to(world.snapshot)}": path.read_bytes() for path in parts}
        here = {"SQS_DLQ_URL": dead, "AWS_ENDPOINT_URL_S3": bucket.url, "SNAPSHOT_DIR": str(volume)}
        local = local_values(world.url, world.environment | here)
        found = Deployment(template, local, volume, folder / "tasks")
        try:
            yield found
        finally:
            found.stop()
            world.queue.delete_queue(QueueUrl=dead)


@contextmanager
def tasks_here(servers: Servers, folder: Path) -> Iterator[Deployment]:
    """A small platform that has exported its snapshot, and nothing of it anywhere yet."""
    with migrating(servers, health_devices.scenario(20), folder) as world:
        world.publish_initial()
        world.take_snapshot()
        with deployed_here(world, folder) as found:
            yield found
