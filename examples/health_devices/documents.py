"""What the platform says about one entity after one change: the same arguments always give the same document."""

from base64 import b64encode
from datetime import UTC, datetime

from examples.health_devices.population import REGIONS, Dice, device_id, device_owner, measurement_id, user_id

Document = dict[str, object]

FIRST_SIGN_UP = 1_420_070_400  # 2015-01-01
FIRST_CHANGE = 1_600_000_000  # 2020-09-13: later than every sign-up, so that changes look like changes
_SIGN_UP_SPAN = 5 * 365 * 86_400

_GIVEN = (
    ("Olivia", "Liam", "Zoë", "José María", "O'Neil"),
    ("陽葵", "蓮", "さくら", "ハルト", "𠮷子"),
    ("伟", "芳", "秀英", "娜", "敏"),
    ("Wei Ling", "Arjun", "Siti", "Muthu", "Priya"),
    ("Łukasz", "Anaïs", "Søren", "Ελένη", "Jürgen"),
)
_FAMILY = (
    ("Smith", "García", "Nguyen", "de la Cruz", "Kim"),
    ("佐藤", "鈴木", "髙橋", "田中", "渡邉"),
    ("王", "李", "张", "刘", "陈"),
    ("Tan", "Lim", "bin Ahmad", "Nair", "Wong"),
    ("Müller", "Øster", "Nowak", "Παπαδοπούλου", "d'Aubigné"),
)
_LANGUAGES = ("en", "ja", "zh-Hans", "en-SG", "de")
_PURPOSES = ("research", "newsletter", "location", "sharing", "family")
_BADGES = ("🏃‍♀️ first 10 km", "🩺 checked in", "💤 8 hours", "🥇")
_STAMPS = ("{}Z", "{}+09:00", "{}.5-05:00", "{}.123Z", "{}.123456Z", "{}.1234567+08:00", "{}.999999999+00:00")


def user(dice: Dice, index: int, change: int = 0) -> Document:
    """A user with a nested profile and a list of consents."""
    stable = dice.draw(b"user", index)
    bits = dice.draw(b"user", index, change) if change else stable
    region = index % 5
    changed_at = FIRST_CHANGE + change if change else FIRST_SIGN_UP + stable % _SIGN_UP_SPAN + bits % 86_400
    document: Document = {
        "userID": user_id(index),
        "region": REGIONS[region],
        "loginName": _login(index, change, bits),
        "emailVerified": bits & 3 != 0,
        "createdAt": (FIRST_SIGN_UP + stable % _SIGN_UP_SPAN) * 1000 + stable % 997,
        "modifiedAt": _stamp(changed_at, bits >> 2),
        "passwordHash": b64encode(dice.draw_bytes(b"password", index)).decode(),
        "profile": _profile(region, stable, bits >> 8),
        "consents": _consents(bits >> 40, changed_at),
        "appVersion": f"4.{bits % 13}.{bits % 7}",
    }
    if bits >> 60 & 7 == 0:
        document["badges"] = list(_BADGES[: 1 + (bits >> 63 & 3)])
    return document


def _login(index: int, change: int, bits: int) -> str:
    """Unique by construction; one in eight changes renames, and people type capitals and blanks."""
    name = f"{'mika' if bits & 1 else 'sam'}.{index}"
    if bits >> 100 & 7 == 0:
        name = f"{name}.{change}"
    address = f"{name}@mail.example"
    return f" {address.upper()} " if bits >> 104 & 15 == 0 else address


def _profile(region: int, stable: int, bits: int) -> Document:
    name = f"{_FAMILY[region][stable % 5]} {_GIVEN[region][stable // 5 % 5]}"
    profile: Document = {
        "displayName": name,
        "birthDate": f"{1930 + stable % 80}-{1 + stable // 80 % 12:02d}-{1 + stable // 960 % 28:02d}",
        "heightCm": (1400 + (stable >> 20) % 700) / 10,
        "language": _LANGUAGES[region],
        "units": "imperial" if region == 0 else "metric",
    }
    # A name can be absent, null, empty, or the word "null": four states, and all of them are meant.
    match bits & 63:
        case 0:
            del profile["displayName"]
        case 1:
            profile["displayName"] = None
        case 2:
            profile["displayName"] = ""
        case 3:
            profile["displayName"] = "null"
        case 4:
            del profile["birthDate"]
    return profile


def _consents(bits: int, decided_at: int) -> list[Document]:
    return [
        {
            "purpose": purpose,
            "granted": bits >> place & 32 != 0,
            "version": 1 + bits % 9,
            "decidedAt": decided_at - place,
        }
        for place, purpose in enumerate(_PURPOSES)
        if bits >> place & 1
    ]


def _stamp(seconds: int, bits: int) -> str:
    """ISO 8601 in as many ways as client libraries write it, up to nanoseconds."""
    return _STAMPS[bits % len(_STAMPS)].format(datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S"))


_MODELS = ("BP-7000", "HR-21", "SC-500 Pro", "GL-3", "PW-1 “Lite”")
_SENSORS = (("pulse", "bpm"), ("pressure", "mmHg"), ("weight", "kg"), ("glucose", "mmol/L"))
_STATES = ("active", "active", "active", "paused", "lost", "retired")


def device(dice: Dice, index: int, change: int, owners: int) -> Document:
    """A device with a list of sensors; `owners` bounds whom a later device can belong to."""
    stable = dice.draw(b"device", index)
    bits = dice.draw(b"device", index, change) if change else stable
    owner = device_owner(index) % owners
    return {
        "deviceID": device_id(index),
        "ownerID": None if bits >> 4 & 31 == 0 else user_id(owner),
        "region": REGIONS[owner % 5],
        "model": _MODELS[stable % 5],
        "firmware": f"{1 + bits % 4}.{(bits >> 8) % 20}.{(bits >> 16) % 10}",
        "mac": f"{stable >> 60 & 0xFFFFFFFFFFFF:012x}",
        "pairedAt": (FIRST_SIGN_UP + stable % _SIGN_UP_SPAN) * 1_000_000 + stable % 999_983,
        "battery": (bits >> 24) % 1001 / 1000,
        "cycles": (bits >> 34) % 5000 + (1 << 31 if bits >> 50 & 1023 == 0 else 0),
        "status": _STATES[(bits >> 64) % 6],
        "settings": {
            "beep": bits >> 70 & 1 == 1,
            "goal": (bits >> 71) % 20_000,
            "alarm": [6, 30] if bits & 1 else None,
        },
        "sensors": [
            {"kind": kind, "unit": unit, "everySeconds": 1 + (bits >> 80 + place) % 3600}
            for place, (kind, unit) in enumerate(_SENSORS)
            if bits >> 90 + place & 3 == 0
        ],
    }


_KINDS = (("heart_rate", "bpm"), ("weight", "kg"), ("glucose", "mmol/L"), ("steps", "count"), ("temperature", "°C"))
_NOTES = (
    None,
    None,
    None,
    None,
    None,
    "",
    "after run 🏃",
    "Robert'); DROP TABLE measurements;--",
    "=1+1",
    "line\r\nbreak",
)


def measurement(dice: Dice, index: int, device_index: int, change: int = 0) -> Document:
    """One value that one device took."""
    bits = dice.draw(b"measurement", index, change)
    kind, unit = _KINDS[bits % 5]
    taken_at = FIRST_CHANGE - 200 * 86_400 + (bits >> 8) % (200 * 86_400)
    document: Document = {
        "measurementID": measurement_id(index, device_index),
        "deviceID": device_id(device_index),
        "userID": user_id(device_owner(device_index)),
        "kind": kind,
        "value": ((bits >> 40) % 300_000 - (40_000 if kind == "temperature" else 0)) / 1000,
        "unit": unit,
        "takenAt": _stamp(taken_at, bits >> 64),
        "receivedAt": (taken_at + 1) * 1000 + (bits >> 70) % 60_000,
        "quality": (bits >> 80) % 101,
    }
    note = _NOTES[(bits >> 90) % len(_NOTES)]
    if note is not None:
        document["note"] = note
    return document
