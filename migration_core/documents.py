"""Documents kept as JSON text: numbers stay exact, whatever their length."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


def encode(document: Mapping[str, object]) -> bytes:
    """Compact JSON in UTF-8."""
    return _encode(document)


def decode(text: bytes) -> dict[str, Any]:
    """What `encode` wrote; fractions are Decimal, never float."""
    return _decode(text)
