"""Headers survive storage unchanged."""

from hypothesis import given
from hypothesis import strategies as st

from migration_core.headers import decode_headers, encode_headers

HEADERS = st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.none() | st.binary()), min_size=1)


@given(HEADERS)
def test_headers_come_back_as_they_were(headers):
    assert decode_headers(encode_headers(headers)) == headers


def test_no_headers_are_stored_as_nothing():
    assert encode_headers(None) is encode_headers([]) is None
    assert decode_headers(None) == []


def test_stored_headers_can_be_read_by_people():
    assert encode_headers([("trace", b"\x00\x01"), ("note", None)]) == b'[["trace","AAE="],["note",null]]'
