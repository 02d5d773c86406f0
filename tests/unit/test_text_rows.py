"""The fast reader of rows gives what the server sent, however the bytes arrive."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.text_rows import Malformed, ServerError, read_rows

_EOF = b"\xfe\x00\x00\x02\x00"
_FULL = 0xFFFFFF

lengths = st.sampled_from([0, 1, 8, 250, 251, 252, 65_535, 65_536, 70_000])
values = (
    st.none()
    | st.binary(max_size=300)
    | st.builds(lambda size, byte: bytes([byte]) * size, lengths, st.integers(0, 255))
)


def field(value: bytes | None) -> bytes:
    if value is None:
        return b"\xfb"
    size = len(value)
    if size < 251:
        return bytes([size]) + value
    if size < 1 << 16:
        return b"\xfc" + size.to_bytes(2, "little") + value
    if size < 1 << 24:
        return b"\xfd" + size.to_bytes(3, "little") + value
    return b"\xfe" + size.to_bytes(8, "little") + value


def packets(body: bytes) -> bytes:
    found = b""
    while True:
        part, body = body[:_FULL], body[_FULL:]
        found += len(part).to_bytes(3, "little") + b"\x07" + part
        if len(part) < _FULL:
            return found


def arriving(stream: bytes, sizes: list[int]) -> Callable[[], bytes]:
    place, turn = 0, 0

    def more() -> bytes:
        nonlocal place, turn
        size = sizes[turn % len(sizes)]
        turn += 1
        part = stream[place : place + size]
        place += size
        assert part, "read beyond the end of the rows"
        return part

    return more


@given(st.data())
def test_rows_come_as_sent_in_any_pieces(data):
    columns = data.draw(st.integers(1, 5))
    rows = data.draw(st.lists(st.lists(values, min_size=columns, max_size=columns), max_size=8))
    stream = b"".join(packets(b"".join(map(field, row))) for row in rows) + packets(_EOF)
    # Pieces of a few bytes cut headers and lengths; with large values they would only take long.
    smallest = 1 if len(stream) < 5000 else 1000
    sizes = data.draw(st.lists(st.integers(smallest, 20_000), min_size=1, max_size=6))
    assert read_rows(arriving(stream, sizes), columns) == rows


@pytest.mark.parametrize("size", [_FULL - 5, _FULL - 4, _FULL - 3, _FULL, 2 * _FULL + 17])
def test_a_row_of_several_packets_is_whole_and_the_next_one_too(size):
    rows = [[b"before", None], [b"x" * size, b"y"], [b"", b"after"]]
    stream = b"".join(packets(b"".join(map(field, row))) for row in rows) + packets(_EOF)
    assert read_rows(arriving(stream, [1 << 18]), 2) == rows


def test_an_error_amid_the_rows_is_raised_with_its_packet():
    error = b"\xff\x19\x05#HY000query was interrupted"
    stream = packets(field(b"one")) + packets(error)
    with pytest.raises(ServerError) as raised:
        read_rows(arriving(stream, [7]), 1)
    assert raised.value.packet == error


@pytest.mark.parametrize(
    "body",
    [
        b"\4abc\1x",  # the first field takes the second one's length
        b"\3abc\2x",  # the second one takes of the next packet
        b"\3abc",  # there is no second one
        b"\3abc\1xy",
        b"\3abc\xff",
        b"\xfe" + b"\xff" * 8 + b"\1x",
        b"",
    ],
)
@pytest.mark.parametrize("behind", [b"", packets(b"\1a\1b")])
def test_fields_that_are_not_those_of_their_packet_are_no_row(body, behind):
    """Read on, they would be bytes of a neighbour's row."""
    with pytest.raises(Malformed):
        read_rows(arriving(packets(body) + behind + packets(_EOF), [1 << 10]), 2)


@pytest.mark.parametrize("body", [b"x" * (_FULL - 9), b"x" * (_FULL - 3), b"x" * _FULL + b"y"])
def test_neither_are_those_of_a_row_of_several_packets(body):
    row = b"\xfd" + (_FULL - 5).to_bytes(3, "little") + body
    with pytest.raises(Malformed):
        read_rows(arriving(packets(row) + packets(_EOF), [1 << 18]), 1)
