"""What a deployment is told of the legacy platform: its topics, and its export."""

from typing import Literal, Self

from pydantic import Field, model_validator

from deploy.parts import Cidr, Key, MskCluster, Part, PathInImage, SecretArn, SecurityGroup, Server, Topics


class Kafka(Part):
    """The legacy platform's topics: an MSK cluster or any other one."""

    bootstrap_servers: tuple[Server, ...] = Field(min_length=1)
    auth: Literal["none", "tls", "mtls", "scram", "iam"]
    security_group: SecurityGroup | None = None
    cidrs: tuple[Cidr, ...] = ()
    ca: PathInImage | None = None
    secret: SecretArn | None = None
    """`username` and `password` for scram, `certificate` and `key` in PEM for mtls."""
    key: Key | None = None
    cluster: MskCluster | None = None
    """Whose topics the roles of tasks may read, for iam."""
    topics: tuple[Topics, ...] = ()
    """Which of them: names, that may end with `*`."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.auth in ("mtls", "scram")) != (self.secret is not None):
            raise ValueError("`secret` is for auth mtls and scram, which both need one")
        if (self.auth == "iam") != (self.cluster is not None) or (self.auth == "iam") != bool(self.topics):
            raise ValueError("`cluster` (its ARN) and `topics` are for auth iam, which needs both")
        if (self.security_group is None) == (not self.cidrs):
            raise ValueError("write security_group (of an MSK cluster) or cidrs (of brokers elsewhere)")
        return self

    @property
    def ports(self) -> list[int]:
        """Those that brokers answer on."""
        return sorted({int(server.rpartition(":")[2]) for server in self.bootstrap_servers})


class SnapshotSource(Part):
    """Where the legacy platform's export lies, with its manifest."""

    source: str = Field(
        pattern=r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|https://[A-Za-z0-9.-]+(:\d{1,5})?)(/[^\s?#*]*)?$"
    )
    cidrs: tuple[Cidr, ...] = ()
    """Of an HTTPS source."""
    secret: SecretArn | None = None
    """`token`, where an HTTPS source asks for one."""
    key: Key | None = None
    """What the objects, or the secret, are encrypted with, where it is a key of yours."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.is_s3 and (self.cidrs or self.secret):
            raise ValueError(
                "`cidrs` and `secret` are for https sources: S3 is reached by its endpoint and the task's role"
            )
        if not self.is_s3 and not self.cidrs:
            raise ValueError("write cidrs of the https source: tasks reach nothing that is not named")
        return self

    @property
    def is_s3(self) -> bool:
        """Or HTTPS."""
        return self.source.startswith("s3:")
