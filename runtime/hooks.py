"""Commands and URLs that the cut-over calls, at least once each, with a token that makes a second call harmless."""

import json
import os
import shlex
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from migration_core.errors import ConfigError, MigrationError, Transient

_LOOK_SECONDS = 1.0
_URL_SECONDS = 30
"""Shorter than a MySQL session may idle: nothing beats while a URL is asked."""
_STDERR = 2
_SCHEMES = ("http://", "https://")


class HookFailed(MigrationError):
    """The hook said no; the message names the hook, never its address or arguments, which may hold secrets."""


@dataclass(frozen=True, slots=True)
class HookCall:
    """What a hook is told: in variables of its environment, or as a JSON body."""

    name: str
    token: str
    cutover_id: int
    rehearsal: bool
    more: Mapping[str, str] = field(default_factory=dict)

    def told(self) -> dict[str, str]:
        """Every part as text."""
        return {
            "hook": self.name,
            "token": self.token,
            "cutover": str(self.cutover_id),
            "rehearsal": str(int(self.rehearsal)),
            **self.more,
        }


def call(hook: str, what: HookCall, *, seconds: float, beat: Callable[[], None]) -> None:
    """Run the command, or POST to the URL; HookFailed unless it ends with 0 or answers 2xx in time."""
    if hook.startswith(_SCHEMES):
        _post(hook, what)
    else:
        _run(hook, what, seconds, beat)


def _run(hook: str, what: HookCall, seconds: float, beat: Callable[[], None]) -> None:
    variables = {f"MIGRATION_{name.upper()}": value for name, value in what.told().items()}
    try:
        command = shlex.split(hook)
        process = subprocess.Popen(
            command,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=_STDERR,  # stdout belongs to the answer of the command that called us
            start_new_session=True,
        )
    except (OSError, ValueError, IndexError) as error:
        raise ConfigError(
            f"the {what.name} hook cannot be started ({type(error).__name__}): mend the command"
        ) from error
    code = _ended(process, seconds, beat)
    if code is None:
        raise HookFailed(f"the {what.name} hook took longer than {seconds:.0f} s and was ended")
    if code:
        raise HookFailed(f"the {what.name} hook ended with {code}")


def _ended(process: "subprocess.Popen[bytes]", seconds: float, beat: Callable[[], None]) -> int | None:
    """Its exit code, or None when it had to be ended. An error of `beat` waits until the hook is over."""
    lost: Transient | None = None
    waited = 0.0
    while waited < seconds:
        try:
            code = process.wait(timeout=min(_LOOK_SECONDS, seconds - waited))
        except subprocess.TimeoutExpired:
            waited += _LOOK_SECONDS
            try:
                beat()
            except Transient as error:
                lost = error
            continue
        if lost is not None:
            raise lost
        return code
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return None


def _post(hook: str, what: HookCall) -> None:
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        hook,
        data=json.dumps(what.told()).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": what.token},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=_URL_SECONDS):  # noqa: S310 - the same
            return
    except urllib.error.HTTPError as error:
        raise HookFailed(f"the {what.name} hook answered {error.code}") from error
    except OSError as error:
        raise HookFailed(f"the {what.name} hook did not answer ({type(error).__name__})") from error
