"""Known vulnerabilities in what the locks name; unlike plain pip-audit, fails where a package was not looked up."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

SERVICES = ("pypi", "osv")
"""Asked in turn: behind a mirror or a proxy one of them may be out of reach."""
DONE, KNOWN, TRY_AGAIN = 0, 1, 75


def main(locks: Sequence[str]) -> int:
    """0 when every package was looked up and none is known to be vulnerable, 1 when one is, 75 when nobody can tell."""
    packages: list[dict[str, Any]] = []
    for service in SERVICES:
        packages = _better(packages, _asked(service, locks))
        if packages and not _skipped(packages):
            break
    known = [
        f"{one['name']} {one['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version'}"
        for one in packages
        for flaw in one.get("vulns", ())
    ]
    skipped = _skipped(packages)
    for line in known:
        sys.stdout.write(f"{line}\n")
    if skipped:
        sys.stdout.write(f"nobody gave an answer for {', '.join(skipped)}\n")
    if not packages:
        sys.stdout.write("nothing was looked up: no service answers from here\n")
    sys.stdout.write(f"{len(packages)} packages, {len(known)} known vulnerabilities, {len(skipped)} not looked up\n")
    if known:
        return KNOWN
    return TRY_AGAIN if skipped or not packages else DONE


def _asked(service: str, locks: Sequence[str]) -> list[dict[str, Any]]:
    """What it says of each package; nothing when it is out of reach."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--disable-pip"]
    files = [argument for lock in locks for argument in ("--requirement", lock)]
    asked = subprocess.run(
        [*command, "--vulnerability-service", service, "--require-hashes", *files],
        check=False,
        capture_output=True,
        text=True,
    )
    if not asked.stdout:
        last = (asked.stderr.strip().splitlines() or ["it said nothing"])[-1]
        sys.stderr.write(f"{service}: {last[:300]}\n")
        return []
    found: list[dict[str, Any]] = json.loads(asked.stdout)["dependencies"]
    return found


def _better(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answer that leaves fewer packages out."""
    return other if other and (not one or len(_skipped(other)) < len(_skipped(one))) else one


def _skipped(packages: Sequence[dict[str, Any]]) -> list[str]:
    return [one["name"] for one in packages if "skip_reason" in one]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
