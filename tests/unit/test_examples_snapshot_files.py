"""The models' own reader of snapshot folders."""

import base64
import gzip
import json

import pytest
import zstandard

from examples.snapshot_files import SnapshotLine, lines

KCAT = [
    {"topic": "t", "partition": 0, "offset": 4, "key": "k", "payload": "é"},
    {"topic": "t", "partition": 0, "offset": 5, "key": None, "payload_b64": base64.b64encode(b"\xff\x00").decode()},
    {"topic": "t", "partition": 0, "offset": 6, "key_b64": base64.b64encode(b"\xfe").decode(), "payload": None},
]
TEXT = "".join(f"{json.dumps(line)}\n" for line in KCAT).encode()


def folder_of(tmp_path, container, compression, *parts):
    entries = []
    for number, part in enumerate(parts):
        (tmp_path / f"part-{number}").write_bytes(part)
        entries.append({"file": f"part-{number}"})
    stream = {"name": "s", "container": container, "compression": compression, "parts": entries}
    (tmp_path / "manifest.json").write_text(json.dumps({"streams": [stream]}))
    return tmp_path


@pytest.mark.parametrize(
    ("compression", "part"),
    [
        ("none", TEXT),
        ("gzip", gzip.compress(TEXT[:30]) + gzip.compress(TEXT[30:])),
        ("zstd", zstandard.compress(TEXT[:30]) + zstandard.compress(TEXT[30:])),
    ],
)
def test_kcat_lines_give_key_and_value_in_any_compression(tmp_path, compression, part):
    assert list(lines(folder_of(tmp_path, "kcat", compression, part))) == [
        SnapshotLine("s", 1, 1, b"k", "é".encode()),
        SnapshotLine("s", 1, 2, None, b"\xff\x00"),
        SnapshotLine("s", 1, 3, b"\xfe", None),
    ]


def test_a_bare_line_is_the_value_and_parts_are_counted_from_one(tmp_path):
    assert list(lines(folder_of(tmp_path, "ndjson", "none", b'{"a":1}\r\n{}\n', b"x"))) == [
        SnapshotLine("s", 1, 1, None, b'{"a":1}\r'),
        SnapshotLine("s", 1, 2, None, b"{}"),
        SnapshotLine("s", 2, 1, None, b"x"),
    ]
