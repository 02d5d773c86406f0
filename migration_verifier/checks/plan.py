"""Whether topics and queue hold out for as long as the migration is to take."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from db.engine import Database
from db.source_report import SourceStatus, source_statuses
from kafka_log.watermarks import LogView, Retention, TopicDescription
from migration_core.finding import Finding, failed, passed, warned
from migration_core.mapping import CompiledMapping
from work_queue.attributes import QueueAttributes

TOPICS, QUEUE = "topics", "queue"
_NEEDED_RIGHTS = frozenset({"READ", "DESCRIBE"})
_FEWEST_RECEIVES = 100
"""A doorbell is received and put back many times while its lane is locked: that is no fault of its own."""
_SHORTEST_RETENTION = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """One topic of a stream, on the cluster and as it is registered."""

    described: TopicDescription
    retention: Retention
    rights: frozenset[str] | None
    """None where the broker does not tell."""
    registered: tuple[SourceStatus, ...]


def topic_plan_findings(
    mapping: CompiledMapping, cluster: LogView, control: Database, duration: timedelta
) -> Iterator[Finding]:
    """Ask cluster and control schema, and judge their answers; a topic that is not there is told by its own check."""
    statuses = source_statuses(control)
    for stream in mapping.streams.values():
        described = cluster.describe(stream.topics)
        kept, rights = cluster.retention(described), cluster.rights(described)
        for name, topic in described.items():
            registered = tuple(one for one in statuses if one.topic == name)
            yield from judged_topic(TopicFacts(topic, kept[name], rights.get(name), registered), duration)


def judged_topic(facts: TopicFacts, duration: timedelta) -> Iterator[Finding]:
    """What a topic's settings mean for a migration of that length. Pure."""
    yield _retention(facts, duration)
    if facts.retention.bytes_kept is not None:
        told = f"{facts.described.topic} keeps {facts.retention.bytes_kept:,} bytes a partition, however young"
        yield warned(
            TOPICS, "retention.bytes", told, "set retention.bytes=-1 until the cut-over: time alone must decide"
        )
    if facts.retention.compacted and facts.retention.tombstones_kept < duration:
        told = f"{facts.described.topic} keeps tombstones for {_hours(facts.retention.tombstones_kept)}"
        remedy = f"set delete.retention.ms to {_hours(2 * duration)} or more: a delete that is not read in time is lost"
        yield warned(TOPICS, "delete.retention.ms", told, remedy)
    yield _registration(facts)
    yield _rights(facts)


def _retention(facts: TopicFacts, duration: timedelta) -> Finding:
    kept, name = facts.retention.kept, facts.described.topic
    if kept is None:
        return passed(TOPICS, "retention for the plan", f"{name} keeps records for ever")
    told = f"{name} keeps records for {_hours(kept)}, the plan takes {_hours(duration)}"
    if kept >= 2 * duration:
        return passed(TOPICS, "retention for the plan", told)
    remedy = (
        f"set retention.ms={int((2 * duration).total_seconds() * 1000)}: twice the plan, and more than one night off"
    )
    return (warned if kept >= duration else failed)(TOPICS, "retention for the plan", told, remedy)


def _registration(facts: TopicFacts) -> Finding:
    name, partitions = facts.described.topic, facts.described.partitions
    if not facts.registered:
        return passed(TOPICS, "partitions", f"{name}: {len(partitions)}, none registered yet")
    if any(one.topic_id != facts.described.topic_id for one in facts.registered):
        remedy = "its offsets mean nothing now: take a new snapshot, and load the stream anew"
        return failed(TOPICS, "partitions", f"{name} was made anew under the same name", remedy)
    known = {one.partition for one in facts.registered}
    if added := sorted(set(partitions) - known):
        told = f"{name}: {', '.join(map(str, added))} not registered"
        return failed(TOPICS, "partitions", told, f"run `migration source accept-partitions {name}`")
    return passed(TOPICS, "partitions", f"{name}: all {len(known)} registered")


def _rights(facts: TopicFacts) -> Finding:
    name = facts.described.topic
    if facts.rights is None:
        return warned(TOPICS, "rights", f"{name}: the broker does not tell", "see that READ and DESCRIBE are granted")
    missing = ", ".join(sorted(_NEEDED_RIGHTS - facts.rights))
    if missing:
        return failed(TOPICS, "rights", f"{name}: no {missing}", f"grant {missing} on the topic to this program's user")
    return passed(TOPICS, "rights", f"{name}: READ and DESCRIBE")


def judged_queue(
    found: QueueAttributes, dead: QueueAttributes | None, redrive: Mapping[str, object]
) -> Iterator[Finding]:
    """What becomes of doorbells that nobody can handle. Pure."""
    if found.retention is not None and found.retention < _SHORTEST_RETENTION:
        told = f"{_hours(found.retention)}"
        yield warned(
            QUEUE, "retention", told, "set a day or more: the age of a doorbell is an alarm, if it may grow old"
        )
    receives = int(str(redrive.get("maxReceiveCount", 0)))
    if not redrive:
        remedy = f"set a redrive policy with maxReceiveCount {_FEWEST_RECEIVES} or more, as an alarm; no data are in it"
        yield warned(QUEUE, "dead letters", "no policy", remedy)
    elif receives < _FEWEST_RECEIVES:
        remedy = f"set maxReceiveCount to {_FEWEST_RECEIVES} or more: a doorbell of a busy lane is often put back"
        yield warned(QUEUE, "dead letters", f"after {receives} receives", remedy)
    else:
        yield passed(QUEUE, "dead letters", f"after {receives} receives")
    if dead is not None and dead.messages:
        told = f"{dead.messages:,} in the dead-letter queue"
        yield warned(QUEUE, "dead letters", told, "see why before the night; the sweeper has applied their lanes since")


def _hours(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:.0f} days" if hours >= 72 else f"{hours:.0f} h" if hours >= 1 else f"{hours * 60:.0f} min"  # noqa: PLR2004 - as people say it
