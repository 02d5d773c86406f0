"""SIGKILL at random moments for a command that is called again until it ends, and between which of its steps each fell.

A moment is a step of the protocol and a random while behind it. Steps are dealt like cards, so that each phase gets
its share of the kills, however short it is; and with the while, every place within a phase can be hit.
"""

import os
import random
import select
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from runtime.failpoints import VARIABLE
from tests.chaos.failpoints import TELL
from tests.integration import forked

START = "start"
"""Stands for the time before the first step."""
_BEHIND_SECONDS, _BEHIND_START_SECONDS = 0.05, 0.3
_PASSES = (1, 1, 1, 2, 3, 5)
_PATIENCE_SECONDS = 120.0
_AGAIN = 75


@dataclass
class Killer:
    """Spends `left` kills."""

    folder: Path
    dice: random.Random
    left: int
    steps: Sequence[str]
    """Those behind which it kills."""
    fell: Counter[str] = field(default_factory=Counter)
    """{the last step before the kill: how often}."""
    begun: int = 0
    _cards: list[str] = field(default_factory=list)

    def to_its_end(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        steps: Collection[str] | None = None,
        code: int = 0,
    ) -> None:
        """Until it ends with `code`, left alone or because it was quicker; `steps` are those that this command has."""
        while True:
            log = self.folder / f"killed-{self.begun}"
            with told_to(log.with_suffix(".steps")) as pipe:
                environment = {**environment, VARIABLE: f"{TELL}{pipe.path}"}
                with ended_afterwards(forked.start(arguments, environment, log)) as child:
                    told = Told(child, pipe.reader)
                    if self.kills(told, steps):
                        continue
                    ended = told.until_its_end()
            if ended != _AGAIN:  # what a killed one has locked is given back a moment later
                assert ended == code, f"{arguments} ended with {ended}: {forked.said(log)}"
                return

    def kills(self, told: "Told", steps: Collection[str] | None = None) -> bool:
        """Kill a process at the next moment; False when none is left or it has ended before that."""
        self.begun += 1
        within = {START, *(self.steps if steps is None else steps)}
        if not self.left or not self._until_the_moment(told, within) or not told.killed():
            return False
        self.left -= 1
        self.fell[told.last()] += 1
        return True

    def _until_the_moment(self, told: "Told", within: Collection[str]) -> bool:
        """Whether it is there, rather than that the command has ended before."""
        step = self._dealt(within)
        passing = self.dice.choice(_PASSES)
        seconds = self.dice.random() ** 3 * (_BEHIND_START_SECONDS if step == START else _BEHIND_SECONDS)
        if step == START or told.until(lambda: told.passed[step] >= passing, _PATIENCE_SECONDS):
            told.until(lambda: False, seconds)
            return True
        self._cards.append(step)
        return False

    def _dealt(self, within: Collection[str]) -> str:
        while True:
            for card in self._cards:
                if card in within:
                    self._cards.remove(card)
                    return card
            self._cards += self.dice.sample([START, *self.steps], len(self.steps) + 1)


@dataclass
class Told:
    """A child, and what it tells of its steps."""

    child: BaseProcess
    pipe: int
    passed: Counter[str] = field(default_factory=Counter)
    _text: bytes = b""

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Read on; False when the child has ended or the time is over first."""
        over = time.monotonic() + seconds
        while not condition():
            left = over - time.monotonic()
            ready, _, _ = select.select([self.pipe, self.child.sentinel], [], [], max(0.0, left))
            if self.pipe in ready:
                self._read()
            elif ready or left <= 0:
                return False
        return True

    def killed(self) -> bool:
        """Kill it; False when it has ended by itself a moment before."""
        self.child.kill()
        self.child.join()
        return self.child.exitcode == -signal.SIGKILL

    def until_its_end(self) -> int:
        self.until(lambda: False, _PATIENCE_SECONDS)
        self.child.join(1)
        if self.child.exitcode is None:
            self.killed()
            raise AssertionError(f"it does not end, and stands behind {self.last()}")
        return self.child.exitcode

    def last(self) -> str:
        """The step that it passed last; all is told when it is dead."""
        self.until(lambda: False, 0)
        lines = self._text.decode().splitlines()
        return lines[-1] if lines else START

    def _read(self) -> None:
        found = os.read(self.pipe, 1 << 16)
        self._text += found
        self.passed = Counter(self._text.decode().splitlines())


@dataclass(frozen=True, slots=True)
class Pipe:
    """Where a child writes its steps, and what reads them."""

    path: Path
    reader: int


@contextmanager
def told_to(path: Path) -> Iterator[Pipe]:
    """A new pipe, closed in the end."""
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # for writing too, so that it never says that it has ended
    try:
        yield Pipe(path, reader)
    finally:
        os.close(reader)


@contextmanager
def ended_afterwards(child: BaseProcess) -> Iterator[BaseProcess]:
    """Whatever happens, it is gone in the end."""
    try:
        yield child
    finally:
        child.kill()
        child.join()
