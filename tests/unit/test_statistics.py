"""What `statistics:` may say: every fault with its place, before anything is counted."""

import pytest

from migration_core.errors import ConfigError
from migration_core.mapping import load_mapping
from migration_core.statistics.compile import compile_statistics
from migration_core.statistics.fit import column_misfits, misfits, shape_of
from migration_core.statistics.schedule import schedule_fault
from migration_core.statistics.sql_text import SqlText
from migration_core.statistics.standing import Facts, Stand, why_everything
from migration_core.target import TargetIndex
from tests.unit.mappings import SIMPLE, column, needed, schema, table

ENTRY = """\
statistics:
  by_name:
    sql: by_name.sql
    parameters: {least: 3}
    table: by_name
    schedule: rate(1 hour)
    mode: incremental
    stream: users
    key: user_id
    members: by_name_members
"""
SQL = "SELECT id AS user_id, name, 1 AS users\nFROM users\nWHERE LENGTH(name) > %(least)s\n"
GROUPS = (needed("name"), needed("users", "int"))
TABLE = table("by_name", *GROUPS, key=("name",))
MEMBERS = table(
    "by_name_members",
    needed("user_id"),
    *GROUPS,
    key=("user_id", "name"),
    indexes=(TargetIndex("ix_name", unique=False, columns=("name",)),),
)
USERS = table("users", needed("id"), needed("name"))


def compiled(entry=ENTRY, sql=SQL):
    def read(name):
        if name != "by_name.sql":
            raise ConfigError(f"cannot read {name} (No such file or directory); name a file beside the mapping")
        return sql

    mapping = load_mapping(SIMPLE + entry, file="migration.yaml")
    return compile_statistics(mapping, read)


def told(entry=ENTRY, sql=SQL):
    with pytest.raises(ConfigError) as caught:
        compiled(entry, sql)
    return str(caught.value).splitlines()


def test_a_statistic_is_read_with_its_sql():
    (found,) = compiled()

    assert (found.name, found.mode, found.table) == ("by_name", "incremental", "by_name")
    assert found.own_tables == ("by_name", "by_name_members")
    assert found.asked == ("least",)


FULL = ENTRY.partition("    mode:")[0]
FAULTS = [
    ("schedule: rate(1 hour)", "§schedule: rate(1 hours)", "write rate(1 hour)"),
    ("schedule: rate(1 hour)", "§schedule: 0 3 * * *", "is no schedule of EventBridge"),
    ("mode: incremental", "§mode: often", "write 'full' or 'incremental'"),
    ("mode: incremental", "§modus: incremental", "did you mean 'mode'?"),
    ("stream: users", "§stream: user", "did you mean 'users'?"),
    ("key: user_id", "§key: [user_id, name]", "2 columns for a key of 1 parts"),
    ("    members: by_name_members\n", "", "mode: incremental needs members"),
    ("table: by_name", "§table: users", "stream users writes users already"),
    ("members: by_name_members", "§members: by_name", "statistic by_name writes by_name already"),
    ("table: by_name\n", f"§table: {'t' * 60}\n", "leaves no room for __shadow"),
    ("  by_name:", "  §By-Name:", "at most 40 lower-case letters"),
    ("least: 3", "§least: [3]", "neither text, nor a number"),
    ("least: 3", "least: 3, §most: 4", "the SQL does not ask for 'most'; write %(most)s there"),
    ("{least: 3}", "{least: 3}\n    §each: SELECT 1", "goes through the stream's keys by itself"),
    ("sql: by_name.sql", "§sql: nowhere.sql", "cannot read nowhere.sql (No such file or directory)"),
    ("    sql: by_name.sql\n", "", "'sql' is missing; write `sql: file.sql` here"),
]


@pytest.mark.parametrize(("old", "new", "message"), FAULTS, ids=[message for _, _, message in FAULTS])
def test_a_fault_of_the_mapping_is_told_where_it_stands(old, new, message):
    assert ENTRY.count(old) == 1
    marked = SIMPLE + ENTRY.replace(old, new)
    before, mark, _ = marked.partition("§")
    place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: " if mark else ""

    first, *_ = told(ENTRY.replace(old, new.replace("§", "")))

    assert first.startswith(f"migration.yaml:{place}")
    assert message in first


SQL_FAULTS = [
    ("1:1", "DROP TABLE users", "begins with SELECT, not DROP"),
    ("1:1", "INSERT INTO by_name SELECT 1, 2", "begins with SELECT, not INSERT"),
    ("1:1", "-- nothing", "there is no statement"),
    ("2:2", "SELECT 1\n ; DROP TABLE users", "another statement begins here"),
    ("2:7", "SELECT 1\nWHERE %(most)s", "%(most)s has no value; known are least"),
    ("1:10", "SELECT 1 INTO OUTFILE '/tmp/x'", "a statistic only reads"),
    ("1:14", "SELECT 1 FOR UPDATE", "a statistic only reads"),
    ("1:8", "SELECT SLEEP(9)", "does more than read"),
    ("1:8", "SELECT @before", "write a parameter"),
    ("1:1", "/*!50000 DROP TABLE users */ SELECT 1", "the server would run this comment"),
    ("1:9", "SELECT 5%2", "a percent sign is written %%"),
    ("1:8", "SELECT 'a%b'", "a percent sign is written %%"),
    ("1:8", "SELECT 'never closed", "is opened and never closed"),
    ("1:8", "SELECT NOW()", "write mode: full"),
    ("1:8", "SELECT CURRENT_DATE", "write mode: full"),
]


@pytest.mark.parametrize(("place", "sql", "message"), SQL_FAULTS, ids=[sql for _, sql, _ in SQL_FAULTS])
def test_a_fault_of_the_sql_is_told_where_it_stands(place, sql, message):
    lines = told(sql=sql)

    assert any(line.startswith(f"by_name.sql:{place}: ") and message in line for line in lines), lines


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1;\n",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        "SELECT 'a;b -- c' AS x, `now` FROM d -- ; DROP TABLE x",
        "SELECT d.uuid, replace(d.share, '%%', '') FROM d",
        "SELECT /*+ NO_MERGE(d) */ 1 FROM d",
    ],
)
def test_one_select_that_only_reads_passes(sql):
    assert list(SqlText(sql).faults(pure=True)) == []


def test_a_full_statistic_may_ask_the_clock():
    (found,) = compiled(FULL, SQL.replace("1 AS users", "NOW() AS users"))

    assert found.mode == "full"


def test_comments_and_the_last_semicolon_are_not_sent():
    assert SqlText("-- 10% of all; really\nSELECT 1 /* one */ AS a;\n").sql == "SELECT 1   AS a"


def test_the_schedule_and_the_judging_of_plans_decide_nothing_about_the_rows():
    (found,) = compiled()
    same = ENTRY.replace("rate(1 hour)", "rate(2 hours)") + "    scan_rows: 5\n"
    others = [ENTRY.replace("least: 3", "least: 4"), ENTRY.replace("table: by_name\n", "table: others\n")]

    assert compiled(same)[0].definition == found.definition
    assert found.definition not in {compiled(other)[0].definition for other in others}
    assert compiled(sql=SQL + " AND id > ''")[0].definition != found.definition


def test_another_statistic_makes_no_other_mapping():
    assert load_mapping(SIMPLE + ENTRY, file="m").hash == load_mapping(SIMPLE, file="m").hash


GOOD = ["rate(1 minute)", "rate(10 minutes)", "cron(15 3 * * ? *)", "cron(0/5 8-17 ? * MON-FRI *)", "cron(0 0 L * ? *)"]
BAD = ["rate(0 hours)", "rate(1 hours)", "rate(2 hour)", "cron(61 3 * * ? *)", "cron(15 3 * * * *)", "cron(1 2 3 4 5)"]


def test_schedules_are_those_of_eventbridge():
    assert [schedule_fault(one) for one in GOOD] == [None] * len(GOOD)
    assert all(schedule_fault(one) for one in BAD)


def test_tables_that_fit_have_no_fault():
    (found,) = compiled()

    assert list(misfits(found, schema(USERS, TABLE, MEMBERS), ["users"])) == []
    assert list(column_misfits(found, shape_of(TABLE), ["users", "name", "user_id"])) == []


MISFITS = [
    ((USERS, TABLE), "table by_name_members is not in shop"),
    ((USERS, table("by_name", *GROUPS, key=()), MEMBERS), "table by_name has no primary key"),
    ((USERS, table("by_name", *GROUPS, key=("name",), engine="MyISAM"), MEMBERS), "is MyISAM"),
    ((USERS, table("by_name", *GROUPS, key=("name",), triggers=("t",)), MEMBERS), "foreign keys or triggers (t)"),
    ((USERS, table("by_name", needed("name"), needed("users", "double"), key=("name",)), MEMBERS), "users is a double"),
    ((USERS, table("by_name", needed("name"), column("users", "int"), key=("name",)), MEMBERS), "a nullable int"),
    (
        (USERS, TABLE, table("by_name_members", needed("user_id"), *GROUPS, key=("user_id",))),
        "PRIMARY KEY (user_id, name)",
    ),
    (
        (USERS, TABLE, table("by_name_members", needed("user_id"), *GROUPS, key=("user_id", "name"))),
        "an index on (name)",
    ),
]


@pytest.mark.parametrize(("tables", "message"), MISFITS, ids=[message for _, message in MISFITS])
def test_tables_that_do_not_fit_are_told_with_the_remedy(tables, message):
    (found,) = compiled()

    assert any(message in one for one in misfits(found, schema(*tables), ["users"]))


def test_a_table_whose_changes_the_stream_does_not_bring_is_refused():
    (found,) = compiled(sql=SQL.replace("FROM users", "FROM users JOIN plans USING (id)"))
    tables = schema(USERS, TABLE, MEMBERS, table("plans", needed("id")))

    (fault,) = misfits(found, tables, ["users"])

    assert fault == "by_name.sql reads plans, whose changes stream users does not bring; write mode: full"


def test_columns_that_are_missing_or_too_many_are_named():
    (found,) = compiled()

    missing, beyond = column_misfits(found, shape_of(TABLE), ["user_id", "name", "count"])

    assert "gives no column users" in missing
    assert "gives count" in beyond


LAST = Stand(7, "d", {0: (10, 1), 1: (20, 0)})
NOW = Facts({0: (15, 1), 1: (20, 0)}, {0: 5, 1: 20}, switched=False)


def test_what_lies_behind_the_marks_is_followed():
    assert why_everything(LAST, "d", NOW) == ""


@pytest.mark.parametrize(
    ("last", "definition", "facts", "why"),
    [
        (None, "d", NOW, "no run"),
        (LAST, "other", NOW, "was changed"),
        (LAST, "d", Facts(NOW.marks, NOW.purged_to, switched=True), "a switch"),
        (LAST, "d", Facts({0: (15, 1)}, {}, switched=False), "lanes are others"),
        (LAST, "d", Facts({0: (15, 2), 1: (20, 0)}, {}, switched=False), "redriven"),
        (LAST, "d", Facts(NOW.marks, {0: 11}, switched=False), "purged"),
    ],
)
def test_what_the_raw_rows_cannot_tell_of_asks_for_everything(last, definition, facts, why):
    assert why in why_everything(last, definition, facts)
