"""Single records read again, beside the reader that streams."""

import time
from collections.abc import Mapping
from uuid import uuid4

from kafka_log.failure import PartitionBroken, ReadFailed
from kafka_log.reader import LogReader, Start
from kafka_log.settings import Config
from kafka_log.watermarks import Partition
from migration_core.errors import Transient
from migration_core.records import Received

_ONE_RECORD = {
    # Enough for one record: the broker sends at least one batch whatever its size.
    "fetch.max.bytes": str(1 << 20),
    "max.partition.fetch.bytes": str(16 << 10),
    "queued.min.messages": "1",
}
_AT_ONCE = 1
"""Else an error that belongs to what stands behind a record would come with it, and the record would not."""


def records_at(config: Config, offsets: Mapping[Partition, int], *, seconds: float = 5.0) -> dict[Partition, Received]:
    """The records that still stand at exactly these offsets; what retention or compaction took is absent."""
    found: dict[Partition, Received] = {}
    waiting = dict(offsets)
    if not waiting:
        return found
    reader = LogReader({**config, **_ONE_RECORD, "group.id": f"migration-probe-{uuid4().hex[:8]}"})
    try:
        reader.assign([Start(topic, partition, offset) for (topic, partition), offset in offsets.items()])
        until = time.monotonic() + seconds
        while waiting:
            if time.monotonic() > until:
                raise Transient(f"{len(waiting)} partitions did not answer within {seconds:g} s")
            for batch in reader.read(_AT_ONCE, 0.1):
                wanted = waiting.pop((batch.topic, batch.partition), None)
                if wanted is None:
                    continue
                reader.leave(batch.topic, batch.partition)  # or its next records would stand before the others' first
                if batch.records and batch.records[0].source_offset == wanted:
                    found[batch.topic, batch.partition] = batch.records[0]
    except (PartitionBroken, ReadFailed) as error:
        # Retention may have moved on since the caller looked: only a new look can tell.
        raise Transient(f"reading stored records again: {error}") from error
    finally:
        reader.close()
    return found
