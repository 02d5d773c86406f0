"""Streams that the cut-over holds still after the switch, told apart from those that a person paused."""

from db.engine import Session


def hold_streams(session: Session, reason: str) -> None:
    """Stop applying every stream that runs: what still arrived would overwrite what users write now."""
    session.execute(
        "UPDATE stream_state SET state = 'paused', reason = %s, since = NOW(6) WHERE state = 'running'", (reason,)
    )


def release_streams(session: Session, reason: str) -> None:
    """Apply those again that were held for `reason`, and no others."""
    session.execute(
        "UPDATE stream_state SET state = 'running', reason = '', since = NOW(6) WHERE state = 'paused' AND reason = %s",
        (reason,),
    )
