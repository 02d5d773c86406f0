"""`migration …` in a process of its own that begins at once: forked from one that has imported what commands need."""

import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from migration_cli.__main__ import main

_context = get_context("forkserver")
_context.set_forkserver_preload(
    [
        "tests.integration.forked",
        "migration_cli.redrive",
        "migration_cli.reload",
        "migration_cli.verify",
        "migration_verifier.verify",
        "migration_worker.redriving",
        "snapshot_loader.__main__",
        "snapshot_loader.taking",
    ]
)


def start(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> BaseProcess:
    """Begin; what it says goes to LOG.out and LOG.err."""
    child = _context.Process(target=_migration, args=(dict(environment), str(log), tuple(arguments)))
    child.start()
    return child


def said(log: Path) -> tuple[str, str]:
    """What it wrote to stdout and to stderr."""
    out, err = (Path(f"{log}.{end}").read_text(encoding="utf-8") for end in ("out", "err"))
    return out, err


def _migration(environment: dict[str, str], log: str, arguments: tuple[str, ...]) -> None:
    for number, end in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{log}.{end}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ.update(environment)
    sys.argv = ["migration", *arguments]
    main()
