"""Programs that tests fork begin at once, and do not outlive them."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from local_stack.process import process_of
from tests.integration.forked import CONTEXT

_TESTS_THAT_ARE_KILLED = """
import os, pathlib, sys
from tests.integration.forked import ForkedChildren
if __name__ == "__main__":
    nowhere = {"DATABASE_URL": "mysql+pymysql://root@127.0.0.1:9/none", "HTTP_PORT": "0", "HTTP_HOST": "127.0.0.1"}
    child = ForkedChildren(nowhere, pathlib.Path(sys.argv[1])).start("verifier", "migration_verifier")
    print(child.process.pid, flush=True)
    os.read(0, 1)
"""


def _leave_with(module: str) -> None:
    sys.exit(0 if module in sys.modules else 1)


@pytest.mark.parametrize(
    "module", ["migration_master.__main__", "migration_worker.__main__", "snapshot_loader.__main__"]
)
def test_a_program_finds_all_that_it_imports_there(module):
    child = CONTEXT.Process(target=_leave_with, args=(module,))
    child.start()
    child.join(60)
    assert child.exitcode == 0


def test_a_program_ends_where_the_tests_that_forked_it_are_killed(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(_TESTS_THAT_ARE_KILLED, encoding="utf-8")
    tests = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with tests:
        program = process_of(int(tests.stdout.readline()))
        assert program.alive()
        tests.kill()

    while program.alive():  # pytest ends a test that waits for ever
        Event().wait(0.05)
