"""Reads a snapshot folder for the models: a second reader on purpose, which shares nothing with the loader's."""

import base64
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import zstandard


class SnapshotLine(NamedTuple):
    """One line of one part."""

    stream: str
    part: int
    """Counted from 1 within the stream."""
    line: int
    """Counted from 1."""
    key: bytes | None
    value: bytes | None


def lines(folder: Path) -> Iterator[SnapshotLine]:
    """Every line of every stream, in the order of the manifest."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for stream in manifest["streams"]:
        record = _kcat if stream["container"] == "kcat" else _bare
        for part, entry in enumerate(stream["parts"], start=1):
            with _opened(folder / entry["file"], stream["compression"]) as file:
                for number, line in enumerate(file, start=1):
                    yield SnapshotLine(stream["name"], part, number, *record(line))


def _kcat(line: bytes) -> tuple[bytes | None, bytes | None]:
    """Key and payload of a line as `kcat -J` writes it."""
    record = json.loads(line)
    return _bytes(record, "key"), _bytes(record, "payload")


def _bare(line: bytes) -> tuple[bytes | None, bytes | None]:
    """The line is the value, and there is no record key."""
    return None, line.removesuffix(b"\n")


def _bytes(record: dict[str, object], name: str) -> bytes | None:
    encoded, text = record.get(f"{name}_b64"), record.get(name)
    if isinstance(encoded, str):
        return base64.b64decode(encoded, validate=True)
    return text.encode() if isinstance(text, str) else None


def _opened(file: Path, compression: str) -> BinaryIO | io.BufferedReader:
    match compression:
        case "gzip":
            return gzip.open(file, "rb")  # type: ignore[return-value]  # a GzipFile reads like any binary file
        case "zstd":
            whole = zstandard.ZstdDecompressor().stream_reader(file.open("rb"), read_across_frames=True, closefd=True)
            return io.BufferedReader(whole)
        case _:
            return file.open("rb")
