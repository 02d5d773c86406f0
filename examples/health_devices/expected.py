"""The rows that each document must become, written down a second time and by other means than the mapping."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from examples.scenario import ExpectedTable, Row

Document = dict[str, Any]

TABLES = (
    ExpectedTable(
        "users",
        "users",
        (
            "id",
            "region",
            "login",
            "email_verified",
            "display_name",
            "birth_date",
            "height_cm",
            "language",
            "password_hash",
            "created_at",
            "modified_at",
            "origin",
            "attributes",
        ),
        ("id",),
        json_columns=frozenset({"attributes"}),
        unchecked=frozenset({"source_sequence"}),
    ),
    ExpectedTable(
        "user_consents",
        "users",
        ("user_id", "purpose", "granted", "version", "decided_at"),
        ("user_id", "purpose"),
        unchecked=frozenset({"source_sequence"}),
    ),
    ExpectedTable(
        "devices",
        "devices",
        (
            "id",
            "owner_id",
            "region",
            "model",
            "firmware",
            "mac",
            "paired_at",
            "battery",
            "cycles",
            "status",
            "settings",
        ),
        ("id",),
        json_columns=frozenset({"settings"}),
        unchecked=frozenset({"source_sequence"}),
    ),
    ExpectedTable(
        "device_sensors",
        "devices",
        ("device_id", "kind", "unit", "every_seconds"),
        ("device_id", "kind"),
        unchecked=frozenset({"source_sequence"}),
    ),
    ExpectedTable(
        "measurements",
        "measurements",
        (
            "id",
            "device_id",
            "user_id",
            "kind",
            "value",
            "unit",
            "taken_at",
            "received_at",
            "quality",
            "note",
        ),
        ("id",),
        unchecked=frozenset({"source_sequence"}),
    ),
)


def key_of(stream: str, record_key: bytes | None) -> str | int | None:
    """The entity that a record key names, or None when it names nobody."""
    if record_key is None or len(record_key) > 512:  # noqa: PLR2004 - the longest key of the design
        return None
    if stream == "measurements":
        return record_key.decode()
    named = json.loads(record_key)
    named = named.get("payload", named)
    return named["userID"] if stream == "users" else named["deviceID"]  # type: ignore[no-any-return]  # JSON


def deletes(stream: str, value: bytes | None) -> bool:
    """A tombstone everywhere; Debezium's d and the platform's own remove where they are used."""
    if value is None:
        return True
    if stream == "devices" and b'"d"' in value:
        return str(_event(json.loads(value))["op"]) == "d"
    return stream == "measurements" and b'"remove"' in value and json.loads(value)["op"] == "remove"


def document(value: bytes) -> Document:
    """The document inside whatever wraps it, with every fraction exact."""
    whole = json.loads(value.removeprefix(b"\xef\xbb\xbf"), parse_float=Decimal)
    event = _event(whole)
    return event.get("after") or event.get("body") or event


def _event(whole: Document) -> Document:
    return whole.get("payload", whole)  # type: ignore[no-any-return]  # JSON


def _user(user: Document) -> Iterator[Row]:
    profile = user["profile"]
    born = profile.get("birthDate")
    yield (
        user["userID"],
        user["region"],
        user["loginName"].strip().lower(),
        user["emailVerified"],
        profile.get("displayName"),
        date.fromisoformat(born) if born else None,
        profile.get("heightCm"),
        profile.get("language"),
        base64.b64decode(user["passwordHash"]),
        _after_epoch(milliseconds=user["createdAt"]),
        _utc(user["modifiedAt"]),
        "legacy",
        _attributes(user),
    )


def _consents(user: Document) -> Iterator[Row]:
    for consent in sorted(user["consents"], key=lambda consent: str(consent["purpose"])):
        decided_at = _after_epoch(seconds=consent["decidedAt"])
        yield user["userID"], consent["purpose"], consent["granted"], consent["version"], decided_at


def _device(device: Document) -> Iterator[Row]:
    yield (
        device["deviceID"],
        device["ownerID"],
        device["region"],
        device["model"],
        device["firmware"],
        bytes.fromhex(device["mac"]),
        _after_epoch(microseconds=device["pairedAt"]),
        device["battery"],
        device["cycles"],
        device["status"],
        device["settings"],
    )


def _sensors(device: Document) -> Iterator[Row]:
    for sensor in sorted(device["sensors"], key=lambda sensor: str(sensor["kind"])):
        yield device["deviceID"], sensor["kind"], sensor["unit"], sensor["everySeconds"]


def _measurement(taken: Document) -> Iterator[Row]:
    yield (
        taken["measurementID"],
        taken["deviceID"],
        taken["userID"],
        taken["kind"],
        taken["value"],
        taken["unit"],
        _utc(taken["takenAt"]),
        _after_epoch(milliseconds=taken["receivedAt"]),
        taken["quality"],
        taken.get("note"),
    )


ROWS: dict[str, Callable[[Document], Iterator[Row]]] = {
    "users": _user,
    "user_consents": _consents,
    "devices": _device,
    "device_sensors": _sensors,
    "measurements": _measurement,
}

_NAMED = {"userID", "region", "loginName", "emailVerified", "createdAt", "modifiedAt", "passwordHash", "consents"}
_NAMED_PROFILE = {"displayName", "birthDate", "heightCm", "language"}


def _attributes(user: Document) -> Document | None:
    """All that no column takes."""
    rest = {name: value for name, value in user.items() if name not in _NAMED | {"profile"}}
    profile = {name: value for name, value in user["profile"].items() if name not in _NAMED_PROFILE}
    if profile:
        rest["profile"] = profile
    return rest or None


def _after_epoch(**elapsed: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(**elapsed)  # noqa: DTZ001 - MySQL's DATETIME has no zone; ours are UTC


_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))")


def _utc(text: str) -> datetime:
    """UTC without a zone, cut to microseconds: the rule says cut, not rounded."""
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError(f"{text} is not a time that the source writes")
    moment, fraction, sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    micros = timedelta(microseconds=int(((fraction or "") + "000000")[:6]))
    return datetime.fromisoformat(moment) + micros - offset
