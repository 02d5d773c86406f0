"""The one-off task that brings the snapshot to the volume."""

from urllib.parse import urlsplit

from aws_cdk import Acknowledgment, Aws, CfnOutput, Stack, Validations
from aws_cdk import aws_kms as kms

from deploy import variables
from deploy.database import known_secret
from deploy.names import SNAPSHOT
from deploy.network import allow_cidrs
from deploy.settings import StackSettings
from deploy.snapshot_store import SnapshotStore
from deploy.tasks import Task, Tasks

_HTTPS_PORT = 443


def fetch_task(stack: Stack, settings: StackSettings, tasks: Tasks, store: SnapshotStore) -> Task | None:
    """May read the one folder, write to the one volume, and nothing else; none where no source is named."""
    given = settings.snapshot
    if given is None:
        return None
    key = kms.Key.from_key_arn(stack, "SnapshotKey", given.key) if given.key else None
    secret = known_secret(stack, "SnapshotSecret", given.secret, key)
    command = ["migration_cli", "snapshot", "fetch", given.source, SNAPSHOT]
    task = tasks.job("Fetch", command, variables.snapshot_source(settings.region, secret))
    store.mount(task.definition, task.container, read_only=False)
    store.open_to(task.group)
    parts = urlsplit(given.source)
    if given.is_s3:
        _may_read(task, parts.netloc, parts.path.strip("/"))
        if key is not None:
            task.may(key.key_arn, "kms:Decrypt")
    allow_cidrs(task.group, given.cidrs, [parts.port or _HTTPS_PORT], "the snapshot's source")
    CfnOutput(stack, "FetchSecurityGroup", value=task.group.security_group_id)
    CfnOutput(stack, "SnapshotSource", value=given.source)
    return task


def _may_read(task: Task, bucket: str, prefix: str) -> None:
    objects = "/".join(filter(None, (bucket, prefix, "*")))
    task.may(f"arn:{Aws.PARTITION}:s3:::{objects}", "s3:GetObject")
    Validations.of(task.definition.task_role).acknowledge(
        Acknowledgment(
            id=f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::{objects}]",
            reason="the manifest names the parts, so their names are not known here; the folder is",
        )
    )
