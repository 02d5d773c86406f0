"""The volume that snapshots lie on."""

from dataclasses import dataclass

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from deploy.names import SNAPSHOT, UID
from deploy.network import Place

_VOLUME = "snapshot"
_THROUGHPUT = {"elastic": efs.ThroughputMode.ELASTIC, "bursting": efs.ThroughputMode.BURSTING}


@dataclass(frozen=True)
class SnapshotStore:
    """The file system, and the one door to it."""

    files: efs.FileSystem
    door: efs.AccessPoint
    group: ec2.SecurityGroup

    def mount(self, task: ecs.FargateTaskDefinition, container: ecs.ContainerDefinition, *, read_only: bool) -> None:
        """Mount it into a task by the access point, over TLS, with the task's own role."""
        volume = ecs.EfsVolumeConfiguration(
            file_system_id=self.files.file_system_id,
            transit_encryption="ENABLED",
            authorization_config=ecs.AuthorizationConfig(access_point_id=self.door.access_point_id, iam="ENABLED"),
        )
        task.add_volume(name=_VOLUME, efs_volume_configuration=volume)
        container.add_mount_points(ecs.MountPoint(container_path=SNAPSHOT, source_volume=_VOLUME, read_only=read_only))
        actions = ["elasticfilesystem:ClientMount"] + ([] if read_only else ["elasticfilesystem:ClientWrite"])
        task.add_to_task_role_policy(
            iam.PolicyStatement(
                actions=actions,
                resources=[self.files.file_system_arn],
                conditions={"ArnEquals": {"elasticfilesystem:AccessPointArn": self.door.access_point_arn}},
            )
        )

    def open_to(self, task: ec2.SecurityGroup) -> None:
        """Let one kind of task reach it."""
        task.connections.allow_to(self.group, ec2.Port.tcp(2049), "NFS")


def made_snapshot_store(stack: Stack, place: Place, key: kms.Key, throughput: str) -> SnapshotStore:
    """Encrypted at rest and on the way; files belong to the image's user."""
    group = place.group("Snapshots", "snapshots on EFS")
    files = efs.FileSystem(
        stack,
        "Snapshots",
        vpc=place.vpc,
        vpc_subnets=place.subnets,
        security_group=group,
        encrypted=True,
        kms_key=key,
        throughput_mode=_THROUGHPUT[throughput],
        enable_automatic_backups=False,  # the legacy platform's export is there, with its checksums
        removal_policy=RemovalPolicy.DESTROY,
        file_system_policy=_tls_only(),
    )
    door = files.add_access_point(
        "Door",
        path="/snapshots",
        posix_user=efs.PosixUser(uid=UID, gid=UID),
        create_acl=efs.Acl(owner_uid=UID, owner_gid=UID, permissions="0750"),
    )
    return SnapshotStore(files, door, group)


def _tls_only() -> iam.PolicyDocument:
    """A policy that only denies: who may mount is said by each task's role."""
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["*"],
                resources=["*"],  # in a file system's policy, this file system
                conditions={"Bool": {"aws:SecureTransport": "false"}},
            )
        ]
    )
