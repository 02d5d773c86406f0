"""Whether the queue behaves as doorbells need it."""

from collections.abc import Iterator
from datetime import timedelta

from migration_core.finding import Finding, failed, passed, warned
from runtime.settings import QueueAccess
from work_queue.attributes import QueueAttributes, attributes
from work_queue.client import client

PART = "queue"
_SHORTEST, _LONGEST = timedelta(seconds=10), timedelta(minutes=5)


def queue_findings(access: QueueAccess) -> Iterator[Finding]:
    """Ask SQS and judge its answers."""

    sqs = client(access.region, endpoint=access.endpoint, wait=timedelta())
    try:
        yield from attribute_findings(attributes(sqs, access.url))
    finally:
        sqs.close()


def attribute_findings(found: QueueAttributes) -> Iterator[Finding]:
    """What a queue's attributes mean. Pure."""
    if found.fifo:
        yield passed(PART, "FIFO", "yes")
    else:
        yield failed(PART, "FIFO", "no", "create a FIFO queue: its groups keep two workers off one lane")
    if found.content_based_deduplication:
        yield failed(
            PART, "deduplication", "by content", "turn it off: a lane rung twice in five minutes would be dropped"
        )
    else:
        yield passed(PART, "deduplication", "by our own ids")
    if found.deduplication_scope == "queue" or found.throughput_limit == "perQueue":
        yield warned(PART, "throughput", "per queue", "messageGroup and perMessageGroupId take more requests")
    told = f"{found.visibility.total_seconds():.0f} s"
    if _SHORTEST <= found.visibility <= _LONGEST:
        yield passed(PART, "visibility", told)
    else:
        yield warned(PART, "visibility", told, "30 s: longer than a batch, short for a lane that lost its worker")
    yield passed(PART, "messages", f"{found.messages:,} waiting, {found.in_flight:,} in flight")
