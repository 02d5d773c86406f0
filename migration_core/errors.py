"""Errors named by what the caller must do; anything else is a bug and stops the process."""

from dataclasses import dataclass


class MigrationError(Exception):
    """Base of every error that the program raises on purpose."""


class Transient(MigrationError):
    """Trying again later may work: a deadlock, a broker that is away."""


class Fenced(MigrationError):
    """Another process has taken over; this one must leave with exit code 75."""


class Exhausted(MigrationError):
    """This process has no room left, such as for open files: it must leave with exit code 75 and be started anew."""


class Halted(MigrationError):
    """The guarantee would break: stop this stream or lane and call a person. The message names the remedy."""


class ConfigError(MigrationError):
    """Settings, mapping or schema are wrong; the message names file, line and what to write instead. Exit code 2."""


class StaleMapping(ConfigError):
    """The tables were rebuilt by another mapping than this process has: it must leave, and be started with that one."""


class SnapshotError(MigrationError):
    """A snapshot folder is not what its manifest says; the message names file, line and byte offset."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one record can never succeed; `detail` never holds the value itself, only its shape."""

    stage: str
    code: str
    field_path: str = ""
    detail: str = ""
    shape: str = ""


class Rejected(MigrationError):
    """This input can never succeed: keep it with its reason, never retry it."""

    def __init__(
        self, code: str, *, stage: str = "decode", field_path: str = "", detail: str = "", shape: str = ""
    ) -> None:
        super().__init__(f"{stage}: {code} at {field_path or '$'}: {detail}")
        self.reason = Reason(stage, code, field_path, detail, shape)
