"""An example under other names, so that many can run on the same servers at once."""

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from examples.scenario import (
    Counts,
    ExpectedReject,
    ExpectedTable,
    LogRecord,
    Model,
    Row,
    Scenario,
    SourceRecord,
    Topic,
)

_PREFIX = "legacy."


class Renamed:
    """`scenario` with topics that begin with `prefix` instead of `legacy.`, and with another processed schema."""

    def __init__(self, scenario: Scenario, *, prefix: str, target_schema: str, folder: Path) -> None:
        """Writes its own migration.yaml into `folder`, with the SQL files that it names."""
        self._scenario = scenario
        self._prefix = prefix
        self.name = scenario.name
        self.migrations = scenario.migrations
        self.target_schema = target_schema
        self.fuzzy = scenario.fuzzy
        self.live_changes = scenario.live_changes
        self.topics = tuple(Topic(self._new(topic.name), topic.partitions, topic.config) for topic in scenario.topics)
        text = scenario.mapping.read_text(encoding="utf-8")
        text = re.sub(r"(?m)^target_schema: \w+$", f"target_schema: {target_schema}", text)
        text = re.sub(rf"(?m)^(    topic: ){re.escape(_PREFIX)}", rf"\g<1>{prefix}", text)
        self.mapping = folder / "migration.yaml"
        self.mapping.write_text(text, encoding="utf-8")
        if (statistics := scenario.mapping.parent / "statistics").is_dir():
            shutil.copytree(statistics, folder / statistics.name, dirs_exist_ok=True)

    def initial(self) -> Iterator[SourceRecord]:
        return (record._replace(topic=self._new(record.topic)) for record in self._scenario.initial())

    def live(self) -> Iterator[SourceRecord]:
        return (record._replace(topic=self._new(record.topic)) for record in self._scenario.live())

    def model(self, work_dir: Path) -> Model:
        return _RenamedModel(self._scenario.model(work_dir), self._prefix)

    def _new(self, topic: str) -> str:
        return self._prefix + topic.removeprefix(_PREFIX)


class _RenamedModel:
    """A model that knows the topics by their first names."""

    def __init__(self, model: Model, prefix: str) -> None:
        self._model = model
        self._prefix = prefix
        self.tables: tuple[ExpectedTable, ...] = model.tables

    def snapshot(self, folder: Path) -> None:
        self._model.snapshot(folder)

    def stream(self, records: Iterable[LogRecord]) -> None:
        prefix = self._prefix
        self._model.stream(record._replace(topic=_PREFIX + record.topic.removeprefix(prefix)) for record in records)

    def rows(self, table: str) -> Iterator[Row]:
        return self._model.rows(table)

    def rejects(self) -> list[ExpectedReject]:
        return self._model.rejects()

    def counts(self) -> dict[str, Counts]:
        return self._model.counts()

    def close(self) -> None:
        self._model.close()
