"""What a cut-over must know of topics and streams, as the database and the cluster say now."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from db.cutover_store import End
from db.engine import Database
from db.ledger import StreamLedger, ledger
from db.source_report import SourceStatus, source_statuses
from kafka_log.watermarks import LogView, Partition, Watermark
from migration_core.draining import PartitionEnd, drain_gates, frozen_gate, lag_gates
from migration_core.errors import Halted
from migration_core.gate import Gate

_GONE = "the cluster does not have it"


class Looking:
    """One database beside one cluster; every call looks afresh."""

    def __init__(self, database: Database, cluster: LogView) -> None:
        self._database = database
        self._cluster = cluster

    def unread(self) -> dict[str, int]:
        """{stream: records that the topics hold and that are not stored}."""
        sources = source_statuses(self._database)
        marks = self._cluster.watermarks((one.topic, one.partition) for one in sources)
        found = dict.fromkeys((one.stream for one in sources), 0)
        for one in sources:
            mark = marks.get((one.topic, one.partition))
            found[one.stream] += max(0, mark.last_stable - one.next_offset) if mark else 0
        return found

    def streams(self) -> list[StreamLedger]:
        """The ledger."""
        return ledger(self._database)

    def ends(self) -> list[End]:
        """The high watermark of every partition of every topic that is read, accepted or not."""
        marks = self._cluster.watermarks(self._there())
        return [(topic, partition, mark.high) for (topic, partition), mark in sorted(marks.items())]

    def lag_gates(self, max_lag: int) -> list[Gate]:
        """Whether the freeze may begin."""
        return lag_gates(self.streams(), sum(self.unread().values()), max_lag)

    def drain_gates(self, ends: Sequence[End]) -> list[Gate]:
        """Whether everything up to `ends` has arrived."""
        return drain_gates(self._partitions(ends), self.streams())

    def frozen_gate(self, ends: Sequence[End]) -> Gate:
        """Whether anything was written since `ends` were read, into partitions that were added since too."""
        return frozen_gate(self._partitions(ends, self._there()))

    def _there(self) -> set[Partition]:
        """Every partition of every topic that is read; Halted when the cluster lacks one of the topics."""
        topics = sorted({one.topic for one in source_statuses(self._database)})
        described = self._cluster.describe(topics)
        gone = [topic for topic in topics if topic not in described]
        if gone:
            raise Halted(f"topics that the cluster no longer has: {', '.join(gone)}")
        return {(one.topic, part) for one in described.values() for part in one.partitions}

    def _partitions(self, ends: Sequence[End], also: AbstractSet[Partition] = frozenset()) -> list[PartitionEnd]:
        sources = {(one.topic, one.partition): one for one in source_statuses(self._database)}
        wanted = {(topic, part): high for topic, part, high in ends}
        places = wanted.keys() | sources.keys() | also
        marks = self._cluster.watermarks(places)
        return [
            _partition(place, wanted.get(place, 0), sources.get(place), marks.get(place)) for place in sorted(places)
        ]


def _partition(place: tuple[str, int], end: int, source: SourceStatus | None, mark: Watermark | None) -> PartitionEnd:
    return PartitionEnd(
        *place,
        next_offset=source.next_offset if source else 0,
        end=end,
        high=mark.high if mark else end,
        last_stable=mark.last_stable if mark else end,
        halted=_GONE if mark is None else source.halted if source else None,
    )
