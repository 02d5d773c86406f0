"""What a MySQL user may do with a schema, read from SHOW GRANTS. Pure."""

import re
from collections.abc import Iterable

_GRANT = re.compile(r"(GRANT|REVOKE) (.+?) ON (\*|`(?:[^`]|``)+`)\.\* (?:TO|FROM) ")
_ALL = "ALL PRIVILEGES"


def rights_on(schema: str, grants: Iterable[str]) -> frozenset[str]:
    """The rights on the whole of `schema`, `ALL PRIVILEGES` among them; those on single tables do not count."""
    given: set[str] = set()
    taken: set[str] = set()
    for line in grants:
        found = _GRANT.match(line)
        if found and _matches(found.group(3), schema):
            rights = {right.strip() for right in found.group(2).split(",")}
            (given if found.group(1) == "GRANT" else taken).update(rights)
    return frozenset(given - taken)


def missing_rights(schema: str, wanted: Iterable[str], grants: Iterable[str]) -> tuple[str, ...]:
    """Those of `wanted` that are not given, in the order in which they are named."""
    given = rights_on(schema, grants)
    return () if _ALL in given else tuple(right for right in wanted if right not in given)


def _matches(pattern: str, schema: str) -> bool:
    """A grant's schema is a pattern: `_` and `%` stand for others unless a backslash precedes them."""
    if pattern == "*":
        return True
    parts = re.findall(r"\\.|.", pattern[1:-1].replace("``", "`"), re.DOTALL)
    words = {"%": ".*", "_": "."}
    return bool(re.fullmatch("".join(words.get(part) or re.escape(part[-1]) for part in parts), schema, re.DOTALL))
