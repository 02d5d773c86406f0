"""`migration status`: per stream, how far it is, how fast it goes and when it will be done."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli import access
from migration_cli.console import Json, complain, lasting, say_json, table, terminal
from runtime.exits import Exit

if TYPE_CHECKING:
    from rich.table import Table

    from db.engine import Database
    from db.ledger import StreamLedger

_FIRST_LOOK = 1.0


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream at one moment; None where nobody can know."""

    stream: str
    state: str
    reason: str
    received: int
    applied: int
    superseded: int
    filtered: int
    parked: int
    rejected: int
    pending: int
    lag_records: int | None
    """Records that the topics hold and that are not stored; None without KAFKA_BOOTSTRAP_SERVERS."""
    lag_seconds: float | None
    """Age of the last applied record of the lane that is furthest behind, by the records' own times."""
    rows_per_second: float | None
    eta_seconds: float | None
    halted_lanes: int
    stream_open: bool
    rate_limit: int | None = None
    """Rows a second over all workers, on a person's word."""
    stops_at: tuple[str, ...] = ()
    """Positions where a person has told ingest to stop, as TOPIC:PARTITION:OFFSET."""
    throttled: str = ""
    """Why work is held back now, for the target's sake."""
    new_fields: tuple[str, ...] = ()
    """Fields that came lately, on many records, and that no column takes."""


def status_of(
    now: "StreamLedger", before: "StreamLedger | None", seconds: float, lag_records: int | None, now_ms: int
) -> StreamStatus:
    """What two looks at one stream, `seconds` apart, say together. Pure."""
    rate = None
    if before is not None and seconds > 0:
        rate = max(0, (now.received - now.pending) - (before.received - before.pending)) / seconds
    left = now.pending + (lag_records or 0)
    if left == 0:
        eta: float | None = 0.0
    else:
        eta = left / rate if rate else None
    if now.pending == 0:
        lag: float | None = 0.0
    else:
        lag = max(0, now_ms - now.oldest_time) / 1000 if now.oldest_time else None
    return StreamStatus(
        stream=now.stream,
        state=now.state,
        reason=now.reason,
        received=now.received,
        applied=now.applied,
        superseded=now.superseded,
        filtered=now.filtered,
        parked=now.parked,
        rejected=now.rejected,
        pending=now.pending,
        lag_records=lag_records,
        lag_seconds=lag,
        rows_per_second=rate,
        eta_seconds=eta,
        halted_lanes=now.halted_lanes,
        stream_open=now.stream_open,
    )


def status(
    *,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 2.0,
    max_lag: Annotated[
        int | None, typer.Option(min=0, help="Exit 1 while more records than this are not applied, or a stream stands.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show per stream what was received, what became of it, the lag, the rate and the time that is left.

    With --json and --watch, one line of JSON is printed for each look.

    Example: migration status --max-lag 10000
    """
    from runtime.shutdown import on_terminate

    with access.database() as control:
        looks = _Looks(control)
        if not watch:
            found = looks.look()
            if any(one.pending for one in found):
                time.sleep(_FIRST_LOOK)  # a rate needs two looks
                found = looks.look()
            say_json(found) if as_json else terminal().print(_table(found))
            if max_lag is not None:
                _expect_applied(control, max_lag)
            return
        stop = on_terminate()
        if as_json:
            _print_lines(looks, every, stop)
        else:
            _redraw(looks, every, stop)


def _expect_applied(control: "Database", max_lag: int) -> None:
    """The gate before a freeze, asked at any time."""
    from migration_core.cutover import failures
    from migration_verifier.looking import Looking

    if shut := failures(Looking(control, access.cluster()).lag_gates(max_lag)):
        complain(shut)
        raise typer.Exit(Exit.FAILED)


class _Looks:
    """Looks at all streams, each compared with the one before."""

    def __init__(self, control: "Database") -> None:
        self._control = control
        self._cluster = access.cluster_if_named()
        self._before: Mapping[str, StreamLedger] = {}
        self._at = 0.0

    def look(self) -> list[StreamStatus]:
        from db.ledger import ledger

        now = {one.stream: one for one in ledger(self._control)}
        at = time.monotonic()
        unread = self._unread()
        limits, positions, throttled = self._controls()
        fields = self._new_fields()
        found = [
            replace(
                status_of(one, self._before.get(name), at - self._at, unread.get(name), time.time_ns() // 1_000_000),
                rate_limit=limits.get(name),
                stops_at=positions.get(name, ()),
                throttled=throttled,
                new_fields=fields.get(name, ()),
            )
            for name, one in now.items()
        ]
        self._before, self._at = now, at
        return found

    def _controls(self) -> tuple[dict[str, int], dict[str, tuple[str, ...]], str]:
        """({stream: rows a second}, {stream: where it stops}, why all of them are held back, or "")."""
        from db.stream_state import states
        from db.target_health import target_health

        with self._control.transaction() as session:
            found = states(session)
            throttled = target_health(session).throttled
        limits = {one.stream: one.rate_limit for one in found if one.rate_limit is not None}
        return limits, {one.stream: one.stops_at for one in found}, throttled

    def _new_fields(self) -> dict[str, tuple[str, ...]]:
        from db.unmapped import unmapped_fields
        from migration_core.unmapped import new_fields

        with self._control.transaction() as session:
            new = new_fields(unmapped_fields(session))
        return {name: tuple(one.path for one in new if one.stream == name) for name in {one.stream for one in new}}

    def _unread(self) -> Mapping[str, int]:
        if self._cluster is None:
            return {}
        from migration_verifier.looking import Looking

        return Looking(self._control, self._cluster).unread()


def _print_lines(looks: _Looks, every: float, stop: Event) -> None:
    while True:
        say_json(looks.look())
        if stop.wait(every):
            return


def _redraw(looks: _Looks, every: float, stop: Event) -> None:
    from rich.live import Live

    with Live(_table(looks.look()), console=terminal(), auto_refresh=False) as live:
        while not stop.wait(every):
            live.update(_table(looks.look()), refresh=True)


def _table(found: Sequence[StreamStatus]) -> "Table":
    return table(
        ("stream", "state", "received", "applied", "superseded", "filtered", "parked", "rejected", "pending",
         "unread", "lag", "rows/s", "left"),
        [
            (one.stream, _state(one), one.received, one.applied, one.superseded, one.filtered, one.parked,
             one.rejected, one.pending, one.lag_records, lasting(one.lag_seconds),
             None if one.rows_per_second is None else round(one.rows_per_second), lasting(one.eta_seconds))
            for one in found
        ],
    )  # fmt: skip


def _state(one: StreamStatus) -> str:
    state = one.state if one.stream_open or one.state != "running" else "loading"
    reason = f": {one.reason}" if one.reason else ""
    lanes = f", {one.halted_lanes} lanes halted" if one.halted_lanes else ""
    limit = "" if one.rate_limit is None else f", at most {one.rate_limit:,} rows/s"
    stops = f", stops at {', '.join(one.stops_at)}" if one.stops_at else ""
    waits = f", waits: {one.throttled}" if one.throttled else ""
    fields = f", new fields: {', '.join(one.new_fields)}" if one.new_fields else ""
    return f"{state}{reason}{lanes}{limit}{stops}{waits}{fields}"
