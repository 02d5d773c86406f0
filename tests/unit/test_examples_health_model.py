"""The model of the health example, against rows written down by hand."""

import base64
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from examples.health_devices.model import HealthModel
from examples.scenario import Counts, ExpectedReject, LogRecord

USER = {
    "userID": "eu-1",
    "region": "eu",
    "loginName": "  Anna@Mail.Example ",
    "emailVerified": True,
    "createdAt": 1_500_000_000_123,
    "modifiedAt": "2021-03-04T05:06:07.1234567+09:00",
    "passwordHash": base64.b64encode(b"\x00\xff").decode(),
    "profile": {
        "displayName": "Änna 🏃",
        "birthDate": "1984-02-29",
        "heightCm": 171.5,
        "language": "de",
        "units": "metric",
    },
    "consents": [
        {"purpose": "research", "granted": False, "version": 2, "decidedAt": 86_400},
        {"purpose": "family", "granted": True, "version": 1, "decidedAt": 0},
    ],
    "appVersion": "4.1",
}


def utc(*moment):
    """As MySQL's DATETIME gives it back: UTC, and without saying so."""
    return datetime(*moment, tzinfo=UTC).replace(tzinfo=None)


TOPICS = {"t.users": "users", "t.devices": "devices", "t.measurements": "measurements"}


@pytest.fixture
def fold(tmp_path):
    def fold(snapshot=(), stream=(), *, planted=None, rivals=()):
        """Both sides hold (stream, key, value); the snapshot is written out as a folder."""
        model = HealthModel(tmp_path / "model", planted=planted or {}, rivals=rivals, topics=TOPICS)
        model.snapshot(snapshot_folder(tmp_path, snapshot))
        model.stream(
            LogRecord(f"t.{name}", 0, offset, key, value, None) for offset, (name, key, value) in enumerate(stream)
        )
        return model

    return fold


def snapshot_folder(tmp_path, records):
    manifest = {"streams": []}
    for stream in TOPICS.values():
        lines = [
            json.dumps({"key": None if key is None else key.decode(), "payload_b64": base64.b64encode(value).decode()})
            for name, key, value in records
            if name == stream
        ]
        (tmp_path / stream).write_text("".join(f"{line}\n" for line in lines))
        manifest["streams"].append(
            {"name": stream, "container": "kcat", "compression": "none", "parts": [{"file": stream}]}
        )
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def user(name="eu-1", **changes):
    document = json.dumps(USER | {"userID": name} | changes).encode()
    return "users", json.dumps({"userID": name}).encode(), document


def test_a_user_becomes_one_row_and_its_consents_one_each(fold):
    model = fold([user()])

    assert list(model.rows("users")) == [
        (
            "eu-1",
            "eu",
            "anna@mail.example",
            True,
            "Änna 🏃",
            date(1984, 2, 29),
            Decimal("171.5"),
            "de",
            b"\x00\xff",
            utc(2017, 7, 14, 2, 40, 0, 123000),
            utc(2021, 3, 3, 20, 6, 7, 123456),
            "legacy",
            {"appVersion": "4.1", "profile": {"units": "metric"}},
        )
    ]
    assert list(model.rows("user_consents")) == [
        ("eu-1", "family", True, 1, utc(1970, 1, 1)),
        ("eu-1", "research", False, 2, utc(1970, 1, 2)),
    ]


def test_a_device_is_what_its_event_says_after_with_or_without_a_schema(fold):
    row = {
        "deviceID": 7,
        "ownerID": None,
        "region": "eu",
        "model": "m",
        "firmware": "1",
        "mac": "00ff",
        "pairedAt": 1_000_001,
        "battery": 0.125,
        "cycles": 1,
        "status": "lost",
        "settings": {"beep": True},
        "sensors": [{"kind": "pulse", "unit": "bpm", "everySeconds": 5}],
    }
    bare = ("devices", b'{"deviceID": 7}', json.dumps({"op": "r", "before": None, "after": row}).encode())
    wrapped = (
        "devices",
        b'{"schema": {}, "payload": {"deviceID": 7}}',
        json.dumps({"schema": {}, "payload": {"op": "u", "before": None, "after": row | {"cycles": 2}}}).encode(),
    )

    moment = utc(1970, 1, 1, 0, 0, 1, 1)
    expected = (7, None, "eu", "m", "1", b"\x00\xff", moment, Decimal("0.125"), 1, "lost", {"beep": True})
    assert list(fold([bare]).rows("devices")) == [expected]
    model = fold([bare], [wrapped])
    assert list(model.rows("devices")) == [(*expected[:8], 2, *expected[9:])]
    assert list(model.rows("device_sensors")) == [(7, "pulse", "bpm", 5)]


def test_the_last_good_image_stands_however_bad_the_ones_after_it(fold):
    bad = ("users", b'{"userID": "eu-1"}', b"broken")
    planted = {("t.users", *bad[1:]): "PARSE_JSON"}

    model = fold([user(region="us")], [bad, user(region="jp"), bad], planted=planted)

    assert [row[1] for row in model.rows("users")] == ["jp"]
    assert model.rejects() == [ExpectedReject("users", "stream", 0, place, "PARSE_JSON") for place in (0, 2)]
    assert model.counts()["users"] == Counts(snapshot=1, stream=3, rejected=2)


def test_a_deleted_user_is_gone_until_a_new_image_comes(fold):
    tombstone = ("users", b'{"userID": "eu-1"}', None)

    assert list(fold([user()], [tombstone]).rows("users")) == []
    assert len(list(fold([user()], [tombstone, user()]).rows("users"))) == 1


def test_debezium_and_the_op_field_delete_too(fold):
    device = ("devices", b'{"deviceID": 7}', b'{"op":"c","after":{"deviceID":7}}')
    gone = ("devices", b'{"deviceID": 7}', b'{"op":"d","before":{"deviceID":7},"after":null}')
    taken = ("measurements", b"m7", b'{"op":"upsert","body":{"measurementID":"m7"}}')
    removed = ("measurements", b"m7", b'{"op":"remove","body":{"measurementID":"m7"}}')

    model = fold([device, taken], [gone, removed])

    assert list(model.rows("devices")) == []
    assert list(model.rows("measurements")) == []


def test_the_first_line_of_a_key_stands_within_a_snapshot(fold):
    model = fold([user(region="us"), user(region="jp")])

    assert [row[1] for row in model.rows("users")] == ["us"]
    assert model.rejects() == [ExpectedReject("users", "snapshot", 1, 2, "SNAP_DUPLICATE_KEY")]


def test_of_two_rivals_the_one_who_comes_first_has_the_login(fold):
    model = fold([user("eu-2"), user("eu-1")], rivals=[("eu-1", "eu-2")])

    assert [row[0] for row in model.rows("users")] == ["eu-2"]
    assert model.rejects() == [ExpectedReject("users", "snapshot", 1, 2, "UNIQUE_CONFLICT")]


def test_rows_come_in_the_order_of_a_binary_collation(fold):
    names = ["eu-a", "eu-B", "eu-ä", "eu-\uff17", "eu-𠮷", "eu-a "]

    model = fold([user(name) for name in names])

    assert [row[0] for row in model.rows("users")] == sorted(names, key=str.encode)


def test_an_unreadable_key_that_nobody_planted_stops_the_model(fold):
    with pytest.raises(ValueError, match="nobody planted"):
        fold([], [("users", None, b"{}")])
