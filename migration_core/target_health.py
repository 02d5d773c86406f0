"""When the target has enough to do without us. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthLimit:
    """Above these the program waits; None where that is no limit."""

    threads_running: int | None = None
    history_length: int | None = None
    replica_lag_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What the server says of itself; None where it cannot say."""

    threads_running: int | None = None
    history_length: int | None = None
    replica_lag_ms: int | None = None


def throttled(health: Health, limit: HealthLimit) -> str:
    """Why to wait, for people, or ""."""
    found = (
        ("threads running", health.threads_running, limit.threads_running),
        ("history list length", health.history_length, limit.history_length),
        ("replica lag in ms", health.replica_lag_ms, limit.replica_lag_ms),
    )
    return ", ".join(
        f"{what} {now:,} is above {most:,}"
        for what, now, most in found
        if now is not None and most is not None and now > most
    )
