"""A snapshot on a server of a test's own, and fetches of it in this process and in others."""

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

from migration_core.manifest import FILE_NAME, Manifest, StreamSnapshot, TopicOffsets, render
from migration_core.steps import nothing
from remote_files.source import remote_of
from snapshot_loader.fetching import Fetched, Fetching, fetch
from snapshot_loader.progress import SpokenProgress
from tests.integration import forked
from tests.integration.forked import Forked
from tests.servers.file_server import FileServer
from tests.unit.snapshot_parts import part_of
from tests.waiting import until

SIZE = 300_000
"""Of a part: some blocks, and more than counts as progress."""
_PATIENCE_SECONDS = 60


def some_bytes(size: int = SIZE, seed: int = 1) -> bytes:
    """A part's content: one line that does not compress."""
    return Random(seed).randbytes(size).replace(b"\n", b"-")


@dataclass
class Export:
    """The folder at the source, under `export/` of its server."""

    server: FileServer
    folder: Path
    parts: dict[str, bytes] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def write(self, **parts: bytes) -> None:
        """Serve these parts, and a manifest of them."""
        self.parts = {name.replace("__", "/"): data for name, data in parts.items()}
        self.server.files = {f"export/{name}": data for name, data in self.parts.items()}
        self.server.files[f"export/{FILE_NAME}"] = self.manifest()

    def manifest(self) -> bytes:
        """What a manifest says of the parts as they are."""
        offsets = TopicOffsets(topic="legacy.users", topic_id="id", partition=0, start_offset=5, end_offset=9)
        entries = tuple(part_of(name, data, data) for name, data in self.parts.items())
        stream = StreamSnapshot(name="users", container="ndjson", topics=(offsets,), parts=entries)
        return render(Manifest(created_at=datetime(2026, 1, 1, tzinfo=UTC), streams=(stream,))).encode()

    def fetch(self, **changes: Any) -> Fetched:
        """In this process."""
        known = {"stop": Event(), "patience": timedelta(), "reached": nothing, "parallel": 2}
        remote = remote_of(
            f"{self.server.url}/export", secrets=self.secrets, region=None, allow_http=False, connections=2
        )
        return fetch(Fetching(remote, self.folder, progress=SpokenProgress(lambda _told: None), **known | changes))

    def command(self, *options: str, source: str = "", **variables: str) -> Forked:
        """`migration snapshot fetch` in a process of its own, with these variables and no others."""
        words = ["snapshot", "fetch", source or f"{self.server.url}/export/", str(self.folder), *options]
        return Forked(forked.start(words, {"PATH": os.environ["PATH"], **variables}, self._log, alone=True))

    def said(self) -> tuple[str, str]:
        """What the last such process wrote to stdout and to stderr."""
        return forked.said(self._log)

    @property
    def _log(self) -> Path:
        return self.folder.with_name("fetch")

    def run(self, *options: str, source: str = "", **variables: str) -> tuple[int, str, str]:
        """The same until it has ended."""
        code = self.command(*options, source=source, **variables).wait(_PATIENCE_SECONDS)
        return code, *self.said()

    def killed_in_mid_part(self) -> int:
        """Kill a fetch of one part when the server stands still and a block is there; how many bytes are."""
        process = self.command()
        try:
            assert self.server.held.wait(_PATIENCE_SECONDS)
            until(lambda: self.partial_bytes() > 0, "some bytes are there")
        finally:
            process.kill()
            process.wait()
        return self.partial_bytes()

    def partial_bytes(self) -> int:
        """Bytes of parts that are on their way."""
        return sum(file.stat().st_size for file in self.folder.glob(".fetch/*-" + "?" * 64))

    def expect_equal(self) -> None:
        """The folder holds what the source holds, and nothing else."""
        there = {
            str(path.relative_to(self.folder)): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()
        }
        wanted = {name.removeprefix("export/"): data for name, data in self.server.files.items()}
        assert there == wanted
        assert not (self.folder / ".fetch").exists()

    def expect_not_loadable(self) -> None:
        """No loader would begin."""
        assert not (self.folder / FILE_NAME).exists()


def told(out: str) -> dict[str, Any]:
    """The one line of JSON on stdout."""
    [line] = out.splitlines()
    return json.loads(line)
