"""A queue's own settings: made right when it is created, because FIFO queues cannot be put right later."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from migration_core.errors import ConfigError, Transient
from work_queue.requests import told

if TYPE_CHECKING:  # of the development environment only
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType as Name

VISIBILITY = timedelta(seconds=30)
"""Long against a batch of 2 s, short against the time that an orphaned message may block its group."""
RETENTION = timedelta(days=4)

_WANTED: "Mapping[Name, str]" = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "messageGroup",
    "FifoThroughputLimit": "perMessageGroupId",
    "VisibilityTimeout": str(int(VISIBILITY.total_seconds())),
    "MessageRetentionPeriod": str(int(RETENTION.total_seconds())),
}
_CHECKED: "tuple[Name, ...]" = ("FifoQueue", "ContentBasedDeduplication")
_NO_SUCH_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")


@dataclass(frozen=True, slots=True)
class QueueAttributes:
    """What SQS says of a queue; None where the server does not know an attribute."""

    fifo: bool
    content_based_deduplication: bool
    deduplication_scope: str | None
    throughput_limit: str | None
    visibility: timedelta
    retention: timedelta | None
    redrive_policy: str | None
    messages: int
    in_flight: int


def ensure_queue(client: "SQSClient", name: str) -> str:
    """The URL of the queue `name`, created with its final attributes where it does not exist; safe to repeat."""
    try:
        with suppress(client.exceptions.QueueDoesNotExist):
            url = client.get_queue_url(QueueName=name)["QueueUrl"]
            _refuse_others(name, client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"])
            return url
        return client.create_queue(QueueName=name, Attributes=_WANTED)["QueueUrl"]
    except (BotoCoreError, ClientError) as error:
        raise Transient(f"cannot create queue {name!r}: {told(error)}") from error


def attributes(client: "SQSClient", url: str) -> QueueAttributes:
    """What the queue at `url` is like now; ConfigError when there is none, Transient when SQS does not answer."""
    try:
        found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    except (BotoCoreError, ClientError) as error:
        if told(error) in _NO_SUCH_QUEUE:
            raise ConfigError(f"SQS_QUEUE_URL: there is no queue at {url}") from error
        raise Transient(f"the doorbell queue did not answer: {told(error)}") from error
    return QueueAttributes(
        fifo=found.get("FifoQueue") == "true",
        content_based_deduplication=found.get("ContentBasedDeduplication") == "true",
        deduplication_scope=found.get("DeduplicationScope"),
        throughput_limit=found.get("FifoThroughputLimit"),
        visibility=timedelta(seconds=int(found["VisibilityTimeout"])),
        retention=_seconds(found.get("MessageRetentionPeriod")),
        redrive_policy=found.get("RedrivePolicy"),
        messages=int(found.get("ApproximateNumberOfMessages", 0)),
        in_flight=int(found.get("ApproximateNumberOfMessagesNotVisible", 0)),
    )


def _refuse_others(name: str, found: "Mapping[Name, str]") -> None:
    wrong = [f"{key} is {found.get(key, 'false')}" for key in _CHECKED if found.get(key, "false") != _WANTED[key]]
    if wrong:
        raise ConfigError(f"queue {name!r}: {', '.join(wrong)}; delete it, or use another name: it cannot be changed")


def _seconds(number: str | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=int(number))
