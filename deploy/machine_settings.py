"""What the two state machines are told."""

from pydantic import Field

from deploy.parts import Key, Part, SecretArn


class Load(Part):
    """How the load is taken in steps."""

    for_hours: int = Field(72, ge=1)
    """How long the plan takes, from the snapshot's offsets to the switch; the preflight looks so far ahead."""
    part_minutes: int = Field(10, ge=1, le=240)
    """One run of the loader stops at a checkpoint after that time, and the next goes on there."""
    most_parts: int = Field(1000, ge=1, le=1500)  # an execution has 25,000 events, and one run takes a dozen
    max_lag: int = Field(10_000, ge=0)
    """Records not applied yet, at most, when the copy is verified."""
    catch_up_hours: int = Field(12, ge=1, le=24)


class Cutover(Part):
    """The night, and how it calls the old and the new platform."""

    hooks: SecretArn
    """A secret with `freeze`, `unfreeze`, `switch` and `switch_back`: the commands or URLs of docs/cutover.md."""
    key: Key | None = None
    """What it is encrypted with, where it is a key of yours."""
    max_lag: int = Field(10_000, ge=0)
    drain_minutes: int = Field(15, ge=1)
    approval_minutes: int = Field(60, ge=1, le=720)
    """How long the old platform stays frozen for a person's answer."""
    watch_hours: int = Field(24, ge=0, le=168)
    """How long a way back is kept open after the switch."""
