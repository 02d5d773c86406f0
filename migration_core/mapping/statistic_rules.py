"""What the keys of `statistics:` must not say together, told before a file of SQL is opened."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from migration_core.mapping.model import MappingModel, StatisticModel
from migration_core.statistics.schedule import schedule_fault

Fault = tuple[str, tuple[str | int, ...]]
"""(message, where in the file)."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LONGEST_TABLE = 64 - len("__shadow")
_OF_INCREMENTAL = ("stream", "key", "members")


def statistic_faults(model: MappingModel) -> Iterator[Fault]:
    """Every fault, in the order of the file."""
    filled = {table: f"stream {name}" for name, stream in model.streams.items() for table in stream.tables}
    for name, statistic in model.statistics.items():
        at = ("statistics", name)
        if not _NAME.fullmatch(name):
            yield f"{name!r} is a name for commands; write at most 40 lower-case letters, digits and _", at
        for part, table in (("table", statistic.table), ("members", statistic.members)):
            if table is None:
                continue
            if len(table) > _LONGEST_TABLE:
                yield f"{table} leaves no room for __shadow; write at most {_LONGEST_TABLE} characters", (*at, part)
            if table in filled:
                yield f"{filled[table]} writes {table} already; write a table of its own", (*at, part)
            filled[table] = f"statistic {name}"
        for message, where in _statistic(statistic, model):
            yield message, (*at, *where)


def _statistic(statistic: StatisticModel, model: MappingModel) -> Iterator[Fault]:
    if statistic.schedule is not None and (told := schedule_fault(statistic.schedule)):
        yield told, ("schedule",)
    if statistic.mode == "full":
        for name in _OF_INCREMENTAL:
            if name in statistic.model_fields_set:
                yield f"{name} is for mode: incremental; leave it out", (name,)
    else:
        yield from _incremental(statistic, model)


def _incremental(statistic: StatisticModel, model: MappingModel) -> Iterator[Fault]:
    if statistic.each is not None:
        yield "an incremental statistic goes through the stream's keys by itself; leave it out", ("each",)
    for name in _OF_INCREMENTAL:
        if not getattr(statistic, name):
            yield f"mode: incremental needs {name}; write `{name}: …`, or mode: full", ("mode",)
    if statistic.stream is not None and statistic.stream not in model.streams:
        near = get_close_matches(statistic.stream, model.streams, n=1)
        told = f"did you mean {near[0]!r}?" if near else f"write {' or '.join(model.streams)}"
        yield f"there is no stream {statistic.stream!r}; {told}", ("stream",)
    elif statistic.stream is not None and statistic.key:
        parts = len(model.streams[statistic.stream].key)
        if parts != len(statistic.key):
            yield f"{len(statistic.key)} columns for a key of {parts} parts; write one for each", ("key",)
    if len(set(statistic.key)) != len(statistic.key):
        yield "a column stands here twice; write it once", ("key",)
