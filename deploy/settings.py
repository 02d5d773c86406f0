"""What a deployment is told, as frozen values."""

import re
from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from deploy.legacy_settings import Kafka, SnapshotSource
from deploy.machine_settings import Cutover, Load
from deploy.parts import (
    Cidr,
    Key,
    Name,
    Part,
    PathInImage,
    Schedule,
    SecretArn,
    SecurityGroup,
    StreamName,
    SubnetId,
    exactly_one,
)

_ECR = re.compile(r"^(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<name>[^:@]+)[:@]")
_PINNED = re.compile(r"@sha256:[0-9a-f]{64}$|:(?!latest$)[\w][\w.-]*$")
_MOST_STREAMS = 25


class NewNetwork(Part):
    """A VPC of its own over two zones."""

    cidr: Cidr
    nat_gateways: int = Field(0, ge=0, le=2)  # none where Kafka is in the VPC or peered: nothing then reaches out

    @field_validator("cidr")
    @classmethod
    def _large_enough(cls, cidr: str) -> str:
        if IPv4Network(cidr).prefixlen > 24:  # noqa: PLR2004 - four subnets of 28 at the least
            raise ValueError("write a /24 or larger: two zones with two subnets each")
        return cidr


class ExistingNetwork(Part):
    """A VPC that is there, with the private subnets of two zones."""

    vpc: Annotated[str, StringConstraints(pattern=r"^vpc-[0-9a-f]+$")]
    cidr: Cidr
    subnets: tuple[SubnetId, ...] = Field(min_length=2)
    zones: tuple[str, ...] = Field(min_length=2)
    endpoints: bool = True
    """Whether this stack makes the interface endpoints; false where the VPC has them already."""

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if len(self.subnets) != len(self.zones):
            raise ValueError("subnets and zones must be as many, in the same order")
        return self


class Network(Part):
    """Where tasks run."""

    new: NewNetwork | None = None
    existing: ExistingNetwork | None = None
    s3_prefix_list: Annotated[str, StringConstraints(pattern=r"^pl-[0-9a-f]+$")]
    """Of S3 in the region: image layers come from there, and rules name it rather than the whole internet."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        return exactly_one(self, "new", "existing")


class NewDatabase(Part):
    """A MySQL server of its own."""

    engine: Literal["rds", "aurora"]
    version: str = Field(pattern=r"^\d+\.\d+[\w.]*$")
    instance: str = Field("r7g.xlarge", pattern=r"^[a-z0-9]+\.[a-z0-9]+$")
    storage_gib: int = Field(200, ge=20, le=65536)
    backup_days: int = Field(7, ge=1, le=35)


class ExistingDatabase(Part):
    """A MySQL server that is there."""

    host: str = Field(pattern=r"^[A-Za-z0-9.-]+$")
    security_group: SecurityGroup | None = None
    cidr: Cidr | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        return exactly_one(self, "security_group", "cidr")


class Database(Part):
    """The server of the control, raw and processed tables."""

    new: NewDatabase | None = None
    existing: ExistingDatabase | None = None
    name: str = Field("control", pattern=r"^\w+$")
    port: int = Field(3306, ge=1, le=65535)
    ca: PathInImage | None = None
    secret: SecretArn | None = None
    """Of the services: a secret with `username` and `password`. A new server's own serves where none is named."""
    schema_secret: SecretArn | None = None
    """Of the task that makes the control schema, if others shall not have its rights."""
    statistics_secret: SecretArn | None = None
    """Of the task that runs statistics: its user may rename their tables, which no service may."""
    key: Key | None = None
    """What the secrets are encrypted with, where it is a key of yours."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.existing is not None and self.secret is None:
            raise ValueError("an existing server needs `secret: arn:…` with username and password")
        if self.new is not None and self.ca is None:
            raise ValueError("a new server takes encrypted connections only: write `ca: /path/in/the/image.pem`")
        return exactly_one(self, "new", "existing")


class Workers(Part):
    """How many, of which kind, and when more."""

    least: int = Field(1, ge=1)
    most: int = Field(8, ge=1, le=200)
    on_demand: int = Field(1, ge=0)
    """So many are never interrupted; the others are Spot."""
    rows_per_task: int = Field(500_000, ge=100)
    """How many rows may wait for each task before there are more of them: those of less than a minute."""
    rows_per_second: int = Field(8_000, ge=10)
    """How many rows that arrive each second one task shall keep up with: two thirds of what a slow one can."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.least > self.most:
            raise ValueError("least is more than most")
        return self


class Size(Part):
    """Of one task, as Fargate sells it."""

    cpu: Literal[256, 512, 1024, 2048, 4096] = 1024
    memory_mib: int = Field(2048, ge=512, le=30720)

    @model_validator(mode="after")
    def _sold(self) -> Self:
        least, most, step = {
            256: (512, 2048, 512), 512: (1024, 4096, 1024), 1024: (2048, 8192, 1024), 2048: (4096, 16384, 1024),
            4096: (8192, 30720, 1024),
        }[self.cpu]  # fmt: skip
        if not (least <= self.memory_mib <= most and self.memory_mib % step == 0):
            raise ValueError(f"cpu {self.cpu} takes memory_mib from {least} to {most} in steps of {step}")
        return self


class Alarms(Part):
    """When a person is called."""

    mail: tuple[Annotated[str, StringConstraints(pattern=r"^\S+@\S+$")], ...] = ()
    lag_seconds: int = Field(300, ge=10)
    stalled_seconds: int = Field(120, ge=30)
    rejects_percent: float = Field(1.0, gt=0, le=100)
    drained_minutes: int = Field(10, ge=1, le=60)
    runbook: str = Field(pattern=r"^https://\S+$")
    """Where docs/runbook.md can be read; each alarm adds its section."""


class Checks(Part):
    """How often the copy and its schema are looked at while services run, as EventBridge writes it."""

    drift: Schedule = "rate(1 hour)"
    verify: Schedule = "rate(6 hours)"


class StackSettings(Part):
    """One tenant or region."""

    name: Name
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    image: str
    architecture: Literal["arm64", "x86_64"] = "arm64"
    mapping: PathInImage
    streams: tuple[StreamName, ...] = Field(min_length=1, max_length=_MOST_STREAMS)
    network: Network
    cluster: Name | None = None
    """One that is there, with both Fargate capacity providers; a new one otherwise."""
    database: Database
    kafka: Kafka
    snapshot: SnapshotSource | None = None
    """Left out, there is no task that fetches it: it comes to the volume by other means."""
    workers: Workers = Workers()
    task: Size = Size()
    efs_throughput: Literal["elastic", "bursting"] = "elastic"
    log_days: Literal[7, 14, 30, 60, 90, 180, 365] = 90
    audit_lap_hours: int = Field(24, ge=1)
    alarms: Alarms
    checks: Checks = Checks()
    statistics: dict[StreamName, Schedule] = Field({}, max_length=_MOST_STREAMS)
    """By name: when each runs, as `migration statistics list` says it of the mapping."""
    load: Load = Load()
    cutover: Cutover | None = None
    """Left out, there is no state machine for the night, and commands know no hooks."""
    running: bool = False
    """Whether services run: not before the control schema is made and the snapshot's offsets are registered."""

    @field_validator("image")
    @classmethod
    def _pinned(cls, image: str) -> str:
        if not _PINNED.search(image):
            raise ValueError("name a tag other than latest, or a digest: a restart must not bring another version")
        return image

    @property
    def ecr(self) -> tuple[str, str, str] | None:
        """Account, region and repository, where the image lies in ECR."""
        found = _ECR.match(self.image)
        return (found["account"], found["region"], found["name"]) if found else None


class DeploySettings(Part):
    """All stacks of one file."""

    stacks: tuple[StackSettings, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        names = [one.name for one in self.stacks]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"two stacks are named {', '.join(doubled)}")
        return self
