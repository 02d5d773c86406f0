"""The benchmark's records as the legacy platform writes them, and the rows that they become."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

RECORD_BYTES = 457
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BORN = datetime(1950, 1, 1, tzinfo=UTC)
_FIRST_US = 1_600_000_000_000_000
_SPREAD = 0x9E3779B97F4A7C15
"""An odd number, so that multiplying by it visits every 64-bit number once: ids in no order, as platforms give them."""
_COUNTRIES = ("DE", "FR", "GB", "JP", "US", "BR", "IN", "KR")
_TEXT = "walks a lot, sleeps well, measures twice a day and likes to see how the weeks compare; " * 2
_ABOUT = {False: _TEXT[:138], True: _TEXT[:139]}
"""As long as makes a record RECORD_BYTES: `true` is a letter shorter than `false`."""


class _Account(NamedTuple):
    id: str
    email: str
    name: str
    country: str
    born: str
    points: int
    balance: str
    active: bool
    created_ms: int
    settings: str
    badges: str


def account_id(entity: int) -> str:
    """The id of one entity."""
    return f"a{entity * _SPREAD & 0xFFFFFFFFFFFFFFFF:016x}"


def record(entity: int, number: int, updated_us: int | None = None) -> bytes:
    """Record `number`, a full image of `entity`: JSON of exactly RECORD_BYTES."""
    one = _account(entity, number)
    return (
        f'{{"accountID":"{one.id}","email":"{one.email}","name":"{one.name}","country":"{one.country}",'
        f'"birthDate":"{one.born}","points":{one.points},"balance":{one.balance},'
        f'"active":{"true" if one.active else "false"},"createdAt":{one.created_ms},'
        f'"updatedAt":{updated_us or _updated_us(number)},"settings":{one.settings},"badges":{one.badges}}}'
    ).encode()


def line(entity: int, number: int) -> bytes:
    """The processed row that the record must become, as a line for LOAD DATA."""
    one = _account(entity, number)
    return (
        f"{one.id}\t{one.email}\t{one.name}\t{one.country}\t{one.born}\t{one.points}\t{one.balance}\t"
        f"{int(one.active)}\t{_moment(one.created_ms * 1000)}\t{_moment(_updated_us(number))}\t"
        f"{one.settings}\t{one.badges}\n"
    ).encode()


def _updated_us(number: int) -> int:
    return _FIRST_US + number * 1003


def _account(entity: int, number: int) -> _Account:
    mixed = number * _SPREAD >> 7 & 0xFFFFFF
    active = bool(mixed & 1)
    return _Account(
        account_id(entity),
        f"person{entity:09d}@example.com",
        f"Person {entity:09d}",
        _COUNTRIES[entity & 7],
        (_BORN + timedelta(days=entity % 20_000)).date().isoformat(),
        100_000 + mixed % 900_000,
        f"{100 + mixed % 900}.{10 + mixed % 90}",
        active,
        1_400_000_000_000 + entity,
        f'{{"units":"metric","theme":{mixed % 10},"about":"{_ABOUT[active]}"}}',
        f'["step{mixed % 10}","sleep{mixed % 7}"]',
    )


def _moment(microseconds: int) -> str:
    return (_EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%d %H:%M:%S.%f")
