"""The sections that say what was migrated, from where, by which code, and what was accepted. Pure."""

from collections.abc import Iterable, Sequence

from db.reject_decisions import Decision
from db.reject_report import Pattern, RejectedRow
from db.report_facts import Event, GivenUp, StreamFacts
from db.snapshot_report import SnapshotStatus
from db.source_report import SourceStatus
from migration_core.masking import masked
from migration_core.report import Cell, Section, Standing, counted
from migration_verifier.report.sections import moment

_LONG_HASH = 16
_SAMPLE_SHOWN = 72


def snapshot_section(found: Sequence[SnapshotStatus]) -> Section:
    """What the old platform exported, and whether all of it is loaded."""
    waiting = [one for one in found if one.parts_open < one.parts]
    rows = sum(one.rows for one in found)
    if waiting:
        standing, sentence = Standing.BAD, f"{len(waiting)} of {counted(len(found), 'snapshot')} not loaded to the end."
    elif found:
        standing, sentence = Standing.GOOD, f"All {rows:,} records of {counted(len(found), 'snapshot')} are loaded."
    else:
        standing, sentence = Standing.FACT, "No snapshot was loaded: the streams were read from their beginning."
    return Section(
        "snapshots",
        "Snapshots",
        standing,
        sentence,
        ("data type", "no.", "folder", "parts", "records", "loaded", "duplicate keys", "registered", "completed"),
        tuple(
            (one.stream, one.generation, one.folder, one.parts, one.rows, one.rows_loaded, one.duplicates,
             moment(one.registered_at), moment(one.completed_at))
            for one in found
        ),
        named_by=2,
    )  # fmt: skip


def topics_section(found: Sequence[SourceStatus]) -> Section:
    """Which offsets of which partitions are covered."""
    halted = [one for one in found if one.halted]
    records = sum(one.next_offset - one.start_offset for one in found)
    if not found:
        standing, sentence = Standing.OPEN, "Not done: no topic has been read."
    elif halted:
        standing, sentence = Standing.BAD, f"{len(halted)} of {counted(len(found), 'partition')} not read to the end."
    else:
        standing, sentence = (
            Standing.GOOD,
            f"{counted(len(found), 'partition')} covered without a gap: {counted(records, 'offset')}.",
        )
    return Section(
        "topics",
        "Offsets covered",
        standing,
        sentence,
        ("topic", "partition", "data type", "from", "to", "offsets", "stands still because"),
        tuple(
            (one.topic, one.partition, one.stream, one.start_offset, one.next_offset,
             one.next_offset - one.start_offset, one.halted)
            for one in found
        ),
        named_by=2,
    )  # fmt: skip


def accepted_section(found: Sequence[Pattern], given_up: Sequence[GivenUp]) -> Section:
    """Deviations that a person has taken upon themselves."""
    rows: list[tuple[Cell, ...]] = [
        (f"{one.code} at {one.field_path or '$'}", one.stream, one.rejects, *_decided(one.decision))
        for one in found
        if one.state == "accepted"
    ]
    rows += [
        (f"lost at the source: {one.topic}[{one.partition}] from {one.from_offset:,}", "",
         one.to_offset - one.from_offset, "", moment(one.at), one.reason)
        for one in given_up
    ]  # fmt: skip
    lost = sum(one.to_offset - one.from_offset for one in given_up)
    told = f"{counted(len(rows), 'deviation')} accepted." if rows else "No deviation was accepted."
    if lost:
        told += f" {counted(lost, 'offset')} lost at the source, before being read."
    columns = ("deviation", "data type", "records", "accepted by", "when", "because")
    return Section(
        "accepted", "Accepted deviations", Standing.NOTED if rows else Standing.FACT, told, columns, tuple(rows), 2
    )


def _decided(by: Decision | None) -> tuple[str, str, str]:
    return (by.who, moment(by.decided_at), by.because) if by else ("", "", "")


def samples_section(found: Iterable[RejectedRow]) -> Section:
    """A few records of each cause, masked."""
    rows = tuple(
        (one.source, f"line {one.offset}" if one.phase == "snapshot" else f"[{one.partition}]@{one.offset}",
         one.stream, one.code, one.field_path or "$", _cut(masked(one.value, one.field_path)), one.detail)
        for one in found
    )  # fmt: skip
    told = "Letters read a or A, digits 9; the records themselves are kept in the database."
    columns = ("from", "place", "data type", "code", "field", "masked value", "what is wrong")
    title = "Samples of records not applied"
    return Section("samples", title, Standing.FACT, told if rows else "There is none.", columns, rows, 2)


def _cut(text: str) -> str:
    return text if len(text) <= _SAMPLE_SHOWN else text[: _SAMPLE_SHOWN - 1] + "…"


def timeline_section(found: Sequence[Event]) -> Section:
    """What happened when."""
    rows = tuple((moment(one.at), one.what, one.of) for one in found)
    told = f"From {rows[0][0]} to {rows[-1][0]}." if rows else "Nothing has happened yet."
    return Section("timeline", "Timeline", Standing.FACT, told, ("when", "what", "of"), rows, 3)


def streams_section(found: Sequence[StreamFacts], mapping_hash: str) -> Section:
    """The kinds of data, and whether they run by the mapping that is in force."""
    other = [one.stream for one in found if one.mapping_hash != mapping_hash]
    told = f"{counted(len(found), 'data type')}."
    if other:
        told += f" Registered with another mapping than the one in force: {', '.join(other)}."
    return Section(
        "streams",
        "Data types",
        Standing.NOTED if other else Standing.FACT,
        told,
        ("data type", "changes are", "lanes", "mapping", "registered"),
        tuple(
            (one.stream, "partial" if one.partial else "whole records", one.lanes, one.mapping_hash[:_LONG_HASH],
             moment(one.registered_at))
            for one in found
        ),
    )  # fmt: skip


def versions_section(found: Sequence[tuple[str, str, str]]) -> Section:
    """Which code, mapping and schema this speaks of."""
    rows = tuple((what, which, digest) for what, which, digest in found)
    return Section("versions", "Versions", Standing.FACT, "As they are now.", ("part", "version", "digest"), rows)
