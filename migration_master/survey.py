"""Asks the cluster everything that the rules about sources want to know."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from db.ingest import SourceOffset
from kafka_log.probe import records_at
from kafka_log.settings import Config
from kafka_log.watermarks import LogView
from migration_core.errors import Transient
from migration_master.sources import Findings, View, examine, place_of, to_reread


class Surveyed(NamedTuple):
    """One look at the cluster, and what stands against reading on."""

    view: View
    findings: Findings


class Survey:
    """One client for questions, beside the reader's."""

    def __init__(self, config: Config, *, answer_seconds: float = 5.0) -> None:
        self._config = config
        self._seconds = answer_seconds
        self._log = LogView(config, answer_seconds=answer_seconds)

    def check(self) -> None:
        """Raises when no broker answers."""
        self._log.check()

    def look(self, sources: Iterable[SourceOffset], partial: Collection[str]) -> Surveyed:
        """What the cluster says of `sources` now; Transient when it does not answer."""
        every = list(sources)
        topics = self._log.describe(source.topic for source in every)
        there = {
            place_of(source)
            for source in every
            if source.topic in topics and source.partition in topics[source.topic].partitions
        }
        marks = self._log.watermarks(there)
        if there - marks.keys():
            raise Transient(f"{len(there - marks.keys())} partitions exist and do not tell their offsets")
        reread = records_at(self._config, to_reread(every, marks), seconds=self._seconds)
        view = View(topics, marks, self._log.retention(topics), reread)
        return Surveyed(view, examine(every, partial, view))
