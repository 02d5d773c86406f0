"""Dates and times: UTC, cut and never rounded; what MySQL would bend is refused with its code."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_core.errors import Rejected
from tests.unit.mappings import SIMPLE, column, needed, one_column, rows, same, stream_of, table
from tests.unit.test_values_text import code_of

PER_SECOND = {"epoch_s": 1, "epoch_ms": 1000, "epoch_us": 1_000_000}
FIRST, END = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DIGITS = st.integers(0, 6)
MOMENTS = st.datetimes(datetime(1001, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is beside


def stored(moment, digits):
    """As a DATETIME(digits) column shows it, cut."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return text[: 20 + digits] if digits else text[:19]


@given(st.sampled_from(sorted(PER_SECOND)), DIGITS, st.data())
def test_a_count_since_1970_is_its_moment(unit, digits, data):
    per_second = PER_SECOND[unit]
    low, high = (int((moment - EPOCH).total_seconds()) * per_second for moment in (FIRST, END))
    count = data.draw(st.integers(low, high - 1))

    found = one_column(f"{{path: $.v, type: {unit}}}", column("v", "datetime", datetime_precision=digits))({"v": count})

    assert found == stored(EPOCH + timedelta(microseconds=count * (1_000_000 // per_second)), digits)


@pytest.mark.parametrize("unit", PER_SECOND)
def test_a_count_in_another_unit_is_noticed(unit):
    value = one_column(f"{{path: $.v, type: {unit}}}", column("v", "datetime"))
    now = 1_600_000_000 * PER_SECOND[unit]

    assert value({"v": now}).startswith("2020-09-13 12:26:40")
    for wrong in (0, -1, now * 1000, now // 1000, 631152000 * PER_SECOND[unit] - 1, 4102444800 * PER_SECOND[unit]):
        assert code_of(value, wrong) == "TS_UNIT"


def test_a_count_is_a_whole_number_and_with_coerce_its_digits():
    value = one_column("{path: $.v, type: epoch_s}", column("v", "datetime"))
    coerced = one_column("{path: $.v, type: epoch_s, coerce: true}", column("v", "datetime"))

    assert [code_of(value, one) for one in ("1600000000", True, 1.5, [], {})] == ["TYPE_MISMATCH"] * 5
    assert coerced({"v": "1600000000"}) == value({"v": 1600000000})
    assert [code_of(coerced, one) for one in ("", "1e9", "-1", "1600000000.5", "9" * 30, True)] == ["TYPE_MISMATCH"] * 6


def test_a_timestamp_column_ends_in_2038():
    epoch = one_column("{path: $.v, type: epoch_s}", column("v", "timestamp", datetime_precision=0))
    iso = one_column("{path: $.v, type: iso8601}", column("v", "timestamp", datetime_precision=0))

    assert epoch({"v": (1 << 31) - 1}) == iso({"v": "2038-01-19T03:14:07.999Z"}) == "2038-01-19 03:14:07"
    assert iso({"v": "1970-01-01T00:00:01Z"}) == "1970-01-01 00:00:01"
    assert code_of(epoch, 1 << 31) == "DATE_RANGE"
    assert [code_of(iso, one) for one in ("2038-01-19T03:14:08Z", "1970-01-01T00:00:00Z")] == ["DATE_RANGE"] * 2


@given(MOMENTS, DIGITS, st.sampled_from(["Z", "z", "+00:00", "-00:00", "+0000", "+00", " Z"]), st.sampled_from("T t"))
def test_a_moment_in_utc_is_cut_to_the_column_s_digits(moment, digits, zone, separator):
    value = one_column("{path: $.v, type: iso8601}", column("v", "datetime", datetime_precision=digits))
    text = moment.strftime(f"%Y-%m-%d{separator}%H:%M:%S")

    assert value({"v": f"{text}.{moment.microsecond:06d}{zone}"}) == stored(moment, digits)
    assert value({"v": f"{text}.{moment.microsecond:06d}999{zone}"}) == stored(moment, digits)
    assert value({"v": f"{text},{moment.microsecond // 1000:03d}{zone}"}) == stored(_to_millis(moment), digits)
    assert value({"v": f"{text}{zone}"}) == stored(moment.replace(microsecond=0), digits)
    assert value({"v": f"{text[:16]}{zone}"}) == stored(moment.replace(second=0, microsecond=0), digits)


def _to_millis(moment):
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@given(MOMENTS, st.integers(-23 * 60, 23 * 60))
def test_a_moment_with_an_offset_is_brought_to_utc(moment, minutes):
    value = one_column("{path: $.v, type: iso8601}", column("v", "datetime"))
    local = moment.astimezone(timezone(timedelta(minutes=minutes)))

    assert value({"v": local.isoformat()}) == stored(moment, 6)


ISO_FAULTS = [
    ("2021-02-29T00:00:00Z", "DATE_INVALID"),
    ("2021-13-01T00:00:00Z", "DATE_INVALID"),
    ("2021-01-01T24:00:00Z", "DATE_INVALID"),
    ("2021-01-01T24:00:00.000Z", "DATE_INVALID"),
    ("2016-12-31T23:59:60Z", "DATE_INVALID"),
    ("2021-01-01T00:60:00Z", "DATE_INVALID"),
    ("2021-01-01T00:00:00+24:00", "DATE_INVALID"),
    ("2021-01-01T00:00:00+01:60", "DATE_INVALID"),
    ("2021-01-01T00:00:00.Z", "DATE_INVALID"),
    ("2021-01-01T00:00:00.12+05Z", "DATE_INVALID"),
    ("2021-01-01T00:00:00.123+05Z", "DATE_INVALID"),
    ("2021-01-01T00:00:00Z+00Z", "DATE_INVALID"),
    ("2021-01-01T00:00:00\nZ", "DATE_INVALID"),
    ("2021-01-01T00:00:00Z ", "DATE_INVALID"),
    ("2021-W01-1T00:00:00Z", "DATE_INVALID"),
    ("20210101T000000Z", "DATE_INVALID"),
    ("2021-01-01", "DATE_INVALID"),
    ("\u0662021-01-01T00:00:00Z", "DATE_INVALID"),
    ("", "DATE_INVALID"),
    ("now", "DATE_INVALID"),
    ("0000-00-00T00:00:00Z", "DATE_ZERO"),
    ("2024-01-00T00:00:00Z", "DATE_ZERO"),
    ("2024-00-01T00:00:00.000Z", "DATE_ZERO"),
    ("0000-01-01T00:00:00Z", "DATE_ZERO"),
    ("0999-12-31T23:59:59Z", "DATE_RANGE"),
    ("0001-01-01T00:00:00.000Z", "DATE_RANGE"),
    ("10000-01-01T00:00:00Z", "DATE_RANGE"),
    ("9999-12-31T23:59:59-01:00", "DATE_RANGE"),
    ("1000-01-01T00:00:00+01:00", "DATE_RANGE"),
    ("2021-01-01T00:00:00", "TZ_MISSING"),
    ("2021-01-01 00:00", "TZ_MISSING"),
    (1600000000, "TYPE_MISMATCH"),
    (True, "TYPE_MISMATCH"),
    ([], "TYPE_MISMATCH"),
]


@pytest.mark.parametrize(("text", "code"), ISO_FAULTS)
def test_why_a_moment_is_refused(text, code):
    assert code_of(one_column("{path: $.v, type: iso8601}", column("v", "datetime")), text) == code


def test_a_time_without_an_offset_is_utc_where_the_mapping_says_so():
    value = one_column("{path: $.v, type: iso8601, zone: utc}", column("v", "datetime", datetime_precision=0))

    assert value({"v": "2021-01-01T12:00:00"}) == "2021-01-01 12:00:00"
    assert value({"v": "2021-01-01T12:00:00+01:00"}) == "2021-01-01 11:00:00"


def test_the_edges_of_datetime_are_inside():
    value = one_column("{path: $.v, type: iso8601}", column("v", "datetime"))

    assert value({"v": "1000-01-01T00:00:00Z"}) == "1000-01-01 00:00:00.000000"
    assert value({"v": "9999-12-31T23:59:59.999999Z"}) == "9999-12-31 23:59:59.999999"


NEARLY = st.from_regex(
    r"[0-2]\d{3}-[01]\d-[0-3]\d[T ][0-2]\d:[0-6]\d:[0-6]\d(\.\d{1,11}|\.\d{3}\+0[05]|)"
    r"(Z|z|[+-][0-2]\d:[0-6][05]|\+0000|)",
    fullmatch=True,
)


@settings(max_examples=400)
@given(NEARLY, DIGITS)
def test_the_short_way_never_says_what_the_long_way_would_not(text, digits):
    target = column("v", "datetime", datetime_precision=digits)
    usual = one_column("{path: $.v, type: iso8601}", target)
    # A blank before the offset is allowed, and no short way knows it.
    spaced = re.sub(r"(Z|[+-]\d\d:\d\d)$", r" \1", text)

    assert outcome(usual, text) == outcome(usual, spaced)


def outcome(value, text):
    try:
        return value({"v": text})
    except Rejected as rejected:
        return rejected.reason.code


@given(st.dates(date(1000, 1, 1)))
def test_a_day_is_a_day(found):
    assert one_column("$.v", column("v", "date"))({"v": found.isoformat()}) == found.isoformat()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2021-02-29", "DATE_INVALID"),
        ("2021-13-01", "DATE_INVALID"),
        ("2021-W01-1", "DATE_INVALID"),
        ("20210101", "DATE_INVALID"),
        ("2021-01-01T00:00:00Z", "DATE_INVALID"),
        ("2021-01-01 ", "DATE_INVALID"),
        ("21-01-01", "DATE_INVALID"),
        ("", "DATE_INVALID"),
        ("0000-00-00", "DATE_ZERO"),
        ("2024-01-00", "DATE_ZERO"),
        ("0999-12-31", "DATE_RANGE"),
        ("10000-01-01", "DATE_RANGE"),
        (20210101, "TYPE_MISMATCH"),
        ([], "TYPE_MISMATCH"),
    ],
)
def test_why_a_day_is_refused(text, code):
    assert code_of(one_column("$.v", column("v", "date")), text) == code


@pytest.mark.parametrize(
    ("text", "digits", "found"),
    [
        ("05:17", 0, "05:17:00"),
        ("05:17:09", 0, "05:17:09"),
        ("05:17:09.999999", 0, "05:17:09"),
        ("05:17:09.5", 3, "05:17:09.500"),
        ("24:00", 0, "24:00:00"),
        ("-01:30", 0, "-01:30:00"),
        ("-00:00:00", 0, "00:00:00"),
        ("-00:00:00.9", 0, "00:00:00"),
        ("838:59:59", 6, "838:59:59.000000"),
        ("-838:59:59.9", 0, "-838:59:59"),
    ],
)
def test_a_time_is_cut_and_never_guessed(text, digits, found):
    assert one_column("$.v", column("v", "time", datetime_precision=digits))({"v": text}) == found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("5:17", "TIME_INVALID"),
        ("12", "TIME_INVALID"),
        ("1217", "TIME_INVALID"),
        ("12:60", "TIME_INVALID"),
        ("12:00:60", "TIME_INVALID"),
        ("12:00Z", "TIME_INVALID"),
        ("1 12:00:00", "TIME_INVALID"),
        ("", "TIME_INVALID"),
        ("839:00", "TIME_RANGE"),
        ("838:59:59.1", "TIME_RANGE"),
        (517, "TYPE_MISMATCH"),
        (None, None),
    ],
)
def test_why_a_time_is_refused(text, code):
    value = one_column("$.v", column("v", "time", datetime_precision=3))

    assert value({"v": None}) is None if code is None else code_of(value, text) == code


POSITION = """\
          t: {source: topic}
          p: {source: partition}
          o: {source: offset}
          s: {source: sequence}
          r: {source: time}
"""


def test_where_and_when_a_record_came_is_a_column_like_others():
    columns = [column("t"), column("p", "int"), column("o", "bigint"), column("s", "bigint"), column("r", "datetime")]
    stream = stream_of(SIMPLE + POSITION, table("users", needed("id"), column("name"), *columns))

    ((row,),) = rows(stream, {"id": "k"})

    assert row == ("k", None, "legacy.users", 3, 42, 7, "2020-09-13 12:26:40.123000")


@pytest.mark.parametrize(
    ("millis", "found"), [(-1, "1969-12-31 23:59:59.999000"), (0, "1970-01-01 00:00:00.000000"), (None, None)]
)
def test_kafka_s_time_is_whatever_the_column_holds(millis, found):
    stream = stream_of(
        SIMPLE.replace("name: $.name", "r: {source: time}"), table("users", needed("id"), column("r", "datetime"))
    )

    assert stream.rows({"id": "k"}, None, millis, 1) == ([("k", found)],)


def test_a_time_of_kafka_beyond_all_dates_is_refused():
    stream = stream_of(
        SIMPLE.replace("name: $.name", "r: {source: time}"), table("users", needed("id"), column("r", "datetime"))
    )

    with pytest.raises(Rejected) as caught:
        stream.rows({"id": "k"}, None, (1 << 63) - 1, 1)
    assert caught.value.reason.code == "DATE_RANGE"


def test_a_function_s_moment_is_read_like_any_other():
    value = one_column("{path: $.v, type: iso8601, using: my:same}", column("v", "datetime"), functions=same)

    assert value({"v": "2021-01-01T00:00:00Z"}) == "2021-01-01 00:00:00.000000"
    assert code_of(value, "2021-01-01T00:00:00") == "TZ_MISSING"
