"""`migration rate`, `throttle` and `stop-at`: how fast streams go and where they end, while they run."""

from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli.access import database
from migration_cli.console import Json, say, say_json, show_table
from migration_cli.stream_names import chosen

if TYPE_CHECKING:
    from db.engine import Session

Stream = Annotated[str, typer.Argument(help="The stream's name.")]


def rate(
    stream: Stream,
    rows: Annotated[str, typer.Argument(help="Rows a second over all workers, or off.")],
    *,
    as_json: Json = False,
) -> None:
    """Limit how many rows a second all workers together apply of a stream; storing goes on as ever.

    Example: migration rate users 500
    """
    from db.rate_limit import set_rate
    from migration_core.errors import ConfigError

    if rows != "off" and not (rows.isdecimal() and 0 < int(rows) < 1 << 32):
        raise ConfigError(f"{rows!r} is no rate: write a whole number from 1, or off")
    limit = None if rows == "off" else int(rows)
    with database() as control, control.transaction() as session:
        set_rate(session, _id_of(session, stream), limit)
    if as_json:
        say_json({"stream": stream, "rows_per_second": limit})
    else:
        say(f"{stream}: " + ("no limit" if limit is None else f"{limit:,} rows a second over all workers"))


def throttle(
    *,
    threads_running: Annotated[int | None, typer.Option(min=0, help="Most threads that run.")] = None,
    history_length: Annotated[int | None, typer.Option(min=0, help="Longest history list of InnoDB.")] = None,
    replica_lag: Annotated[int | None, typer.Option(min=0, help="Longest lag of a replica, in milliseconds.")] = None,
    off: Annotated[bool, typer.Option("--off", help="No limits.")] = False,
    as_json: Json = False,
) -> None:
    """Show how the target does, or set what it may have to do before the program waits: workers stop, ingest slows.

    Limits that are not named stay as they are. A replica's lag is known on Aurora, and where DATABASE_REPLICA_URL
    names one for master and workers.

    Example: migration throttle --threads-running 64 --replica-lag 5000
    """
    from db.target_health import set_health_limit, target_health
    from migration_core.errors import ConfigError
    from migration_core.target_health import HealthLimit

    given = [threads_running, history_length, replica_lag]
    changes = given != [None, None, None]
    if off and changes:
        raise ConfigError("--off stands alone: leave the limits out")
    with database() as control:
        with control.transaction() as session:
            now = target_health(session).limit
            if off:
                set_health_limit(session, HealthLimit())
            elif changes:
                kept = (now.threads_running, now.history_length, now.replica_lag_ms)
                wanted = [old if new is None else new for new, old in zip(given, kept, strict=True)]
                set_health_limit(session, HealthLimit(*wanted))
        with control.transaction() as session:
            found = target_health(session)
    if as_json:
        say_json(found)
        return
    limit = found.limit
    show_table(
        ("", "now", "at most"),
        [("threads running", found.threads_running, limit.threads_running),
         ("history list length", found.history_length, limit.history_length),
         ("replica lag in ms", found.replica_lag_ms, limit.replica_lag_ms)],
    )  # fmt: skip
    say(f"held back: {found.throttled}" if found.throttled else "nothing is held back")


def stop_at(
    stream: Stream,
    positions: Annotated[
        list[str] | None, typer.Argument(help="topic:partition:offset of the first record that is not stored.")
    ] = None,
    *,
    clear: Annotated[bool, typer.Option("--clear", help="Go on: forget all stops of the stream.")] = False,
    as_json: Json = False,
) -> None:
    """Stop ingest of a stream exactly at these positions; without any, show those that are set.

    Refused when the record at a position is stored already. The master goes on with everything else.

    Example: migration stop-at users legacy.users:0:1500 legacy.users:1:1480
    """
    from db.stop_position import clear_stops, set_stops, stops_of
    from migration_core.errors import ConfigError
    from migration_core.stops import as_json as stops_as_json
    from migration_core.stops import parsed

    if clear and positions:
        raise ConfigError("--clear stands alone: leave the positions out")
    wanted = parsed(positions or [])
    with database() as control, control.transaction() as session:
        stream_id = _id_of(session, stream)
        if clear:
            clear_stops(session, stream_id)
        elif wanted:
            set_stops(session, stream_id, wanted)
        found = stops_of(session, stream_id)
    if as_json:
        say_json({"stream": stream, "stops": stops_as_json(found)})
        return
    for (topic, partition), offset in sorted(found.items()):
        say(f"{topic}[{partition}] stops at {offset}")
    if not found:
        say(f"{stream} stops nowhere")


def _id_of(session: "Session", stream: str) -> int:
    from db.stream_state import states

    known = {one.stream: one.stream_id for one in states(session)}
    return known[chosen([stream], list(known), everything=False)[0]]
