"""What the keys of a mapping must not say together, told before anything is compiled."""

import re
from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches

from migration_core.formats import FORMATS
from migration_core.mapping.model import ColumnModel, MappingModel, StreamModel, TableModel
from migration_core.mapping.statistic_rules import Fault, statistic_faults

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,47}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_SELECT = re.compile(r"\s*(?:SELECT|WITH)\s", re.IGNORECASE)
_ONLY_WITH = {"values": "enum", "encoding": "bytes", "zone": "iso8601", "control": "string"}
"""Options of a column that mean something for one type alone."""
_OF_A_PATH = ("type", "required", "default", "using", "coerce", *_ONLY_WITH)
"""Options that say what becomes of a member of the document."""


def broken_rules(model: MappingModel) -> Iterator[Fault]:
    """Every fault, in the order of the file."""
    if not model.streams:
        yield "there is no stream; write one below", ("streams",)
    topics: dict[str, str] = {}
    tables: dict[str, str] = {}
    for name, stream in model.streams.items():
        at = ("streams", name)
        if not _IDENTIFIER.fullmatch(name):
            yield f"{name!r} names a table of raw rows; write at most 48 lower-case letters, digits and _", at
        for topic in stream.topics:
            if topics.setdefault(topic, name) != name:
                yield f"stream {topics[topic]} reads {topic} already; write it at one stream only", (*at, "topic")
        for table in stream.tables:
            if tables.setdefault(table, name) != name:
                told = f"stream {tables[table]} writes {table} already; write it at one stream only"
                yield told, (*at, "tables", table)
        for message, where in _stream(stream):
            yield message, (*at, *where)
    yield from statistic_faults(model)


def _stream(stream: StreamModel) -> Iterator[Fault]:
    yield from _topics(stream)
    yield from _key(stream)
    yield from _format(stream)
    yield from _changes(stream)
    match stream.leave_out:
        case None:
            pass
        case found if (found.equals is None) == (found.using is None):
            yield "a filter compares or calls; write one of equals and using", ("filter",)
    if not stream.tables:
        yield "there is no table; write one below", ("tables",)
    for name, table in stream.tables.items():
        for message, where in _table(table):
            yield message, ("tables", name, *where)
    for name, assertion in stream.assertions.items():
        if not _SELECT.match(assertion.sql) or ";" in assertion.sql:
            yield "an assertion asks one question; write SELECT …", ("assertions", name, "sql")


def _topics(stream: StreamModel) -> Iterator[Fault]:
    if not stream.topics:
        yield "there is no topic; write the one that this stream reads", ("topic",)
    for topic in stream.topics:
        if not _TOPIC.fullmatch(topic):
            yield f"{topic!r} is no name of a topic; write letters, digits, '.', '_' and '-'", ("topic",)
    for topic in _twice(stream.topics):
        yield f"{topic} stands here twice; write it once", ("topic",)


def _key(stream: StreamModel) -> Iterator[Fault]:
    if not stream.key:
        yield "a key has a part at least; write key: $.id", ("key",)
    for path in _twice([str(part.path) for part in stream.key]):
        yield f"{path} stands here twice; write it once", ("key",)
    if stream.record_key == "text" and len(stream.key) != 1:
        yield f"a text holds one part, the key has {len(stream.key)}; write a path for each", ("record_key",)
    elif isinstance(stream.record_key, list) and len(stream.record_key) != len(stream.key):
        told = f"{len(stream.record_key)} paths for a key of {len(stream.key)} parts; write one for each"
        yield told, ("record_key",)


def _format(stream: StreamModel) -> Iterator[Fault]:
    if stream.format not in FORMATS:
        near = get_close_matches(stream.format, FORMATS, n=1)
        told = f"did you mean {near[0]!r}?" if near else f"write {' or '.join(sorted(FORMATS))}"
        yield f"there is no format {stream.format!r}; {told}", ("format",)
    elif stream.format != "json":
        if stream.op is not None:
            yield f"records of format {stream.format} say what happened themselves; leave it out", ("op",)
        if stream.document.names:
            yield f"format {stream.format} knows where its documents stand; leave it out", ("document",)
        if stream.changes == "partial":
            yield f"format {stream.format} has full images only; write changes: full", ("changes",)
    if stream.op is not None:
        words = [*stream.op.image, *stream.op.merge, *stream.op.delete]
        if not words:
            yield "no word is named; write image: [word], merge: [word] or delete: [word]", ("op",)
        for word in _twice(words):
            yield f"{word!r} has two meanings; write it once", ("op",)


def _changes(stream: StreamModel) -> Iterator[Fault]:
    if stream.changes == "full" and stream.op is not None and stream.op.merge:
        yield "a stream of full images has nothing to merge with; write changes: partial", ("op", "merge")
    if stream.changes == "partial" and stream.validate_rows == "newest":
        yield "each partial change needs the one before it; write validate: all", ("validate",)


def _table(table: TableModel) -> Iterator[Fault]:
    if not table.columns:
        yield "there is no column; write one below", ("columns",)
        return
    for name in _twice(table.key):
        yield f"{name} stands here twice; write it once", ("key",)
    for place, name in enumerate(table.key):
        if name not in table.columns:
            near = get_close_matches(name, table.columns, n=1)
            told = f"did you mean {near[0]!r}?" if near else "write it there"
            yield f"{name!r} is not among the columns; {told}", ("key", place)
    if table.rest is not None and table.rest in table.columns:
        yield f"{table.rest} is filled by a column already; write another", ("rest",)
    if table.rest is not None and table.each is not None:
        yield "the rest is the document's; write it at a table without each", ("rest",)
    for name, column in table.columns.items():
        for message, where in _column(column, in_list=table.each is not None):
            yield message, ("columns", name, *where)


def _column(column: ColumnModel, *, in_list: bool) -> Iterator[Fault]:
    given = column.model_fields_set
    if len(given & {"path", "constant", "source"}) != 1:
        yield "a column has one of path, constant and source; write {path: $.name}", ()
        return
    if column.path is not None and (column.path.each or column.path.up > in_list):
        yield f"{column.path} does not lead to one member from here; {_way(column, in_list=in_list)}", ()
    if column.path is None:
        allowed = {"type"} | _ONLY_WITH.keys() if "constant" in given else set()
        for name in _OF_A_PATH:
            if name in given and name not in allowed:
                yield f"{name} is for members of the document; leave it out", (name,)
    for name, kind in _ONLY_WITH.items():
        if name in given and column.type not in (None, kind):
            yield f"{name} means nothing for type {column.type}; leave it out", (name,)
    if column.values is not None and not column.values:
        yield "there is no word; write {legacy: ours}", ("values",)


def _way(column: ColumnModel, *, in_list: bool) -> str:
    if column.path is not None and column.path.each:
        return "write a table of its own, with each"
    return "write $^.name for what holds the list" if in_list else "write $.name"


def _twice(names: list[str] | tuple[str, ...]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
