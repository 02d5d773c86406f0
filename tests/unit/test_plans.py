"""Files of statements, and plans as the server tells them, without a server."""

import json

import pytest

from migration_core.errors import ConfigError
from migration_core.plans import SampleQuery, load_statements, plan_of


def loaded(text: str, **limits):
    return load_statements(text, file="s.yaml", **limits)


def test_limits_come_from_the_statement_then_from_the_command_then_from_the_file():
    text = "limits: {scan_rows: 5}\nstatements:\n  a: {sql: SELECT 1}\n  b: {sql: SELECT 2, scan_rows: 7}\n"

    assert [one.scan_rows for one in loaded(text)] == [5, 7]
    assert [one.scan_rows for one in loaded(text, scan_rows=6)] == [6, 7]
    assert [one.sort_rows for one in loaded(text, sort_rows=0)] == [0, 0]


def test_parameters_stand_in_the_order_in_which_the_statement_names_them():
    [one] = loaded(
        "statements:\n  a:\n    sql: SELECT * FROM t WHERE x LIKE '1%%' AND b = %(b)s AND a = %(a)s AND c = %(b)s\n"
        "    parameters: {a: 1, b: {query: SELECT b FROM t}}\n    indexes: {t: [ix_a, ix_b]}\n"
    )

    assert one.placed == (
        "SELECT * FROM t WHERE x LIKE '1%%' AND b = %s AND a = %s AND c = %s",
        (SampleQuery("SELECT b FROM t"), 1, SampleQuery("SELECT b FROM t")),
    )
    assert one.indexes == {"t": ("ix_a", "ix_b")}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a\n", r"s\.yaml:1:1: a file of statements begins with `statements:`"),
        ("statements: {}\n", r"s\.yaml:1:1: statements: "),
        ("statements:\n  a:\n    sqll: SELECT 1\n", r"s\.yaml:3:5: sqll: "),
        ("statements:\n  a:\n    sql: SELECT %(x)s\n", r"s\.yaml:2:3: a: .*without a sample value: x"),
        (
            "statements:\n  a:\n    sql: SELECT 1\n    parameters: {x: 1}\n",
            r"s\.yaml:2:3: a: .*does not name these parameters as %\(name\)s: x",
        ),
        (
            "statements:\n  a:\n    sql: SELECT %(x)s\n    parameters: {x: {sql: SELECT 1}}\n",
            r"s\.yaml:4:5: parameters: x: write a value, or \{query: SELECT … LIMIT 1\}",
        ),
        (f"statements:\n  {'a' * 121}: {{sql: SELECT 1}}\n", "at most 120 characters"),
    ],
)
def test_each_fault_of_the_file_is_told_with_its_place(text, told):
    with pytest.raises(ConfigError, match=told):
        loaded(text)


def plan(block: dict, sql: str = "", tables: tuple[str, ...] = ("users", "devices")):
    return plan_of(json.dumps({"query_block": block}), sql, tables)


def access(table: str, way: str = "ref", key: str = "ix", rows: int = 3, **more):
    return {"table_name": table, "access_type": way, "key": key, "rows_examined_per_scan": rows, **more}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM users AS u JOIN devices d ON d.owner_id = u.id",
        "select * from `users` `u`, devices AS d",
        "UPDATE users u JOIN devices AS `d` ON 1 SET u.x = 1",
    ],
)
def test_aliases_are_told_by_the_names_of_their_tables(sql):
    found = plan({"nested_loop": [{"table": access("u")}, {"table": access("d")}]}, sql)

    assert [one.table for one in found.accesses] == ["users", "devices"]


def test_every_index_of_a_merge_counts():
    [one] = plan({"table": access("users", "index_merge", "sort_union(ix_a,intersect(PRIMARY,ix_b))")}).accesses

    assert one.indexes == ("ix_a", "PRIMARY", "ix_b")


def test_tables_that_the_statement_makes_itself_are_looked_through():
    inner = {"query_block": {"table": access("devices", "ALL", "", 900)}}
    made = {"table_name": "recent", "access_type": "ALL", "materialized_from_subquery": inner}

    found = plan({"table": made, "x": {"table_name": "<union1,2>", "access_type": "ALL"}})

    assert [str(one) for one in found.accesses] == ["devices: ALL, 900 rows"]


def test_a_sort_is_as_large_as_what_the_joins_below_it_give():
    tables = [
        {"table": access("users", rows_produced_per_join=10)},
        {"table": access("devices", rows_produced_per_join=80)},
    ]
    sorting = {"using_filesort": True, "using_temporary_table": True, "nested_loop": tables}

    found = plan({"ordering_operation": sorting})

    assert [str(one) for one in found.sorts] == ["filesort, 80 rows", "temporary table, 80 rows"]


def test_what_the_server_says_instead_of_a_plan_is_kept():
    assert plan({"message": "no matching row in const table"}).lines() == ("no matching row in const table",)
