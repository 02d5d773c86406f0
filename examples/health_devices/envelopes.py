"""How each topic wraps a document: plain JSON, JSON with an op field, Debezium with and without schema."""

import msgspec

from examples.health_devices.documents import FIRST_CHANGE, Document
from examples.health_devices.population import REGIONS, device_id, user_id
from examples.scenario import SourceRecord

USERS, DEVICES, MEASUREMENTS = "users", "devices", "measurements"
TOPIC_PREFIX = "legacy."

encode = msgspec.json.encode

_WITH_SCHEMA = 4
"""The region whose connector was set up with `schemas.enable=true`, in keys and values."""


def moment(change: int) -> int:
    """When a change was published, in milliseconds: one a second, the initial load long before."""
    return (FIRST_CHANGE + change) * 1000


def users_record(region: int, key: bytes | None, value: bytes | None, change: int = 0) -> SourceRecord:
    return SourceRecord(TOPIC_PREFIX + USERS, region, key, value, moment(change))


def devices_record(region: int, key: bytes | None, value: bytes | None, change: int = 0) -> SourceRecord:
    return SourceRecord(TOPIC_PREFIX + DEVICES, region, key, value, moment(change))


def measurements_record(region: int, key: bytes | None, value: bytes | None, change: int = 0) -> SourceRecord:
    return SourceRecord(TOPIC_PREFIX + MEASUREMENTS, region, key, value, moment(change))


def user_key(name: str) -> bytes:
    """JSON; users are deleted by tombstones."""
    return encode({"userID": name})


def user_image(document: Document, change: int = 0) -> SourceRecord:
    name = str(document["userID"])
    return users_record(region_of(name), user_key(name), encode(document), change)


def user_tombstone(index: int, change: int) -> SourceRecord:
    return users_record(index % 5, user_key(user_id(index)), None, change)


def device_key(number: int, region: int) -> bytes:
    """JSON as Kafka Connect writes it: with the schema where the connector was told so."""
    if region == _WITH_SCHEMA:
        return encode({"schema": _KEY_SCHEMA, "payload": {"deviceID": number}})
    return encode({"deviceID": number})


def device_image(document: Document, op: str, change: int = 0) -> SourceRecord:
    region = region_of(str(document["region"]))
    number = document["deviceID"]
    assert isinstance(number, int)  # noqa: S101 - narrows the type of a document that this package made
    return devices_record(region, device_key(number, region), device_value(document, op, change), change)


def device_value(document: Document, op: str, change: int = 0) -> bytes:
    """A Debezium event whose row is the document; `op` is c, u or r (or what a fault makes of it)."""
    return encode(_connect(_event(op, None, document, change), region_of(str(document["region"]))))


def device_deletion(index: int, region: int, change: int) -> list[SourceRecord]:
    """A Debezium delete, followed by its tombstone, as the connector sends them."""
    key = device_key(device_id(index), region)
    event = _connect(_event("d", {"deviceID": device_id(index)}, None, change), region)
    return [devices_record(region, key, encode(event), change), devices_record(region, key, None, change)]


def measurement_image(document: Document, change: int = 0) -> SourceRecord:
    """The record key is plain text; op and body are fields of the value."""
    name = str(document["measurementID"])
    return measurements_record(region_of(name), name.encode(), encode({"op": "upsert", "body": document}), change)


def measurement_removal(name: str, change: int) -> SourceRecord:
    value = encode({"op": "remove", "body": {"measurementID": name}})
    return measurements_record(region_of(name), name.encode(), value, change)


def region_of(name: str) -> int:
    """The index of the region that an id begins with."""
    return REGIONS.index(name[:2])


def _event(op: str, before: Document | None, after: Document | None, change: int) -> Document:
    return {
        "before": before,
        "after": after,
        "source": {
            "connector": "legacy",
            "db": "fleet",
            "table": "devices",
            "ts_ms": moment(change),
            "snapshot": op == "r",
        },
        "op": op,
        "ts_ms": moment(change) + 7,
    }


def _connect(event: Document, region: int) -> Document:
    return {"schema": _VALUE_SCHEMA, "payload": event} if region == _WITH_SCHEMA else event


def _struct(name: str, **fields: str) -> Document:
    described = [{"field": field, "type": kind, "optional": field != "deviceID"} for field, kind in fields.items()]
    return {"type": "struct", "name": f"legacy.fleet.devices.{name}", "optional": False, "fields": described}


_KEY_SCHEMA = _struct("Key", deviceID="int64")
_VALUE_SCHEMA = _struct("Envelope", before="struct", after="struct", source="struct", op="string", ts_ms="int64")
