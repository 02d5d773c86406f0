"""Every kind of bad input that a legacy platform may send, what must become of it, and where that is asserted.

A case is sent by every way and in every format that can carry it, between good records of the same batch, see `bad_world`:
the neighbours' rows are asserted for each stream, and that no other row and no other reject exists. What stops a load
or a stream, and so has no neighbours, is asserted by the tests that are named instead.
"""

# ruff: noqa: E501 - a line of the table is a line here
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.integration.inputs import DEBEZIUM, JSON, KCAT, NDJSON, STREAM

_UNIT, _HERE = "tests/unit/test_", "tests/integration/test_"
_NO_KEY = {NDJSON: "a line of it has no record key"}
_ONCE = {
    KCAT: "a snapshot of images has each entity once",
    NDJSON: "a snapshot of images has each entity once",
}
_SAYS_NO_OP = {JSON: "a plain document says no op; see the test of formats with `op`"}
_NO_TIME = {NDJSON: "a line of it has no time"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; `outcome` names the codes of its rejects, or none where all of it is applied."""

    number: int
    input: str
    outcome: frozenset[str]
    cases: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    """file::test of what no record of a batch can show."""
    without: Mapping[str, str] = field(default_factory=dict)
    """{container or format that cannot carry any of it: why}."""


def _line(number: int, text: str, outcome: str, cases: str = "", *elsewhere: str, **more: Mapping[str, str]) -> Line:
    return Line(number, text, frozenset(outcome.split()), tuple(cases.split()), elsewhere, **more)


LINES = [
    _line(1, "empty value", "PARSE_EMPTY", "empty"),
    _line(2, "no JSON, cut off, something behind it", "PARSE_JSON", "cut_short trailing single_quotes"),
    _line(3, "JSON, but no object", "PARSE_NOT_OBJECT", "array scalar number json_null"),
    _line(4, "a byte order mark, and white space around", "", "bom white"),
    _line(5, "UTF-16, UTF-32", "ENC_NOT_UTF8", "utf16 utf32 utf16_le"),
    _line(6, "bytes that are no UTF-8", "ENC_INVALID_UTF8", "latin1 overlong half"),
    _line(7, "half of a surrogate pair", "ENC_LONE_SURROGATE", "surrogate low_surrogate"),
    _line(8, "NUL and control characters", "TEXT_CONTROL_CHAR KEY_INVALID", "nul bell key_with_nul"),
    _line(9, "characters of four bytes, joined, right to left", "", "emoji escaped_emoji longest"),
    _line(10, "one text in two normal forms", "", "nfc nfd"),
    _line(11, "a character that the column lacks", "MYSQL_1366_CHARSET", "emoji_in_utf8mb3"),
    _line(12, "a name twice in one object", "JSON_DUPLICATE_KEY", "twice twice_deep twice_escaped"),
    _line(13, "NaN, Infinity", "JSON_NONFINITE", "nan infinity minus"),
    _line(14, "1e400", "NUM_OVERFLOW", "overflow overflow_decimal huge"),
    _line(15, "whole numbers beyond their column", "NUM_RANGE", "beyond_int beyond_bigint beyond_unsigned below_unsigned bounds"),
    _line(16, "more than 4,300 digits", "NUM_TOO_LONG", "long_number"),
    _line(17, "digits that would be rounded away, and too large a decimal", "NUM_PRECISION NUM_RANGE",
          "too_precise double_loses too_large trailing_zeros exponent exact_decimal"),
    _line(18, "another type of JSON", "TYPE_MISMATCH",
          "text_for_int bool_for_int fraction_for_int int_for_bool text_for_bool int_for_text object_for_text "
          "list_for_date coerced"),
    _line(19, "zero with a sign", "", "minus_zero", f"{_HERE}verify_values.py::test_what_is_stored_is_equal_by_digest_and_by_value_whatever_its_type"),
    _line(20, "absent or null where a value is needed", "FIELD_MISSING FIELD_NULL", "missing null_needed"),
    _line(21, "null, the word null, nothing and absent", "", "absent null_members null_word nothing"),
    _line(22, "a member that nobody knows", "", "unknown_member", f"{_UNIT}mapping_coverage.py::test_others_are_counted_by_document_and_the_most_frequent_come_first"),
    _line(23, "a member that changed in every record", "", "", f"{_HERE}breaker.py::test_a_stream_that_rejects_everything_pauses_alone_and_no_flood_is_kept"),
    _line(24, "an op that nobody knows", "OP_UNKNOWN", "op_unknown", f"{_UNIT}formats.py::test_a_word_that_the_mapping_does_not_name_is_refused", without=_SAYS_NO_OP),
    _line(25, "text longer than its column, in characters or bytes", "STR_TOO_LONG", "too_long too_long_in_bytes"),
    _line(26, "too large a record", "REC_TOO_LARGE", "too_large_a_record", f"{_HERE}worker.py::test_a_row_that_fits_into_no_statement_is_no_bad_row"),
    _line(27, "nested too deep", "JSON_TOO_DEEP", "too_deep far_too_deep"),
    _line(28, "a row that no page holds", "MYSQL_1118", "row_too_large"),
    _line(29, "dates of zeros", "DATE_ZERO", "zero_date zero_day zero_month"),
    _line(30, "days that are not in the calendar", "DATE_INVALID", "no_leap_year month_13 words"),
    _line(31, "years outside 1000 to 9999", "DATE_RANGE", "year_10000 year_1 year_999 year_1000"),
    _line(32, "moments that no TIMESTAMP holds", "DATE_RANGE", "beyond_timestamp below_timestamp"),
    _line(33, "a count of another unit", "TS_UNIT", "seconds_for_ms micros_for_ms epoch_ms"),
    _line(34, "a time without an offset", "TZ_MISSING", "no_offset offset"),
    _line(35, "hour 24, second 60", "DATE_INVALID", "hour_24 leap_second"),
    _line(36, "more than six digits of a second", "", "cut_not_rounded"),
    _line(37, "a word that the column does not have", "ENUM_UNKNOWN", "enum enum_case enum_number enum_empty"),
    _line(38, "no row where a foreign key points", "", "no_parent"),
    _line(39, "a unique value of another entity", "UNIQUE_CONFLICT", "unique_taken unique_null unique_given_up", without={DEBEZIUM: "the table decides, not the format", JSON: "sent to a table of its own, as format json", NDJSON: "the table decides, not the container"}),
    _line(40, "a CHECK is violated", "CHECK_VIOLATION", "check check_again bad_at_last"),
    _line(41, "a tombstone, a delete", "", "tombstone debezium_delete", without=_ONCE),
    _line(42, "a tombstone of nobody", "", "tombstone_of_nobody", without=_ONCE),
    _line(43, "an entity made anew", "", "made_anew", without=_ONCE),
    _line(44, "no key", "KEY_NULL", "key_null key_absent"),
    _line(45, "record key and value name two entities", "KEY_MISMATCH", "key_mismatch", without=_NO_KEY),
    _line(46, "one key, spelled differently", "", "keys_spelled_differently", without=_ONCE),
    _line(47, "keys that differ by case, accent or blanks", "", "lower upper accent blank wide"),
    _line(48, "no time, and times of the far future and of long ago", "", "no_time time_of_the_far_future time_of_long_ago time_goes_back", without=_NO_TIME),
    _line(49, "a record sent twice", "", "sent_twice", without=_ONCE),
    _line(50, "an older state behind a newer one", "TYPE_MISMATCH", "sent_twice time_goes_back bad_between_good", without=_ONCE),
    _line(51, "lines that do not follow their container", "SNAP_PARSE PARSE_JSON",
          "no_line_of_kcat kcat_payload_missing a_newline_in_a_text",
          f"{_HERE}snapshot_loader.py::test_a_part_of_another_container_stops_the_load_and_shows_nothing",
          f"{_UNIT}containers.py::test_white_space_and_a_byte_order_mark_around_a_kcat_line_are_no_part_of_the_record",
          without={STREAM: "of snapshots alone"}),
    _line(52, "a key twice in a snapshot", "SNAP_DUPLICATE_KEY", "twice_in_a_snapshot", without={STREAM: "of snapshots alone"}),
    _line(53, "no rows where none were promised", "", "", f"{_UNIT}manifest.py::test_a_mistake_is_named_with_its_place", f"{_UNIT}snapshot_reading.py::test_more_and_fewer_rows_than_promised_are_found_with_the_line"),
    _line(54, "a bomb", "", "", f"{_UNIT}snapshot_reading.py::test_a_bomb_goes_off_within_its_limit", f"{_HERE}snapshot_loader.py::test_nothing_of_a_damaged_part_becomes_visible"),
    _line(55, "text that would be code elsewhere", "", "sql lines formula"),
    _line(56, "a doorbell of somebody else", "", "", f"{_HERE}orderings.py::test_a_message_of_somebody_else_is_deleted_and_harms_nobody", f"{_HERE}work_queue.py::test_a_foreign_body_is_delivered_without_a_doorbell_and_can_be_deleted"),
]  # fmt: skip

BEYOND = (
    "key_of_a_number", "key_too_long", "no_after", "after_is_a_list", "with_schema",
)  # fmt: skip
"""Cases that no line names."""
