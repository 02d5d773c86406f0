"""What a MySQL user may do with a schema and its tables, read from SHOW GRANTS. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_NAME = r"(?:\*|`(?:[^`]|``)+`)"
_GRANT = re.compile(rf"(GRANT|REVOKE) (.+?) ON ({_NAME})\.({_NAME}) (?:TO|FROM) ")
_BETWEEN = re.compile(r", (?![^(]*\))")
_ALL = "ALL PRIVILEGES"
_NONE = "USAGE"
_ORDER = "SELECT, INSERT, UPDATE, DELETE, and then the others"
"""As people write them."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of SHOW GRANTS; names as they are written there, "*" for every schema or table."""

    schema: str
    table: str
    rights: tuple[str, ...]


def rights_on(schema: str, grants: Iterable[str], table: str | None = None) -> frozenset[str]:
    """The rights on the whole of `schema`, `ALL PRIVILEGES` among them, and those on `table` where one is named."""
    given: set[str] = set()
    taken: set[str] = set()
    for verb, grant in _read(grants):
        if grant.table == "*" and _matches(grant.schema, schema):
            (given if verb == "GRANT" else taken).update(grant.rights)
        elif verb == "GRANT" and (grant.schema, grant.table) == (schema, table):
            given.update(grant.rights)
    return frozenset(given - taken)


def missing_rights(
    schema: str, wanted: Iterable[str], grants: Iterable[str], table: str | None = None
) -> tuple[str, ...]:
    """Those of `wanted` that are not given, in the order in which they are named."""
    given = rights_on(schema, grants, table)
    if _ALL in given:
        return ()
    columns: dict[str, set[str]] = defaultdict(set)
    for right in given:
        name, some = parts_of(right)
        columns[name] |= some

    def is_given(right: str) -> bool:
        name, some = parts_of(right)
        return name in given or (bool(some) and some <= columns[name])

    return tuple(right for right in wanted if not is_given(right))


def grants_beyond(given: Iterable[str], wanted: Iterable[Grant]) -> list[Grant]:
    """What SHOW GRANTS names and `wanted` does not."""
    declared: dict[tuple[str, str], set[str]] = defaultdict(set)
    for grant in wanted:
        declared[grant.schema, grant.table].update(merged_rights(grant.rights))
    beyond = []
    for verb, grant in _read(given):
        more = [one for one in merged_rights(grant.rights) if one not in declared[grant.schema, grant.table]]
        if verb == "GRANT" and more:
            beyond.append(Grant(grant.schema, grant.table, tuple(more)))
    return beyond


def merged_rights(rights: Iterable[str]) -> tuple[str, ...]:
    """The same rights, each once, in order: a right on all columns takes those on some in."""
    columns: dict[str, set[str]] = defaultdict(set)
    whole = set()
    for right in rights:
        name, some = parts_of(right)
        columns[name] |= some
        if not some:
            whole.add(name)
    return tuple(
        name if name in whole else f"{name} ({', '.join(sorted(some))})"
        for name, some in sorted(columns.items(), key=lambda one: (_ORDER.find(one[0]) % len(_ORDER), one[0]))
    )


def parts_of(right: str) -> tuple[str, frozenset[str]]:
    """("UPDATE", {"a", "b"}) of "UPDATE (`a`, `b`)"; no column stands for all of them."""
    name, _, listed = right.partition(" (")
    return name, frozenset(column.strip(" `") for column in listed.rstrip(")").split(",") if column)


def _read(grants: Iterable[str]) -> Iterator[tuple[str, Grant]]:
    for line in grants:
        if found := _GRANT.match(line):
            rights = tuple(right.strip() for right in _BETWEEN.split(found[2]) if right != _NONE)
            yield found[1], Grant(_bare(found[3]), _bare(found[4]), rights)


def _bare(name: str) -> str:
    return name if name == "*" else name[1:-1].replace("``", "`")


def _matches(pattern: str, schema: str) -> bool:
    """A grant's schema is a pattern: `_` and `%` stand for others unless a backslash precedes them."""
    if pattern == "*":
        return True
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    words = {"%": ".*", "_": "."}
    return bool(re.fullmatch("".join(words.get(part) or re.escape(part[-1]) for part in parts), schema, re.DOTALL))
