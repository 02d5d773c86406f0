"""`migration ledger`: whether every row that was received has exactly one outcome, proven from the rows."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli.access import database
from migration_cli.console import Json, say, say_json, show_table

if TYPE_CHECKING:
    from db.audit import Look
    from db.engine import Database
    from db.remainders import StoredRemainder
    from migration_core.audit import Place
    from migration_core.proof import SourceLedger, StreamProof


class By(StrEnum):
    """What a line of the table stands for."""

    STREAM = "stream"
    PARTITION = "partition"


def ledger(
    *,
    by: Annotated[By, typer.Option(help="A line for each stream, or for each topic partition and snapshot part.")] = (
        By.STREAM
    ),
    prove: Annotated[
        bool, typer.Option("--prove", help="First walk over all rows again; minutes when there are many millions.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what was received and what became of it; exit 1 on any remainder, with where it lies.

    The verifier proves it all the time; --prove does the same here and now, from the first row on.

    Example: migration ledger --by partition
    """
    from dataclasses import asdict

    from db.ledger_proof import source_ledgers, stream_proofs
    from db.remainders import open_remainders
    from migration_core.proof import ledger_gate

    with database() as control:
        if prove:
            _prove(control)
        streams = stream_proofs(control)
        sources = source_ledgers(control)
        remainders = open_remainders(control)
    gate = ledger_gate(streams, sources)
    if as_json:
        with_remainder = [{**asdict(one), "remainder": one.remainder} for one in sources]
        listed: dict[str, object] = {"streams": streams, "remainders": remainders, "gate": gate}
        say_json(listed | ({"sources": with_remainder} if by is By.PARTITION else {}))
    else:
        _show_sources(sources) if by is By.PARTITION else _show_streams(streams)
        _show_remainders(remainders)
        say(f"gate {gate.verdict}: {gate.found}" + (f"; {gate.remedy}" if gate.remedy else ""))
    if remainders or any(one.remainder for one in sources):
        raise typer.Exit(1)


def _prove(control: "Database") -> None:
    from migration_verifier.audit import Auditor, prove
    from runtime.shutdown import on_terminate

    stop = on_terminate()
    prove(Auditor(control, told=_told), stop, _progress)
    if stop.is_set():
        raise KeyboardInterrupt


def _told(look: "Look") -> None:
    typer.echo(f"{look.lane.stream} lane {look.lane.lane}: a remainder", err=True)


def _progress(behind: int) -> None:
    typer.echo(f"{behind:,} lanes are not proven yet" if behind else "every lane is proven", err=True)


def _show_streams(streams: "Sequence[StreamProof]") -> None:
    show_table(
        ("stream", "received", "applied", "superseded", "filtered", "parked", "rejected", "pending", "not audited",
         "purged", "remainders"),
        [
            (one.stream, one.received, one.applied, one.superseded, one.filtered, one.parked, one.rejected,
             one.pending, one.unaudited, one.purged, one.remainders)
            for one in streams
        ],
    )  # fmt: skip


def _show_sources(sources: "Sequence[SourceLedger]") -> None:
    show_table(
        ("stream", "source", "partition", "received", "done", "parked", "rejected", "pending", "remainder"),
        [
            (one.stream, one.source, one.partition, one.received, one.done, one.parked, one.rejected, one.pending,
             one.remainder)
            for one in sources
        ],
    )  # fmt: skip


def _show_remainders(remainders: "Sequence[StoredRemainder]") -> None:
    for one in remainders:
        say(
            f"REMAINDER {one.stream} lane {one.lane} {one.kind} {one.rows:+,}: {one.detail}; "
            f"sequences {one.from_sequence + 1} to {one.to_sequence}, {_where(one.places)}, "
            f"found {one.found_at.isoformat(' ', 'seconds')}"
        )


def _where(places: "Sequence[Place]") -> str:
    return ", ".join(f"{one.source}[{one.partition}]@{_offsets(one)}" for one in places) or "no rows there"


def _offsets(place: "Place") -> str:
    first, last = place.from_offset, place.to_offset
    if first is None or last is None:
        return "?"
    return str(first) if first == last else f"{min(first, last)}..{max(first, last)}"
