"""Commands that read a file of their user: an answer or a complaint, and never a traceback."""

import io
import os
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from migration_cli.app import app
from migration_core.manifest import FILE_NAME
from runtime.exits import Exit, run
from tests.fuzz import mappings, readers
from tests.fuzz.target import Target, folder

_MAPPING = "migration.yaml"


def _command(data: bytes) -> None:
    """The first byte chooses the command, the rest is its file."""
    choice, body = data[:1] or b"m", data[1:]
    file = folder() / (_MAPPING if choice == b"c" else FILE_NAME)
    file.write_bytes(body)
    words = ["check"] if choice == b"c" else ["snapshot", "show", str(folder())]
    code, said, complained = _run([*words, *(["--json"] if choice == b"j" else [])], file)
    assert code in (Exit.DONE, Exit.FAILED, Exit.USAGE), code
    assert "Traceback" not in said + complained, complained
    assert code == Exit.DONE or said + complained
    if choice != b"j":
        assert all(line.isprintable() for line in (said + complained).split("\n")), ascii(said + complained)


def _run(words: list[str], file: Path) -> tuple[object, str, str]:
    out, err = io.StringIO(), io.StringIO()
    environment = {"MIGRATION_CONFIG": str(file), "PATH": os.environ["PATH"]}
    with (
        patch.object(sys, "argv", ["migration", *words]),
        patch.dict(os.environ, environment, clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            code: object = run(app)
        except SystemExit as leaving:
            code = leaving.code
    return code, out.getvalue(), err.getvalue()


def _seeds() -> Iterable[bytes]:
    for choice in (b"m", b"j"):
        yield from (choice + one for one in readers.manifests())
    yield from (b"c" + one for one in mappings.texts())


TARGETS = [Target("commands", _command, _seeds, bar=5_000, longest=1500)]
