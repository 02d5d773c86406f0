"""The manifest reader, the doorbell parser and the reader of the server's rows."""

import json
from collections.abc import Callable, Iterable

from db.text_rows import Malformed, ServerError, read_rows
from migration_core.doorbell import Doorbell, encode
from migration_core.doorbell import parse as parse_doorbell
from migration_core.errors import SnapshotError
from migration_core.manifest import parse, render
from tests.fuzz.target import Target, expect_places
from tests.fuzz.tree import changed

_FILE = "manifest.json"
_PART = {"file": "a/b.gz", "rows": 2, "bytes": 40, "decompressed_bytes": 90, "sha256": "0" * 64}
_OFFSETS = {"topic": "t", "topic_id": "id", "partition": 0, "start_offset": 1, "end_offset": 2, "leader_epoch": 3}
_STREAM = {"name": "s", "container": "kcat", "compression": "gzip", "topics": [_OFFSETS], "parts": [_PART]}
_PLAIN = {"name": "p", "container": "ndjson", "partial": True, "topics": [_OFFSETS | {"topic": "u"}]}
_PLAIN["parts"] = [_PART | {"file": "p", "bytes": 0, "decompressed_bytes": 0, "rows": 0}]
_GOOD = {"version": 1, "created_at": "2024-01-01T00:00:00Z", "streams": [_STREAM, _PLAIN]}
_VALUES = (
    None, True, -1, 0, 1, 2, 40, 1 << 20, 1 << 31, 1 << 34, 1 << 63, 1 << 70, 1.5, "", "x", "../x", "/x", "a\\b",
    "a/./b", "manifest.json", "a/manifest.json", "\n", "\x1b[2J", "\ud800", "\u2028", "x" * 501, [], {}, [[]],
    "none", "gzip", "zstd", "kcat", "ndjson", "f" * 64, "F" * 64, "2024-01-01", "2024-01-01T00:00:00",
    "9999-12-31T23:59:59-23:59", {"x\n": 1},
)  # fmt: skip


def _manifest(data: bytes) -> None:
    try:
        found = parse(data, file=_FILE)
    except SnapshotError as error:
        expect_places(error, _FILE)
        assert len(str(error)) < 4000 + 40 * len(data)
        return
    again = parse(render(found), file=_FILE)
    assert again == found
    assert [one.sha256 for one in again.streams] == [one.sha256 for one in found.streams]


def _manifest_tree(data: bytes) -> None:
    _manifest(json.dumps(changed(_GOOD, data, _VALUES), ensure_ascii=False).encode("utf-8", "surrogatepass"))


def manifests() -> Iterable[bytes]:
    """Some that are good, some that are not."""
    for one in (_GOOD, _GOOD | {"streams": []}, _GOOD | {"version": "1"}, [], _GOOD | {"streams": [_STREAM, _STREAM]}):
        yield json.dumps(one).encode()
    yield json.dumps(_GOOD).replace("a/b.gz", "../x").replace('"end_offset": 2', '"end_offset": 0').encode()
    yield json.dumps(_GOOD).replace('"name": "s"', r'"name": "\u001b[2J\u2028[/b]"').encode()
    yield from (b"", b"null", b'{"version": 1, "version": 1}', b'{"version":' + b"[" * 950 + b"]" * 950 + b"}")
    yield b"[" * 100_000


def _doorbell(data: bytes) -> None:
    # As the SDK gives it: any text, and even one that no UTF-8 could hold.
    found = parse_doorbell(data.decode("utf-8", "surrogateescape"))
    if found is not None:
        assert (type(found.stream), type(found.lane), type(found.head)) == (str, int, int)
        assert found.lane >= 0
        assert found.head >= 0
        assert parse_doorbell(encode(found)) == found


def _doorbells() -> Iterable[bytes]:
    yield encode(Doorbell("users", 7, 42)).encode()
    yield from (b"", b"junk", b"{}", b"[1]", b'{"stream": "s", "lane": 0, "head": 1, "v": 2}', b"[" * 2000)
    yield from (b'{"stream": "\\ud800", "lane": 1e3, "head": -1}', b'{"stream": "s", "lane": 0, "head": 99e99}')


class _TheEnd(Exception):
    """The server has gone."""


def _text_rows(data: bytes) -> None:
    """The first byte says how many columns, the second in what pieces the rest arrives."""
    columns, size = data[0] % 6 + 1 if data else 1, data[1] % 16 + 1 if data[1:] else 1
    stream = data[2:]
    whole = _rows(_arriving(stream, len(stream) or 1), columns)
    assert _rows(_arriving(stream, size), columns) == whole
    if isinstance(whole, list):
        assert all(len(row) == columns for row in whole)
        assert sum(len(field) for row in whole for field in row if field is not None) <= len(stream)


def _rows(more: Callable[[], bytes], columns: int) -> object:
    try:
        return read_rows(more, columns)
    except ServerError as error:
        return error.packet
    except (Malformed, _TheEnd) as error:
        return type(error)


def _arriving(stream: bytes, size: int) -> Callable[[], bytes]:
    place = 0

    def more() -> bytes:
        nonlocal place
        part = stream[place : place + size]
        place += size
        if not part:
            raise _TheEnd
        return part

    return more


def _results() -> Iterable[bytes]:
    end = b"\5\0\0\7\xfe\0\0\2\0"
    rows = [b"\3abc\xfb", b"\xfc\3\0abc\0", b"\xfd\1\0\0a\1b", b"\xfe\1\0\0\0\0\0\0\0a\1b", b"\xff\x19\5#HY000no"]
    packets = [len(row).to_bytes(3, "little") + b"\1" + row for row in rows]
    yield b"\1\0" + b"".join(packets[:4]) + end
    yield b"\1\4" + packets[0] + packets[4]
    yield from (b"\1\3" + packet + end for packet in packets)
    yield b"\0\0\0\0\0\1" + end


TARGETS = [
    Target("manifest", _manifest, manifests, longest=1500),
    Target("manifest_tree", _manifest_tree, lambda: [b"", bytes(range(40))], bar=300_000, longest=16),
    Target("doorbell", _doorbell, _doorbells),
    Target("text_rows", _text_rows, _results),
]
