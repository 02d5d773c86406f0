"""What each kind of task is told: by plain variables, and by variables that come from secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secrets
from aws_cdk import aws_sqs as sqs

from deploy.database import Server
from deploy.legacy_settings import Kafka
from deploy.names import HTTP_PORT, SNAPSHOT
from deploy.settings import StackSettings


@dataclass(frozen=True)
class Told:
    """The variables of one container."""

    plain: Mapping[str, str] = field(default_factory=dict)
    secret: Mapping[str, ecs.Secret] = field(default_factory=dict)

    def __or__(self, other: "Told") -> "Told":
        return Told({**self.plain, **other.plain}, {**self.secret, **other.secret})


def database(server: Server, ca: str | None, secret: secrets.ISecret) -> Told:
    """How to reach MySQL."""
    plain = {"DATABASE_HOST": server.host, "DATABASE_PORT": str(server.port), "DATABASE_NAME": server.name}
    return Told(
        plain | ({"DATABASE_CA": ca} if ca else {}),
        {
            "DATABASE_USER": ecs.Secret.from_secrets_manager(secret, "username"),
            "DATABASE_PASSWORD": ecs.Secret.from_secrets_manager(secret, "password"),
        },
    )


def kafka(settings: Kafka, secret: secrets.ISecret | None) -> Told:
    """How to reach the topics."""
    protocol = {"none": "PLAINTEXT", "tls": "SSL", "mtls": "SSL", "scram": "SASL_SSL", "iam": "SASL_SSL"}[settings.auth]
    plain = {"KAFKA_BOOTSTRAP_SERVERS": ",".join(settings.bootstrap_servers), "KAFKA_SECURITY_PROTOCOL": protocol}
    if settings.ca:
        plain["KAFKA_SSL_CA_LOCATION"] = settings.ca
    if mechanism := {"scram": "SCRAM-SHA-512", "iam": "AWS_MSK_IAM"}.get(settings.auth):
        plain["KAFKA_SASL_MECHANISM"] = mechanism
    fields = {
        "scram": {"KAFKA_SASL_USERNAME": "username", "KAFKA_SASL_PASSWORD": "password"},
        "mtls": {"KAFKA_SSL_CERTIFICATE_PEM": "certificate", "KAFKA_SSL_KEY_PEM": "key"},
    }.get(settings.auth, {})
    if secret is None:
        return Told(plain)
    return Told(plain, {name: ecs.Secret.from_secrets_manager(secret, field) for name, field in fields.items()})


def queue(doorbells: sqs.Queue, region: str) -> Told:
    """Where doorbells go."""
    dead = doorbells.dead_letter_queue
    assert dead is not None  # noqa: S101 - the queue is made with one
    return Told({"SQS_QUEUE_URL": doorbells.queue_url, "SQS_DLQ_URL": dead.queue.queue_url, "AWS_REGION": region})


def output(stack_name: str) -> Told:
    """Lines and metrics; the namespace tells tenants of an account apart."""
    return Told({"METRICS_EMF": "1", "METRICS_NAMESPACE": stack_name, "HTTP_PORT": str(HTTP_PORT)})


def mapping(settings: StackSettings) -> Told:
    """Which mapping is in force."""
    return Told({"MIGRATION_CONFIG": settings.mapping})


def snapshot() -> Told:
    """Where the snapshot lies."""
    return Told({"SNAPSHOT_DIR": SNAPSHOT})


def snapshot_source(region: str, secret: secrets.ISecret | None) -> Told:
    """How to read a snapshot that lies elsewhere."""
    token = {"SNAPSHOT_SOURCE_TOKEN": ecs.Secret.from_secrets_manager(secret, "token")} if secret is not None else {}
    return Told({"AWS_REGION": region}, token)


def hooks(secret: secrets.ISecret | None) -> Told:
    """How a cut-over calls the old and the new platform."""
    names = ("freeze", "unfreeze", "switch", "switch_back") if secret is not None else ()
    return Told(
        secret={f"CUTOVER_{name.upper()}_HOOK": ecs.Secret.from_secrets_manager(secret, name) for name in names}
    )


def auditing(settings: StackSettings) -> Told:
    """How the verifier audits."""
    return Told({"AUDIT_LAP_HOURS": str(settings.audit_lap_hours)})
