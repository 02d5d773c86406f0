"""`make audit` tells "vulnerable" from "nobody could be asked", and takes neither for "fine"."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci/audit.py"
FINE = '{"name": "a", "version": "1", "vulns": []}'
SKIPPED = '{"name": "a", "skip_reason": "not found"}'
FLAW = '{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}'
AWAY = ""


@pytest.mark.parametrize(
    ("pypi", "osv", "code", "told"),
    [
        (FINE, AWAY, 0, "1 packages, 0 known vulnerabilities, 0 not looked up"),
        (FLAW, AWAY, 1, "a 1: CVE-1, mended in 2"),
        (SKIPPED, FINE, 0, "1 packages, 0 known vulnerabilities, 0 not looked up"),
        (SKIPPED, FLAW, 1, "a 1: CVE-1, mended in 2"),
        (SKIPPED, AWAY, 75, "nobody gave an answer for a"),
        (AWAY, AWAY, 75, "nothing was looked up: no service answers from here"),
    ],
)
def test_what_each_service_says_decides(tmp_path, pypi, osv, code, told):
    (tmp_path / "pip_audit.py").write_text(
        "import sys\n"
        f"said = {{'pypi': {pypi!r}, 'osv': {osv!r}}}[sys.argv[sys.argv.index('--vulnerability-service') + 1]]\n"
        "print('{\"dependencies\": [' + said + ']}') if said else sys.exit('no route to host')\n"
    )

    asked = subprocess.run(
        [sys.executable, SCRIPT, "requirements.txt"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )

    assert (asked.returncode, told in asked.stdout) == (code, True)
    assert "Traceback" not in asked.stderr


def test_every_lock_is_looked_at():
    root = SCRIPT.parents[1]
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    [recipe] = re.findall(r"^audit:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)

    made = set(re.findall(r"-o (\S+\.txt)", makefile))

    assert made == set(re.findall(r"[\w./-]+\.txt", recipe))
    assert len(made) == 3
