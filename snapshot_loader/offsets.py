"""The offsets of an export as a person writes them: a file, or words such as legacy.users:0=1500-1720."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from migration_core.errors import ConfigError
from migration_core.manifest import TopicOffsets

_WORD = re.compile(r"(?P<topic>[A-Za-z0-9._-]+):(?P<partition>\d+)=(?P<start>\d+)(?:-(?P<end>\d+))?")
_OFFSETS = TypeAdapter(tuple[TopicOffsets, ...])
_HOW = (
    "write topic:partition=start-end for each partition, comma between, or name a JSON file with a list of "
    '{"topic", "partition", "start_offset", "end_offset"}'
)


def read_offsets(text: str, *, exact: bool) -> list[dict[str, object]]:
    """The partitions in `text`, a file's name or words; `exact`: an export without an end was of one moment."""
    listed = _of_file(Path(text)) if "=" not in text else [_of_word(word) for word in text.split(",")]
    for entry in listed:
        if "end_offset" not in entry:
            if not exact:
                raise ConfigError(
                    f"{entry.get('topic')}:{entry.get('partition')} has no end offset: write where the topic stood "
                    "when the export ended, or --exact when all of it was read at one moment"
                )
            entry["end_offset"] = entry.get("start_offset")
    return listed


def with_topic_ids(listed: Sequence[Mapping[str, object]], ids: Mapping[str, str]) -> tuple[TopicOffsets, ...]:
    """The checked vector; the ids of topics come from the cluster where the person gave none."""
    unknown = sorted({str(entry.get("topic")) for entry in listed if not entry.get("topic_id")} - ids.keys())
    if unknown:
        raise ConfigError(
            f"the cluster has no topic {', '.join(unknown)}, and no topic_id is given: correct the name, or set "
            "KAFKA_BOOTSTRAP_SERVERS so that the id can be asked for"
        )
    try:
        return _OFFSETS.validate_python([{"topic_id": ids.get(str(entry["topic"])), **entry} for entry in listed])
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors()
        )
        raise ConfigError(f"offsets: {said}; {_HOW}") from None


def _of_word(word: str) -> dict[str, object]:
    found = _WORD.fullmatch(word.strip())
    if found is None:
        raise ConfigError(f"offsets: {word.strip()!r} cannot be read: {_HOW}")
    entry: dict[str, object] = {
        "topic": found["topic"],
        "partition": int(found["partition"]),
        "start_offset": int(found["start"]),
    }
    if found["end"] is not None:
        entry["end_offset"] = int(found["end"])
    return entry


def _of_file(file: Path) -> list[dict[str, object]]:
    try:
        listed = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"offsets: {file}: {error.strerror}; {_HOW}") from error
    except ValueError as error:
        raise ConfigError(f"offsets: {file}: not valid JSON: {error}") from error
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise ConfigError(f"offsets: {file}: {_HOW}")
    return [dict(entry) for entry in listed]
