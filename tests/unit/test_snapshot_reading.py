"""A part gives all of its lines or an error that says where; it never gives fewer without a word."""

import os
import random
import socket

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from migration_core.checkpoint import START
from migration_core.errors import SnapshotError
from migration_core.manifest import Part
from snapshot_loader import folder, part_file, reading
from snapshot_loader.reading import Bounds, PartReader, PrefixChanged
from tests.unit.snapshot_parts import COMPRESSIONS, compress, part_of, some_lines, written

SMALL = Bounds(rows=7, bytes=300)
every_compression = pytest.mark.parametrize("compression", COMPRESSIONS)


def chunks_of(folder, part, compression="none", bounds=SMALL, after=START):
    return list(PartReader(folder, part, compression, bounds).chunks(after))


def lines_of(*arguments, **named):
    return [line for chunk in chunks_of(*arguments, **named) for line in chunk.lines]


@every_compression
@pytest.mark.parametrize("members", [1, 5])
@pytest.mark.parametrize("bounds", [SMALL, Bounds(rows=1, bytes=1), Bounds()])
def test_all_lines_come_in_order_with_their_numbers_and_offsets(tmp_path, compression, members, bounds):
    data = some_lines(100)
    part = written(tmp_path, data, compression, members=members)

    chunks = chunks_of(tmp_path, part, compression, bounds)

    assert [line for chunk in chunks for line in chunk.lines] == data.split(b"\n")[:-1]
    assert [chunk.first_line for chunk in chunks] == [1, *(chunk.end.lines + 1 for chunk in chunks[:-1])]
    assert (chunks[-1].end.lines, chunks[-1].end.bytes) == (100, len(data))
    assert all(len(chunk.lines) <= bounds.rows for chunk in chunks)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"a\nb\n", [b"a", b"b"]),
        (b"a\nb", [b"a", b"b"]),
        (b"a\r\nb\r\n", [b"a\r", b"b\r"]),
        (b"\n\na\n\n", [b"", b"", b"a", b""]),
        (b"\n", [b""]),
        (b"a\rb\n", [b"a\rb"]),
        (b"\xe2\x80\xa8\x0b\x0c\x85\n", [b"\xe2\x80\xa8\x0b\x0c\x85"]),
        (b"\x00\n", [b"\x00"]),
    ],
)
@every_compression
def test_a_line_ends_at_a_line_feed_and_nowhere_else(tmp_path, data, lines, compression):
    part = written(tmp_path, data, compression)

    assert lines_of(tmp_path, part, compression) == lines


@given(
    lines=st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b""))),
    rows=st.integers(1, 5),
    size=st.integers(1, 60),
    ended=st.booleans(),
)
def test_any_bytes_in_any_chunks_are_the_same_lines(tmp_path_factory, lines, rows, size, ended):
    folder = tmp_path_factory.mktemp("any")
    data = b"".join(line + b"\n" for line in lines)
    if not ended and lines and lines[-1]:
        data = data[:-1]
    part = written(folder, data)

    chunks = chunks_of(folder, part, bounds=Bounds(rows, size))

    assert [line for chunk in chunks for line in chunk.lines] == lines
    for chunk in chunks:
        assert lines_of(folder, part, after=chunk.end) == lines[chunk.end.lines :]


@every_compression
def test_an_empty_part_has_no_chunks(tmp_path, compression):
    assert chunks_of(tmp_path, written(tmp_path, b"", compression), compression) == []
    (tmp_path / "part").write_bytes(b"")
    assert chunks_of(tmp_path, part_of("part", b"", b""), compression) == []


@every_compression
def test_a_reader_goes_on_behind_any_chunk(tmp_path, compression):
    data = some_lines(60)
    part = written(tmp_path, data, compression, members=3)
    whole = chunks_of(tmp_path, part, compression)

    for number, chunk in enumerate(whole, start=1):
        assert chunks_of(tmp_path, part, compression, after=chunk.end) == whole[number:]


@every_compression
def test_a_reader_does_not_go_on_behind_other_bytes(tmp_path, compression):
    data = some_lines(60)
    written(tmp_path, data, compression)
    loaded = chunks_of(tmp_path, written(tmp_path, data, compression), compression)[3].end
    other = written(tmp_path, data.replace(b'"id": 2,', b'"id": 3,', 1), compression)

    with pytest.raises(PrefixChanged, match=f"line {loaded.lines}, byte {loaded.bytes}"):
        chunks_of(tmp_path, other, compression, after=loaded)


@every_compression
def test_the_digest_is_of_the_whole_file_on_resume_too(tmp_path, compression):
    data = some_lines(60)
    part = written(tmp_path, data, compression)
    loaded = chunks_of(tmp_path, part, compression)[-1].end

    with pytest.raises(SnapshotError, match="SHA-256"):
        chunks_of(tmp_path, part.model_copy(update={"sha256": "0" * 64}), compression, after=loaded)


def lines_until_the_error(folder, part, compression):
    read: list[bytes] = []
    try:
        for chunk in PartReader(folder, part, compression, SMALL).chunks():
            read += chunk.lines
    except SnapshotError:
        return read
    raise AssertionError("a damaged file was read as if it were whole")


def damages(stored, compression, chance):
    """(what, bytes): 200 cuts, each also filled up with zeros to its old size, and 200 flipped bits."""
    cuts = [chance.randrange(len(stored)) for _ in range(200)]
    yield from (("cut", stored[:cut]) for cut in cuts)
    yield from (("zeros", stored[:cut] + bytes(len(stored) - cut)) for cut in cuts)
    for _ in range(200):
        place, bit = chance.randrange(len(stored)), chance.randrange(8)
        yield "flip", stored[:place] + bytes([stored[place] ^ 1 << bit]) + stored[place + 1 :]


@every_compression
def test_every_cut_and_every_flipped_bit_is_found(tmp_path, compression):
    data = some_lines(300)
    part = written(tmp_path, data, compression, members=4)
    stored = (tmp_path / "part").read_bytes()
    good = set(data.split(b"\n"))

    for what, damaged in damages(stored, compression, random.Random(7)):
        (tmp_path / "part").write_bytes(damaged)
        with pytest.raises(SnapshotError, match=r"^part: line \d+, byte \d+"):
            lines_of(tmp_path, part, compression)
        if what == "cut":
            # A manifest that was written for the cut file knows its size and digest, but not its rows.
            fooled = part.model_copy(update={k: getattr(part_of("part", damaged, b""), k) for k in ("bytes", "sha256")})
            assert good.issuperset(lines_until_the_error(tmp_path, fooled, compression)[:-1])


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_cut_between_two_members_is_found_without_size_and_digest(tmp_path, compression):
    data = some_lines(40)
    pieces = [compress(data[start : start + 100], compression) for start in range(0, len(data), 100)]
    whole = part_of("part", b"".join(pieces), data)

    for kept in range(len(pieces)):
        stored = b"".join(pieces[:kept])
        (tmp_path / "part").write_bytes(stored)
        known = part_of("part", stored, b"")
        fooled = whole.model_copy(update={"bytes": known.bytes, "sha256": known.sha256})
        with pytest.raises(SnapshotError, match="the manifest says"):
            lines_of(tmp_path, fooled, compression)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("tail", [b"\0", b"\0" * 512, b"garbage", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"])
def test_bytes_behind_the_last_member_are_found(tmp_path, compression, tail):
    data = some_lines(5)
    stored = compress(data, compression) + tail
    (tmp_path / "part").write_bytes(stored)

    with pytest.raises(SnapshotError):
        lines_of(tmp_path, part_of("part", stored, data), compression)


@every_compression
def test_more_and_fewer_rows_than_promised_are_found_with_the_line(tmp_path, compression):
    part = written(tmp_path, some_lines(20), compression)

    with pytest.raises(SnapshotError, match=r"line 21, byte \d+.*: it has 20 lines, the manifest says 21"):
        lines_of(tmp_path, part.model_copy(update={"rows": 21}), compression)
    with pytest.raises(SnapshotError, match="it has more lines than the 19"):
        lines_of(tmp_path, part.model_copy(update={"rows": 19}), compression)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_bomb_goes_off_within_its_limit(tmp_path, compression):
    stored = compress(bytes(64 << 20), compression)
    (tmp_path / "part").write_bytes(stored)
    modest = part_of("part", stored, b"x" * 1000)

    with pytest.raises(SnapshotError, match="SNAP_LIMIT: over 1000 bytes"):
        lines_of(tmp_path, modest, compression)


@every_compression
def test_a_line_without_end_is_refused_at_the_limit(tmp_path, compression, monkeypatch):
    monkeypatch.setattr(reading, "LONGEST_LINE", 3 << 20)
    fits = written(tmp_path, b"a\n" + os.urandom(3 << 19).hex().encode() + b"\nb\n", compression)

    assert [len(line) for line in lines_of(tmp_path, fits, compression)] == [1, 3 << 20, 1]

    for tail in (b"", b"\n", b"\nb\n"):
        over = written(tmp_path, b"a\n" + os.urandom(3 << 19).hex().encode() + b"c" + tail, compression)
        with pytest.raises(SnapshotError, match="SNAP_LIMIT: a line is longer than"):
            lines_of(tmp_path, over, compression)


def test_skippable_frames_are_skipped(tmp_path):
    skippable = b"\x50\x2a\x4d\x18\x03\x00\x00\x00xyz"
    stored = skippable + zstandard.compress(b"a\n") + skippable + zstandard.compress(b"b\n")
    (tmp_path / "part").write_bytes(stored)

    assert lines_of(tmp_path, part_of("part", stored, b"a\nb\n"), "zstd") == [b"a", b"b"]


def grow(file):
    with file.open("ab") as opened:
        opened.write(b"more\n")


def overwrite(file):
    with file.open("r+b") as opened:
        opened.write(b"X")
    os.utime(file, ns=(1, 1))


def replace(file):
    copy = file.with_name("copy")
    copy.write_bytes(file.read_bytes())
    copy.rename(file)


@pytest.mark.parametrize("change", [grow, overwrite, replace, os.unlink])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, change):
    part = written(tmp_path, some_lines(40_000))
    chunks = PartReader(tmp_path, part, "none", SMALL).chunks()
    next(chunks)

    change(tmp_path / "part")

    with pytest.raises(SnapshotError, match="part: line"):
        list(chunks)


def test_no_name_leads_out_of_the_folder(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    part = written(outside, b"a\n")
    (inside / "part").symlink_to(outside / "part")
    (inside / "sub").symlink_to(outside)

    for name in ("part", "sub/part"):
        with pytest.raises(SnapshotError, match="a link leads out of"):
            lines_of(inside, part.model_copy(update={"file": name}))


def test_a_link_within_the_folder_is_followed(tmp_path):
    part = written(tmp_path, b"a\n")
    (tmp_path / "linked").symlink_to("part")

    assert lines_of(tmp_path, part.model_copy(update={"file": "linked"})) == [b"a"]


def test_a_file_that_becomes_a_link_between_the_look_and_the_open_is_not_followed(tmp_path, monkeypatch):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    part = written(outside, b"a\n")
    (inside / "part").write_bytes(b"a\n")
    looked = part_file._inside

    def swapped(folder, name):
        found = looked(folder, name)
        found.unlink()
        found.symlink_to(outside / "part")
        return found

    monkeypatch.setattr(part_file, "_inside", swapped)

    with pytest.raises(SnapshotError, match=r"^part: "):
        lines_of(inside, part)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../part", "a/../../part", "part\0", "a\\b", ".", "./part", "a//b", ""]
)
def test_a_name_that_is_no_plain_path_makes_no_part(name):
    with pytest.raises(ValidationError):
        Part(file=name, rows=1, bytes=2, decompressed_bytes=2, sha256="0" * 64)


def test_a_manifest_without_end_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "LARGEST", 1000)
    (tmp_path / "manifest.json").write_bytes(b" " * 1001)

    with pytest.raises(SnapshotError, match=r"SNAP_LIMIT: .* has over 1000 bytes"):
        folder.read_manifest(tmp_path)


@pytest.mark.parametrize("kind", ["absent", "folder", "pipe", "loop", "socket"])
def test_what_is_no_file_is_named(tmp_path, kind):
    place = tmp_path / "part"
    match kind:
        case "folder":
            place.mkdir()
        case "pipe":
            os.mkfifo(place)
        case "socket":
            with socket.socket(socket.AF_UNIX) as opened:
                opened.bind(str(place))
        case "loop":
            place.symlink_to("part")

    with pytest.raises(SnapshotError, match=r"^part: "):
        lines_of(tmp_path, part_of("part", b"", b""))
