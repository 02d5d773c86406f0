"""Numbers are exact: what fits goes in with all its digits, what would be cut, rounded or wrapped is refused."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from migration_core.errors import Rejected
from tests.unit.mappings import column, one_column, same
from tests.unit.test_values_text import code_of

WHOLE = {
    "tinyint": (-(1 << 7), (1 << 7) - 1),
    "smallint": (-(1 << 15), (1 << 15) - 1),
    "mediumint": (-(1 << 23), (1 << 23) - 1),
    "int": (-(1 << 31), (1 << 31) - 1),
    "bigint": (-(1 << 63), (1 << 63) - 1),
}


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("unsigned", [False, True])
def test_a_whole_number_is_held_to_its_column_s_range(kind, unsigned):
    low, high = WHOLE[kind]
    low, high = (0, high * 2 + 1) if unsigned else (low, high)
    value = one_column("$.v", column("v", kind, unsigned=unsigned))

    assert [value({"v": low}), value({"v": high}), value({"v": 0})] == [low, high, 0]
    assert [code_of(value, low - 1), code_of(value, high + 1), code_of(value, 10**40)] == ["NUM_RANGE"] * 3


def test_a_year_is_no_short_form_of_one():
    value = one_column("$.v", column("v", "year"))

    assert [value({"v": 1901}), value({"v": 2155})] == [1901, 2155]
    assert [code_of(value, one) for one in (0, 70, 1900, 2156)] == ["NUM_RANGE"] * 4


def test_a_whole_number_for_a_decimal_column_is_held_to_its_digits():
    value = one_column("{path: $.v, type: int}", column("v", "decimal", precision=5, scale=2))

    assert [value({"v": 999}), value({"v": -999})] == [999, -999]
    assert [code_of(value, 1000), code_of(value, -1000)] == ["NUM_RANGE"] * 2


@pytest.mark.parametrize("given_", ["7", Decimal("7.0"), Decimal("7.5"), True, False, [7], {}])
def test_only_a_whole_number_is_a_whole_number(given_):
    assert code_of(one_column("$.v", column("v", "int")), given_) == "TYPE_MISMATCH"


def test_with_coerce_a_whole_number_may_be_written_otherwise_but_never_approximately():
    value = one_column("{path: $.v, coerce: true}", column("v", "int"))

    assert [value({"v": one}) for one in ("7", "-7", "0", Decimal("7.0"), Decimal("7E+2"), True)] == [
        7,
        -7,
        0,
        7,
        700,
        1,
    ]
    for one in ("", "7.0", "07", "+7", " 7", "7_0", "0x7", "\u0667", Decimal("7.5"), Decimal("1E+40"), [7]):
        assert code_of(value, one) == "TYPE_MISMATCH"
    assert [code_of(value, one) for one in ("3000000000", Decimal("3E+9"))] == ["NUM_RANGE"] * 2


@given(st.integers(1, 65).flatmap(lambda p: st.tuples(st.just(p), st.integers(0, min(p, 30)))), st.data())
def test_a_decimal_goes_in_with_exactly_its_value_or_not_at_all(sizes, data):
    precision, scale = sizes
    value = one_column("$.v", column("v", "decimal", precision=precision, scale=scale))
    number = Decimal(data.draw(st.integers(-(10**67), 10**67) | st.integers(-1000, 1000))).scaleb(
        data.draw(st.integers(-35, 3)), _wide()
    )
    fits = abs(number.copy_abs()) < Decimal(10) ** (precision - scale) and number == _cut(number, scale)

    if fits:
        found = value({"v": number})
        assert found == number
        assert -found.as_tuple().exponent == scale
        assert len(found.as_tuple().digits) <= max(precision, scale)
    else:
        assert code_of(value, number) in ("NUM_RANGE", "NUM_PRECISION")


def _wide():
    with localcontext(prec=200) as context:
        return context.copy()


def _cut(number, scale):
    return number.quantize(Decimal(1).scaleb(-scale), context=_wide())


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("999.999", "NUM_PRECISION"),
        ("1000", "NUM_RANGE"),
        ("-1000.00", "NUM_RANGE"),
        ("0.001", "NUM_PRECISION"),
        ("1e-400", "NUM_PRECISION"),
        ("1e400", "NUM_OVERFLOW"),
        ("1e999999999", "NUM_OVERFLOW"),
    ],
)
def test_why_a_decimal_does_not_fit(number, code):
    assert code_of(one_column("$.v", column("v", "decimal", precision=5, scale=2)), Decimal(number)) == code


def test_nines_are_not_rounded_up_on_the_way_to_the_check():
    value = one_column("$.v", column("v", "decimal", precision=65, scale=30))
    nines = "9" * 35 + "." + "9" * 30

    assert value({"v": Decimal(nines)}) == Decimal(nines)
    assert code_of(value, Decimal(nines + "9")) == "NUM_PRECISION"


@pytest.mark.parametrize("zero", ["0", "-0", "-0.00", "0e400", "-0e-400"])
def test_zero_is_zero_without_a_sign(zero):
    found = one_column("$.v", column("v", "decimal", precision=5, scale=2))({"v": Decimal(zero)})

    assert str(found) == "0.00"
    assert str(one_column("$.v", column("v", "double"))({"v": Decimal(zero)})) == "0.0"


@pytest.mark.parametrize("kind", ["decimal", "double"])
def test_an_unsigned_fraction_is_not_below_zero(kind):
    value = one_column("$.v", column("v", kind, unsigned=True))

    assert value({"v": Decimal("-0.0")}) == 0
    assert [code_of(value, Decimal("-0.5")), code_of(value, -1)] == ["NUM_RANGE"] * 2


@pytest.mark.parametrize("kind", ["decimal", "double"])
def test_with_coerce_a_fraction_may_be_text(kind):
    strict = one_column("$.v", column("v", kind))
    value = one_column("{path: $.v, coerce: true}", column("v", kind))

    assert [value({"v": one}) for one in ("1.5", "-1.50", "15e-1", 7)] == [1.5, -1.5, 1.5, 7]
    for one in ("", "1.", ".5", "+1", " 1", "1,5", "NaN", "Infinity", "1_0", True, None):
        assert one is None or code_of(value, one) == "TYPE_MISMATCH"
    assert [code_of(strict, one) for one in ("1.5", True, [1])] == ["TYPE_MISMATCH"] * 3


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_comes_back_bit_by_bit(number):
    assert one_column("$.v", column("v", "double"))({"v": Decimal(repr(number))}) == number


def test_a_double_is_neither_infinite_nor_secretly_zero():
    double, single = one_column("$.v", column("v", "double")), one_column("$.v", column("v", "float"))

    assert [code_of(double, Decimal("1e400")), code_of(single, Decimal("1e39"))] == ["NUM_OVERFLOW"] * 2
    assert [code_of(double, Decimal("1e-400")), code_of(single, Decimal("1e-60"))] == ["NUM_PRECISION"] * 2


def test_a_boolean_is_one_of_two_words():
    value = one_column("{path: $.v, type: bool}", column("v", "tinyint"))
    coerced = one_column("{path: $.v, type: bool, coerce: true}", column("v", "tinyint"))

    assert [value({"v": True}), value({"v": False}), value({"v": None})] == [1, 0, None]
    assert [type(value({"v": True})), type(value({"v": False}))] == [int, int]
    assert [code_of(value, one) for one in (1, 0, "true", "", [])] == ["TYPE_MISMATCH"] * 5
    assert [coerced({"v": one}) for one in (1, 0, "1", "0", "true", "false")] == [1, 0] * 3
    assert [code_of(coerced, one) for one in (2, "yes", "True", "", Decimal(1), [])] == ["TYPE_MISMATCH"] * 6


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=3)
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(JSON)
def test_json_holds_only_numbers_that_come_back_from_a_double_or_64_bits(found):
    assume(found is not None)
    value = one_column("$.v", column("v", "json"))

    if all(map(_survives, _numbers(found))):
        assert isinstance(value({"v": found}), str)
    else:
        assert code_of(value, found) in ("NUM_RANGE", "NUM_PRECISION", "NUM_OVERFLOW")


def _numbers(node):
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    own = [node] if isinstance(node, int | Decimal) and not isinstance(node, bool) else []
    return own + [number for one in inner for number in _numbers(one)]


def _survives(number):
    if isinstance(number, int):
        return -(1 << 63) <= number < 1 << 64
    try:
        return Decimal(repr(float(number))) == number
    except OverflowError:
        return False


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1e400", "NUM_OVERFLOW"),
        ("0.1234567890123456789", "NUM_PRECISION"),
        ("8.9999999999999999", "NUM_PRECISION"),
        ("1e-400", "NUM_PRECISION"),
    ],
)
def test_why_a_fraction_does_not_go_into_json(text, code):
    value = one_column("$.v", column("v", "json"))

    assert code_of(value, {"a": [Decimal(text)]}) == code
    assert code_of(value, [1 << 64]) == code_of(value, {"a": -(1 << 63) - 1}) == "NUM_RANGE"


def test_json_in_a_text_column_keeps_every_digit_and_fits():
    value = one_column("{path: $.v, type: json}", column("v", length=30))

    assert value({"v": {"a": Decimal("0.1234567890123456789")}}) == '{"a":0.1234567890123456789}'
    assert value({"v": "x"}) == '"x"'
    assert code_of(value, ["x" * 30]) == "STR_TOO_LONG"


def test_json_keeps_null_within_and_is_null_without():
    value = one_column("$.v", column("v", "json"))

    assert [value({"v": [None]}), value({"v": {}}), value({"v": None}), value({})] == ["[null]", "{}", None, None]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.integers() | st.booleans())
def test_the_short_way_and_the_long_way_agree(number):
    for kind, described in [("int", ""), ("decimal", ""), ("double", ""), ("tinyint", "type: bool, ")]:
        quick = one_column(f"{{{described}path: $.v}}", column("v", kind))
        slow = one_column(f"{{{described}path: $.v, using: my:same}}", column("v", kind), functions=same)

        assert outcome(quick, number) == outcome(slow, number)


def outcome(value, number):
    try:
        return value({"v": number})
    except Rejected as rejected:
        return rejected.reason
