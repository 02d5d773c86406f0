"""`migration …` as its entry point runs it, in this process and in one of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from migration_cli.__main__ import main

ROOT = Path(__file__).parents[2]


class Cli:
    """Runs `migration …` as the entry point does, with exactly these variables."""

    def __init__(self, url: str, monkeypatch, capsys) -> None:
        self.env = {"PATH": os.environ["PATH"], "DATABASE_URL": url}
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "migration_cli", *arguments]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        with self._monkeypatch.context() as patch:
            for name in os.environ.keys() - self.env.keys():
                patch.delenv(name)
            for name, value in self.env.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["migration", *arguments])
            with pytest.raises(SystemExit) as left:
                main()
        out, err = self._capsys.readouterr()
        return int(left.value.code or 0), out, err

    def json(self, *arguments: str, code: int = 0):
        found, out, err = self.run(*arguments, "--json")
        assert (found, err) == (code, ""), out
        return json.loads(out)
