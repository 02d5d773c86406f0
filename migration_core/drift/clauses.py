"""The clauses of one ALTER TABLE that mend the columns, indexes and checks of one table. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from migration_core.drift.difference import EXTRA, MISSING, Difference, Subject
from migration_core.drift.facts import PRIMARY, ColumnFacts, IndexFacts, TableFacts
from migration_core.drift.headroom import can_step_back
from migration_core.drift.names import quoted

_DROP_COLUMN = "DROP COLUMN "


class TableMending:
    """One statement for a table, because each ALTER may copy all of its rows."""

    def __init__(self, declared: TableFacts, live: TableFacts, found: Sequence[Difference]) -> None:
        self.declared, self.live, self.found = declared, live, found
        self._whats: dict[tuple[Subject, str], set[str]] = defaultdict(set)
        for one in found:
            self._whats[one.subject, one.name].add(one.what)
        self._remade = _remade(declared, live, found)
        self._reprojected = {name for (_, name), whats in self._whats.items() if "srid" in whats}

    def beforehand(self) -> Iterator[list[str]]:
        """What must be done before the rest: each an ALTER of its own."""
        if "collation" in self._whats.get((Subject.TABLE, self.live.name), ()):
            # Columns that are described without a collation take it from here.
            yield [f"DEFAULT COLLATE {self.declared.collation}"]
        # The server changes no SRID under an index, not even one that the same statement drops.
        yield [f"DROP INDEX {quoted(index.name)}" for index in self.live.indexes if index.columns & self._reprojected]

    def clauses(self) -> list[str]:
        """Everything else of the table but its foreign keys."""
        return [*self._options(), *self._indexes_dropped(), *self._checks(), *self._columns(), *self._indexes_made()]

    def removes_data(self, clauses: Sequence[str]) -> bool:
        """Whether a column goes that holds values of its own."""
        derived = {_DROP_COLUMN + quoted(column.name) for column in self.live.columns if column.generated}
        return any(clause.startswith(_DROP_COLUMN) and clause not in derived for clause in clauses)

    def _options(self) -> Iterator[str]:
        whats = self._whats.get((Subject.TABLE, self.live.name), ())
        if "engine" in whats:
            yield f"ENGINE = {self.declared.engine}"
        if "row format" in whats:
            yield f"ROW_FORMAT = {self.declared.row_format}"
        for column in self.live.columns:
            if (Subject.AUTO_INCREMENT, column.name) in self._whats and can_step_back(self.live, column):
                yield f"AUTO_INCREMENT = {(self.live.largest_number or 0) + 1}"

    def _columns(self) -> Iterator[str]:
        declared = {column.name for column in self.declared.columns}
        for column in self.live.columns:
            if column.name not in declared or column.name in self._remade:
                yield _DROP_COLUMN + quoted(column.name)
        place = "FIRST"
        for column in self.declared.columns:
            whats = self._whats.get((Subject.COLUMN, column.name), set())
            if MISSING in whats or column.name in self._remade:
                yield f"ADD COLUMN {column.definition} {place}"
            elif "order" in whats:
                yield f"MODIFY COLUMN {column.definition} {place}"
            elif whats:
                yield f"MODIFY COLUMN {column.definition}"
            place = f"AFTER {quoted(column.name)}"

    def _indexes_dropped(self) -> Iterator[str]:
        for index in self.live.indexes:
            if index.columns & self._reprojected:
                continue
            if self._is_replaced(index) or EXTRA in self._whats.get((Subject.INDEX, index.name), ()):
                yield "DROP PRIMARY KEY" if index.name == PRIMARY else f"DROP INDEX {quoted(index.name)}"

    def _indexes_made(self) -> Iterator[str]:
        for index in self.declared.indexes:
            whats = self._whats.get((Subject.INDEX, index.name), set())
            if MISSING in whats or self._is_replaced(index):
                yield f"ADD {index.definition}"
            elif whats:
                yield f"ALTER INDEX {quoted(index.name)} {'VISIBLE' if index.visible else 'INVISIBLE'}"

    def _is_replaced(self, index: IndexFacts) -> bool:
        """Whether it is there on both sides, and more than its visibility differs."""
        if not (self.live.index(index.name) and self.declared.index(index.name)):
            return False
        changed = self._whats.get((Subject.INDEX, index.name), set()) - {"visibility"}
        return bool(changed or index.columns & (self._remade | self._reprojected))

    def _checks(self) -> Iterator[str]:
        live = {check.name for check in self.live.checks}
        for check in self.live.checks:
            if self._whats.get((Subject.CHECK, check.name), set()) - {"enforced"}:
                yield f"DROP CHECK {quoted(check.name)}"
        for check in self.declared.checks:
            whats = self._whats.get((Subject.CHECK, check.name), set())
            if check.name not in live or whats - {"enforced"}:
                yield f"ADD {check.definition}"
            elif whats:
                yield f"ALTER CHECK {quoted(check.name)} {'' if check.enforced else 'NOT '}ENFORCED"


def blocked_columns(declared: TableFacts, live: TableFacts, found: Sequence[Difference]) -> frozenset[str]:
    """Columns whose definition or whose indexes the ALTER touches, so that no foreign key may stand on them."""
    blocked = {one.name for one in found if one.subject is Subject.COLUMN and one.what not in (MISSING, "order")}
    for one in found:
        if one.subject is Subject.INDEX and one.what != "visibility":
            for index in (declared.index(one.name), live.index(one.name)):
                blocked |= index.columns if index else frozenset()
    return frozenset(blocked)


def _remade(declared: TableFacts, live: TableFacts, found: Sequence[Difference]) -> frozenset[str]:
    """Columns that the server will not turn from plain or stored into virtual, or back: dropped and added anew."""
    before = {column.name: column for column in live.columns}
    changed = {one.name for one in found if one.subject is Subject.COLUMN and one.what == "generated"}
    return frozenset(
        column.name
        for column in declared.columns
        if column.name in changed and _storage(column) != _storage(before[column.name])
    )


def _storage(column: ColumnFacts) -> str:
    if not column.generated:
        return "plain"
    return "stored" if column.stored else "virtual"
