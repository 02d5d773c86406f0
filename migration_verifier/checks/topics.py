"""Whether the topics are there and keep their records long enough."""

from collections.abc import Iterator
from datetime import timedelta

from kafka_log.watermarks import LogView, Retention, TopicDescription
from migration_core.finding import Finding, failed, passed, warned
from migration_core.mapping import CompiledMapping

PART = "topics"
_SHORT = timedelta(days=3)


def topic_findings(mapping: CompiledMapping | None, cluster: LogView) -> Iterator[Finding]:
    """Ask the cluster and judge its answers."""
    cluster.check()
    yield passed(PART, "reachable", "a broker answers")
    if mapping is None:
        return
    for stream in mapping.streams.values():
        topics = cluster.describe(stream.topics)
        kept = cluster.retention(topics)
        for topic in stream.topics:
            yield from one_topic(topic, topics.get(topic), kept.get(topic), partial=stream.partial)


def one_topic(
    topic: str, found: TopicDescription | None, kept: Retention | None, *, partial: bool
) -> Iterator[Finding]:
    """What a topic's settings mean for its stream. Pure."""
    if found is None or kept is None:
        yield failed(PART, "exists", f"{topic} does not", "mend the name in the mapping, or create the topic")
        return
    yield passed(PART, "exists", f"{topic}, {len(found.partitions)} partitions")
    if kept.compacted and partial:
        yield failed(
            PART, "cleanup.policy", f"{topic} is compacted", "a stream of partial changes needs cleanup.policy=delete"
        )
    elif kept.kept is not None and kept.kept < _SHORT:
        hours = kept.kept.total_seconds() / 3600
        told = f"{topic} keeps records for {hours:.0f} hours"
        yield warned(PART, "retention", told, "a master that is away for longer loses records: keep a week")
