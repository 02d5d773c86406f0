"""Every way in which the example spoils a record, with the code that the record must be rejected with."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from examples.health_devices.envelopes import DEVICES, MEASUREMENTS, USERS
from examples.scenario import SourceRecord

Spoil = Callable[[SourceRecord], SourceRecord]


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: applied to a good record, it makes one that can never succeed."""

    stream: str
    code: str
    spoil: Spoil


def _value(change: Callable[[bytes], bytes]) -> Spoil:
    return lambda good: good._replace(value=change(good.value or b""))


def _key(key: bytes | None) -> Spoil:
    return lambda good: good._replace(key=key)


def _field(path: str, raw: str) -> Spoil:
    """Put raw JSON text at a path: what a lenient writer would let through."""
    return _value(lambda value: _edited(value, path.split("."), raw))


def _without(path: str) -> Spoil:
    return _value(lambda value: _edited(value, path.split("."), None))


_MARK = "\x01mark\x01"


def _edited(value: bytes, path: list[str], raw: str | None) -> bytes:
    whole = json.loads(value)
    *parents, last = path
    node = whole.get("payload", whole)
    for name in parents:
        node = node[name]
    if raw is None:
        del node[last]
    else:
        node[last] = _MARK
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    return text.replace(json.dumps(_MARK), raw or "").encode()


_LONG_NUMBER = "9" * 5000
_DEEP = "[" * 200 + "]" * 200

CAUSES = (
    Cause(USERS, "PARSE_EMPTY", _value(lambda _: b"")),
    Cause(USERS, "PARSE_JSON", _value(lambda value: value[:-9])),
    Cause(USERS, "PARSE_JSON", _value(lambda value: value + b"}")),
    Cause(USERS, "PARSE_NOT_OBJECT", _value(lambda value: b"[" + value + b"]")),
    Cause(USERS, "ENC_NOT_UTF8", _value(lambda value: value.decode().encode("utf-16"))),
    Cause(
        USERS,
        "ENC_INVALID_UTF8",
        _value(lambda value: value.replace(b"@mail", b"@m\xffil").replace(b"@MAIL", b"@M\xffIL")),
    ),
    Cause(USERS, "ENC_LONE_SURROGATE", _field("profile.displayName", '"\\ud83d"')),
    Cause(USERS, "JSON_DUPLICATE_KEY", _value(lambda value: value[:-1] + b',"region":"us"}')),
    Cause(USERS, "JSON_TOO_DEEP", _field("appVersion", _DEEP)),
    Cause(USERS, "TYPE_MISMATCH", _field("emailVerified", '"perhaps"')),
    Cause(USERS, "FIELD_MISSING", _without("loginName")),
    Cause(USERS, "FIELD_NULL", _field("createdAt", "null")),
    Cause(USERS, "STR_TOO_LONG", _field("profile.displayName", '"' + "長" * 81 + '"')),
    Cause(USERS, "DATE_ZERO", _field("profile.birthDate", '"0000-00-00"')),
    Cause(USERS, "DATE_INVALID", _field("profile.birthDate", '"2023-02-29"')),
    Cause(USERS, "DATE_RANGE", _field("profile.birthDate", '"0999-12-31"')),
    Cause(USERS, "TZ_MISSING", _field("modifiedAt", '"2021-03-28T02:30:00"')),
    Cause(USERS, "ENUM_UNKNOWN", _field("region", '"mars"')),
    Cause(USERS, "KEY_NULL", _key(None)),
    Cause(USERS, "KEY_MISMATCH", _field("userID", '"us-99999999"')),
    Cause(DEVICES, "PARSE_JSON", _value(lambda value: value[: len(value) // 2])),
    Cause(DEVICES, "OP_UNKNOWN", _field("op", '"x"')),
    Cause(DEVICES, "NUM_RANGE", _field("after.cycles", "4294967296")),
    Cause(DEVICES, "NUM_TOO_LONG", _field("after.cycles", _LONG_NUMBER)),
    Cause(DEVICES, "NUM_PRECISION", _field("after.battery", "0.12345")),
    Cause(DEVICES, "TYPE_MISMATCH", _field("after.mac", '"not hex at all"')),
    Cause(DEVICES, "TS_UNIT", _field("after.pairedAt", "1577836800000")),
    Cause(DEVICES, "FIELD_NULL", _field("after.sensors", '[{"kind":null,"unit":"bpm","everySeconds":1}]')),
    Cause(MEASUREMENTS, "OP_UNKNOWN", _field("op", '"explode"')),
    Cause(MEASUREMENTS, "JSON_NONFINITE", _field("body.value", "NaN")),
    Cause(MEASUREMENTS, "NUM_OVERFLOW", _field("body.value", "1e400")),
    Cause(MEASUREMENTS, "NUM_PRECISION", _field("body.value", "0.0001")),
    Cause(MEASUREMENTS, "NUM_RANGE", _field("body.value", "1234567890.5")),
    Cause(MEASUREMENTS, "DATE_INVALID", _field("body.takenAt", '"2021-06-30T23:59:60Z"')),
    Cause(MEASUREMENTS, "FIELD_MISSING", _without("body.takenAt")),
    Cause(MEASUREMENTS, "ENUM_UNKNOWN", _field("body.kind", '"mood"')),
    Cause(MEASUREMENTS, "KEY_NULL", _key(None)),
    Cause(MEASUREMENTS, "KEY_INVALID", _key(b"m" * 600)),
)
