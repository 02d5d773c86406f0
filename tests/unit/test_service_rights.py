"""Who gets which rights: no more than its own statements use, and nobody but the schema's user any DDL."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from db.tables import metadata
from migration_core.grants import Grant, grants_beyond, merged_rights, missing_rights, rights_on
from migration_core.service_rights import DDL, RAW, Service, Tables, Where, needs

ROOT = Path(__file__).parents[2]
TABLES = Tables(
    raw=("raw_users",),
    mapped=("users", "devices"),
    triggered=("devices",),
    statistics=("counted",),
    passing=("counted__shadow", "counted__before"),
)
STARTS = {
    Service.LOADER: ("snapshot_loader.__main__",),
    Service.MASTER: ("migration_master.__main__",),
    Service.WORKER: ("migration_worker.__main__",),
    Service.VERIFIER: ("migration_verifier.__main__", "migration_verifier.verify"),
    Service.STATISTICS: ("migration_statistics.running", "migration_cli.statistics"),
    Service.OPERATOR: ("migration_cli.app",),
}
USES = {
    "SELECT": r"(?:FROM|JOIN)\s+`?(\w+)|(\w+)\.\w+ \+ new",
    "INSERT": r'(?:INTO\s+(?:TABLE )?`?|Bulk\(\s*")(\w+)',
    "UPDATE": r"UPDATE\s+`?(\w+)",
    "DELETE": r"DELETE\s+(?:\w+ )?FROM\s+`?(\w+)",
}
UPSERT = r"INTO (\w+)(?:(?!INTO)[\s\S]){0,600}?ON DUPLICATE KEY UPDATE"
REPLACED = r'Bulk\(\s*"(\w+)"[^)]*\)[^)]*replace=True'
LOOPS = r"for table in \(([^)]*)\)"


@cache
def imports_of(name: str) -> frozenset[str]:
    path = ROOT / (name.replace(".", "/") + ".py")
    if not path.is_file():
        return frozenset()
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return frozenset(found)


def reached(*starts: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += imports_of(name)
    return seen


@cache
def used_by(service: Service) -> set[tuple[str, str]]:
    """(table, right) of every statement that the modules of a service hold; those of one may be for another."""
    used = set()
    for name in reached(*STARTS[service]):
        path = ROOT / (name.replace(".", "/") + ".py")
        if not name.startswith("db.") or not path.is_file():
            continue
        text = path.read_text()
        for right, pattern in USES.items():
            used |= {(found[found.lastindex or 0], right) for found in re.finditer(pattern, text)}
        used |= {(table, "UPDATE") for table in re.findall(UPSERT, text)}
        used |= {(table, "DELETE") for table in re.findall(REPLACED, text)}
        for names in re.findall(LOOPS, text):
            used |= {(table, right) for table in re.findall(r'"(\w+)"', names) for right in USES}
    return used


@pytest.mark.parametrize("service", STARTS)
def test_no_service_has_a_right_that_no_statement_of_its_modules_uses(service):
    declared = {
        (need.table, right.partition(" ")[0])
        for need in needs(service, TABLES)
        if need.where is Where.CONTROL and need.table in metadata.tables
        for right in need.rights
    }

    assert declared <= used_by(service)


def test_every_table_that_is_not_the_schemas_users_own_may_be_written_by_a_service():
    written = {
        need.table
        for service in STARTS
        for need in needs(service, TABLES)
        if any(right.startswith(("INSERT", "UPDATE")) for right in need.rights)
    }

    # Of registration, of the cut-over's runner and of replays into a shadow. A new table belongs to a service.
    assert metadata.tables.keys() - written == {"stream", "cutover_step", "replay"}


@pytest.mark.parametrize("service", Service)
def test_every_table_and_column_that_is_named_exists(service):
    for need in needs(service, TABLES):
        if need.where is not Where.CONTROL or need.table in (None, *TABLES.raw, "control_version"):
            continue
        columns = {column.name for column in metadata.tables[str(need.table)].columns}
        for right in need.rights:
            assert set(re.findall(r"\w+", right.partition("(")[2])) <= columns, need


@pytest.mark.parametrize("service", Service)
def test_nobody_but_the_schemas_user_may_change_a_schema(service):
    # REFERENCES alone makes no key: a CREATE or an ALTER must be allowed with it.
    others = [need for need in needs(service, TABLES) if need.table not in (*TABLES.statistics, *TABLES.passing)]
    rights = {right for need in others for right in need.rights} & {*DDL, "CREATE VIEW"}

    assert (rights - {"REFERENCES"} != set()) == (service is Service.SCHEMA)


def test_the_tables_of_statistics_are_renamed_by_their_user_and_by_no_other_service():
    renaming = {
        service
        for service in set(Service) - {Service.SCHEMA}
        for need in needs(service, TABLES)
        if {"ALTER", "DROP", "CREATE"} & set(need.rights)
    }

    assert renaming == {Service.STATISTICS}


def test_whoever_counts_reads_no_payload():
    (raw,) = [need for need in needs(Service.STATISTICS, TABLES) if need.table in TABLES.raw]

    assert raw.rights == ("SELECT (entity_key, lane, sequence)",)


def test_who_may_see_triggers_sees_those_that_there_are_and_can_touch_no_other_table():
    for service in (Service.WORKER, Service.OPERATOR):
        with_triggers = {need.table for need in needs(service, TABLES) if "TRIGGER" in need.rights}

        assert with_triggers == {"devices"}


WRITTEN = {
    Service.LOADER: ("raw_users", "lane_head", "snapshot_part"),
    Service.MASTER: ("raw_users", "lane_head", "source_offset"),
    Service.WORKER: ("row_outcome", "reject", "merged_document"),
    Service.VERIFIER: ("lane_audit", "ledger_remainder", "verify_difference"),
}


@pytest.mark.parametrize("service", WRITTEN)
def test_each_service_writes_its_own_tables_and_none_of_the_others(service):
    written = {need.table for need in needs(service, TABLES) if {"INSERT", "UPDATE", "DELETE"} & set(need.rights)}
    own = set(WRITTEN[service])
    others = {name for other, names in WRITTEN.items() if other is not service for name in names} - own

    assert own <= written
    assert written & others <= {"raw_users", "lane_head", "source_offset"}  # loader and master insert into these
    assert (written & set(TABLES.mapped) != set()) == (service is Service.WORKER)


def test_where_a_topic_is_read_on_is_moved_by_the_master_and_by_people_alone():
    moving = {service for service in STARTS for need in needs(service, TABLES) if is_moved(need)}

    assert moving == {Service.MASTER, Service.OPERATOR}


def is_moved(need) -> bool:
    return need.table == "source_offset" and "UPDATE" in need.rights


def test_the_raw_rows_can_be_changed_by_nobody_but_the_schemas_user():
    for service in set(Service) - {Service.SCHEMA}:
        for need in needs(service, TABLES):
            if need.table in TABLES.raw:
                assert "UPDATE" not in need.rights


# what SHOW GRANTS says


ON_TABLE = [
    "GRANT USAGE ON *.* TO `u`@`%`",
    "GRANT SELECT ON `c`.* TO `u`@`%`",
    "GRANT INSERT, UPDATE (`a`, `b, c`) ON `c`.`t` TO `u`@`%`",
]


def test_rights_on_a_table_count_for_that_table_alone():
    assert rights_on("c", ON_TABLE) == {"SELECT"}
    assert rights_on("c", ON_TABLE, "t") == {"SELECT", "INSERT", "UPDATE (`a`, `b, c`)"}
    assert rights_on("c", ON_TABLE, "other") == {"SELECT"}


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [
        (["SELECT", "INSERT"], ()),
        (["UPDATE (a)"], ()),
        (["UPDATE (a, z)"], ("UPDATE (a, z)",)),
        (["UPDATE"], ("UPDATE",)),
        (["INSERT (a)", "DELETE"], ("DELETE",)),
    ],
)
def test_rights_on_columns_are_part_of_the_right_on_the_table(wanted, missing):
    assert missing_rights("c", wanted, ON_TABLE, "t") == missing


def test_rights_are_merged_and_the_wider_one_stays():
    assert merged_rights(["UPDATE (b)", "SELECT", "UPDATE (a)"]) == ("SELECT", "UPDATE (a, b)")
    assert merged_rights(["UPDATE (b)", "UPDATE"]) == ("UPDATE",)


def test_what_goes_beyond_the_declaration_is_found_place_by_place():
    given = [
        "GRANT USAGE ON *.* TO `u`@`%`",
        "GRANT SELECT, FILE ON *.* TO `u`@`%`",
        r"GRANT SELECT ON `a\_b`.* TO `u`@`%`",
        "GRANT SELECT, UPDATE (`x`) ON `c`.`t` TO `u`@`%`",
        "GRANT DELETE ON `c`.`gone` TO `u`@`%`",
    ]
    wanted = [Grant(r"a\_b", "*", ("SELECT",)), Grant("c", "t", ("SELECT", "UPDATE (x)"))]

    assert grants_beyond(given, wanted) == [Grant("*", "*", ("SELECT", "FILE")), Grant("c", "gone", ("DELETE",))]


def test_the_raw_tables_of_all_streams_are_meant_by_one_word():
    found = needs(Service.MASTER, Tables(raw=("raw_a", "raw_b"), mapped=()))

    assert {need.table for need in found if need.rights == ("INSERT",)} == {"raw_a", "raw_b", "source"}
    assert RAW not in {need.table for need in found}
