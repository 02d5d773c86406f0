"""Servers for one test alone, because it stops, kills or breaks them."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from local_stack.choice import GIVEN, decide
from local_stack.fetching import Say, say_on_stderr
from local_stack.folders import cache_folder, locked, stack_folder
from local_stack.process import process_of
from local_stack.servers import Servers
from local_stack.stack import LocalStack


class Stack(Protocol):
    """Servers by name ("mysql", "kafka", "sqs"), each at a port that stays the same when it is started again."""

    def up(self) -> Servers:
        """All three; returns when they answer."""

    def start(self, name: str) -> None:
        """One that was stopped or killed; returns when it answers."""

    def stop(self, name: str) -> None:
        """One, in good order."""

    def kill(self, name: str) -> None:
        """One, as a power cut would."""

    def restart(self, name: str, *, kill: bool = False) -> None:
        """Stop or kill one, and start it again."""

    def reset(self) -> None:
        """Stop all three and remove what they stored."""


@contextmanager
def own_stack(env: Mapping[str, str] = os.environ, *, say: Say = say_on_stderr) -> Iterator[tuple[Stack, Servers]]:
    """A stack that nobody else uses, as containers or native by the same choice as the shared one."""
    user = process_of(os.getpid())
    way, _ = decide({**env, **dict.fromkeys(GIVEN, "")}, say)
    if way == "docker":
        from local_stack.containers import ContainerStack  # noqa: PLC0415 - of the development environment only

        containers = ContainerStack(env, user=user, say=say)
        try:
            yield containers, containers.up()
        finally:
            containers.reset()
    else:
        folder = stack_folder(env) / "own"
        _remove_orphans(folder)
        stack = LocalStack(folder / uuid4().hex[:12], cache=cache_folder(env), say=say)
        try:
            yield stack, stack.up(user)
        finally:
            _remove(stack)


def _remove_orphans(folder: Path) -> None:
    """Stacks of tests that were killed before they could remove them."""
    with locked(folder):
        for state in folder.glob("*/state.json"):
            stack = LocalStack(state.parent)
            if not stack.needed():
                _remove(stack)


def _remove(stack: LocalStack) -> None:
    stack.reset()
    shutil.rmtree(stack.directory, ignore_errors=True)
