"""What a snapshot folder promises: its parts with counts and digests, and the offsets from which the stream goes on.

Files cut at a compression member, or copied halfway, read without any error; only these numbers make a snapshot
trustworthy. Parsing is pure: whether the folder keeps the promise is for the reader of the files to find out.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from migration_core.containers import CONTAINERS
from migration_core.errors import SnapshotError
from migration_core.printable import printable
from migration_core.sequence import LINE_BITS, PART_BITS

VERSION = 1
FILE_NAME = "manifest.json"
MAX_RATIO = 200
"""Decompressed bytes to one byte on disk; above it a part is taken for a bomb."""
SMALL_PART = 1 << 20
"""Decompressed bytes up to which any ratio is fine."""

_SHOWN = 40
"""Characters of a wrong version."""

Compression = Literal["none", "gzip", "zstd"]
Count = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TopicOffsets(_Strict):
    """One partition: `start_offset` was read before the snapshot began, `end_offset` after it ended."""

    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    topic_id: Annotated[str, Field(min_length=1, max_length=40)]
    partition: Annotated[int, Field(ge=0, lt=1 << 31)]
    start_offset: Annotated[int, Field(ge=0, lt=1 << 63)]
    end_offset: Annotated[int, Field(ge=0, lt=1 << 63)]
    leader_epoch: Annotated[int, Field(ge=0, lt=1 << 31)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_offset < self.start_offset:
            raise ValueError(f"end_offset {self.end_offset} is before start_offset {self.start_offset}")
        return self


class Part(_Strict):
    """One file of a stream; `bytes` are on disk, `decompressed_bytes` what its lines hold, newlines included."""

    file: Annotated[str, Field(min_length=1, max_length=500)]
    rows: Annotated[int, Field(ge=0, lt=1 << LINE_BITS)]
    bytes: Count
    decompressed_bytes: Count
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        name = PurePosixPath(self.file)
        if name.is_absolute() or ".." in name.parts or "\\" in self.file or not self.file.isprintable():
            raise ValueError("file must be a plain path inside the snapshot folder")
        if str(name) != self.file or name.name in ("", FILE_NAME):
            raise ValueError(f"file must be the name of a part in its shortest form, not {self.file!r}")
        if bool(self.rows) != bool(self.decompressed_bytes):
            raise ValueError(f"SNAP_MANIFEST: {self.rows} rows cannot have {self.decompressed_bytes} bytes")
        if self.decompressed_bytes > max(SMALL_PART, self.bytes * MAX_RATIO):
            raise ValueError(
                f"SNAP_LIMIT: {self.bytes} bytes are to become {self.decompressed_bytes}, over {MAX_RATIO} to 1"
            )
        return self


class StreamSnapshot(_Strict):
    """The snapshot of one stream."""

    name: Annotated[str, Field(min_length=1, max_length=48)]
    container: str
    compression: Compression = "none"
    partial: bool = False
    """Whether the parts are a log of partial changes, with keys repeating in order, and not one full image a key."""
    topics: tuple[TopicOffsets, ...]
    parts: tuple[Part, ...]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.container not in CONTAINERS:
            raise ValueError(f"container {self.container!r} is unknown: write one of {', '.join(sorted(CONTAINERS))}")
        if not self.topics or not self.parts:
            raise ValueError("SNAP_MANIFEST: topics and parts may not be empty; no rows are one part with rows: 0")
        if len(self.parts) >= 1 << PART_BITS:
            raise ValueError(f"{len(self.parts)} parts are more than {(1 << PART_BITS) - 1}: write larger ones")
        for what, names in (
            ("file", [part.file for part in self.parts]),
            ("partition", [f"{offsets.topic}[{offsets.partition}]" for offsets in self.topics]),
        ):
            if twice := _twice(names):
                raise ValueError(f"{what} {twice} is named twice")
        if self.compression == "none":
            for index, part in enumerate(self.parts):
                if part.bytes != part.decompressed_bytes:
                    raise ValueError(f"parts[{index}] is not compressed, so bytes and decompressed_bytes must agree")
        return self

    @property
    def rows(self) -> int:
        """Rows of all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def sha256(self) -> str:
        """The identity of this snapshot: the same whatever the manifest's layout, and whatever else it lists."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Manifest(_Strict):
    """A snapshot folder: one snapshot for each stream it holds."""

    version: Literal[1] = 1
    created_at: AwareDatetime
    streams: tuple[StreamSnapshot, ...]

    @model_validator(mode="after")
    def _are_apart(self) -> Self:
        if not self.streams:
            raise ValueError("SNAP_MANIFEST: streams is empty")
        if twice := _twice(stream.name for stream in self.streams):
            raise ValueError(f"stream {twice} is named twice")
        if twice := _twice(part.file for stream in self.streams for part in stream.parts):
            raise ValueError(f"file {twice} belongs to two streams")
        if twice := _twice(topic for stream in self.streams for topic in {entry.topic for entry in stream.topics}):
            raise ValueError(f"topic {twice} belongs to two streams: a topic feeds exactly one")
        return self

    def stream(self, name: str, *, file: str) -> StreamSnapshot:
        """The snapshot of stream `name`."""
        names = {stream.name: stream for stream in self.streams}
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(printable, sorted(names)))}"
            raise SnapshotError(f"{file}: $.streams has no stream {name!r}: {hint}")
        return names[name]


def parse(text: str | bytes, *, file: str) -> Manifest:
    """The manifest in `text`; every mistake in it is named at once, with its JSON path."""
    try:
        document = json.loads(text, object_pairs_hook=_once)
    except _TwiceError as error:
        raise SnapshotError(f"{file}: the name {error.args[0]!r} stands twice in one object") from None
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"{file}: not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise SnapshotError(f"{file}: $ must be an object with version, created_at and streams")
    if document.get("version") != VERSION:
        found = printable(str(document.get("version", "none")))[:_SHOWN]
        raise SnapshotError(f"{file}: $.version is {found}, and this program reads version {VERSION}")
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise SnapshotError("\n".join(_mistakes(error, file))) from None


def render(manifest: Manifest) -> str:
    """The text of a manifest file."""
    return manifest.model_dump_json(indent=2) + "\n"


class _TwiceError(Exception):
    pass


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if twice := _twice(name for name, _ in pairs):
        raise _TwiceError(twice)
    return dict(pairs)


def _twice(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _mistakes(error: ValidationError, file: str) -> Iterator[str]:
    for mistake in error.errors(include_url=False, include_context=False):
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in mistake["loc"])
        message = mistake["msg"].removeprefix("Value error, ")
        yield f"{file}: {printable(f'${path}: {message}')}"
