"""Record headers as bytes: a JSON list of [name, base64 or null] pairs, in order, repeated names kept."""

from collections.abc import Sequence

import msgspec

Header = tuple[str, bytes | None]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[tuple[str, bytes | None]]).decode


def encode_headers(headers: Sequence[Header] | None) -> bytes | None:
    """What `raw_<stream>.headers` keeps; None when there are none, since Kafka knows no empty list."""
    return _encode(headers) if headers else None


def decode_headers(stored: bytes | None) -> list[Header]:
    """What `encode_headers` was given."""
    return _decode(stored) if stored else []
