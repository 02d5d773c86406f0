"""The MySQL server of the control, raw and processed tables."""

from dataclasses import dataclass

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secrets

from deploy.network import Place, allow_cidrs
from deploy.settings import Database, ExistingDatabase, NewDatabase

_PARAMETERS = {
    "character_set_server": "utf8mb4",
    "local_infile": "1",  # LOAD DATA LOCAL is the fast path
    "log_bin_trust_function_creators": "1",  # the way back is made of triggers
    "max_allowed_packet": "67108864",
    "require_secure_transport": "ON",
    "time_zone": "UTC",
}
_RDS_ONLY = {"innodb_flush_log_at_trx_commit": "1", "sync_binlog": "1"}
"""Aurora's storage is durable by itself and knows no such choice."""


@dataclass(frozen=True)
class Server:
    """How tasks reach it."""

    host: str
    port: int
    name: str
    secret: secrets.ISecret
    schema_secret: secrets.ISecret
    statistics_secret: secrets.ISecret
    group: ec2.ISecurityGroup | None
    cidr: str | None

    def open_to(self, task: ec2.SecurityGroup) -> None:
        """Let one kind of task in."""
        if self.group is not None:
            task.connections.allow_to(self.group, ec2.Port.tcp(self.port), "MySQL")
        elif self.cidr is not None:
            allow_cidrs(task, [self.cidr], [self.port], "MySQL")


def made_database(stack: Stack, place: Place, settings: Database, key: kms.Key) -> Server:
    """A new server, or the one that is there."""
    encrypted_by = kms.Key.from_key_arn(stack, "DatabaseSecretKey", settings.key) if settings.key else None
    secret = known_secret(stack, "DatabaseSecret", settings.secret, encrypted_by)
    schema_secret = known_secret(stack, "SchemaSecret", settings.schema_secret, encrypted_by)
    statistics_secret = known_secret(stack, "StatisticsSecret", settings.statistics_secret, encrypted_by)
    if settings.existing is not None:
        assert secret is not None  # noqa: S101 - settings ask for it
        secrets_of = (secret, schema_secret or secret, statistics_secret or secret)
        return _existing(place, settings, settings.existing, secrets_of)
    assert settings.new is not None  # noqa: S101 - settings hold one of both
    group = place.group("Database", "MySQL")
    make = _aurora if settings.new.engine == "aurora" else _rds
    host, own = make(stack, place, settings, settings.new, group, key)
    secrets_of = (secret or own, schema_secret or own, statistics_secret or own)
    return Server(host, settings.port, settings.name, *secrets_of, group, None)


def known_secret(stack: Stack, name: str, arn: str | None, key: kms.IKey | None) -> secrets.ISecret | None:
    """A secret that is there, by its full name."""
    if arn is None:
        return None
    return secrets.Secret.from_secret_attributes(stack, name, secret_complete_arn=arn, encryption_key=key)


def _existing(
    place: Place,
    settings: Database,
    existing: ExistingDatabase,
    secrets_of: tuple[secrets.ISecret, secrets.ISecret, secrets.ISecret],
) -> Server:
    group = place.known_group("Database", existing.security_group) if existing.security_group else None
    return Server(existing.host, settings.port, settings.name, *secrets_of, group, existing.cidr)


def _rds(
    stack: Stack, place: Place, settings: Database, new: NewDatabase, group: ec2.SecurityGroup, key: kms.Key
) -> tuple[str, secrets.ISecret]:
    engine = rds.DatabaseInstanceEngine.mysql(version=rds.MysqlEngineVersion.of(new.version, _major(new.version)))
    server = rds.DatabaseInstance(
        stack,
        "Database",
        engine=engine,
        instance_type=ec2.InstanceType(new.instance),
        credentials=rds.Credentials.from_generated_secret("migration", encryption_key=key),
        vpc=place.vpc,
        vpc_subnets=place.subnets,
        security_groups=[group],
        port=settings.port,
        multi_az=True,
        publicly_accessible=False,
        storage_encrypted=True,
        storage_encryption_key=key,
        storage_type=rds.StorageType.GP3,
        allocated_storage=new.storage_gib,
        max_allocated_storage=new.storage_gib * 4,
        backup_retention=Duration.days(new.backup_days),
        copy_tags_to_snapshot=True,
        deletion_protection=True,
        removal_policy=RemovalPolicy.SNAPSHOT,
        parameters={**_PARAMETERS, **_RDS_ONLY},
        cloudwatch_logs_exports=["error", "slowquery"],
        ca_certificate=rds.CaCertificate.RDS_CA_RSA2048_G1,
    )
    assert server.secret is not None  # noqa: S101 - it was asked to make one
    return server.db_instance_endpoint_address, server.secret


def _aurora(
    stack: Stack, place: Place, settings: Database, new: NewDatabase, group: ec2.SecurityGroup, key: kms.Key
) -> tuple[str, secrets.ISecret]:
    version = rds.AuroraMysqlEngineVersion.of(new.version, _major(new.version))
    size = ec2.InstanceType(new.instance)
    cluster = rds.DatabaseCluster(
        stack,
        "Database",
        engine=rds.DatabaseClusterEngine.aurora_mysql(version=version),
        credentials=rds.Credentials.from_generated_secret("migration", encryption_key=key),
        writer=rds.ClusterInstance.provisioned("Writer", instance_type=size, publicly_accessible=False),
        readers=[rds.ClusterInstance.provisioned("Reader", instance_type=size, publicly_accessible=False)],
        vpc=place.vpc,
        vpc_subnets=place.subnets,
        security_groups=[group],
        port=settings.port,
        storage_encrypted=True,
        storage_encryption_key=key,
        backup=rds.BackupProps(retention=Duration.days(new.backup_days)),
        deletion_protection=True,
        removal_policy=RemovalPolicy.SNAPSHOT,
        parameters=_PARAMETERS,
        cloudwatch_logs_exports=["error", "slowquery"],
    )
    assert cluster.secret is not None  # noqa: S101 - it was asked to make one
    return cluster.cluster_endpoint.hostname, cluster.secret


def _major(version: str) -> str:
    return ".".join(version.split(".")[:2])
