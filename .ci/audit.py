"""Known vulnerabilities in what the locks name; unlike plain pip-audit, fails where a package was not looked up."""

import json
import subprocess
import sys
from collections.abc import Sequence


def main(locks: Sequence[str]) -> int:
    """0 when every package of every lock was looked up and none is known to be vulnerable."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--disable-pip"]
    files = [argument for lock in locks for argument in ("--requirement", lock)]
    asked = subprocess.run([*command, "--require-hashes", *files], check=False, stdout=subprocess.PIPE, text=True)
    if not asked.stdout:
        return asked.returncode or 1
    packages = json.loads(asked.stdout)["dependencies"]
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    known = [
        f"{one['name']} {one['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version'}"
        for one in packages
        for flaw in one.get("vulns", ())
    ]
    for line in known:
        sys.stdout.write(f"{line}\n")
    if skipped:
        sys.stdout.write(f"the index gave no answer for {', '.join(skipped)}\n")
    sys.stdout.write(f"{len(packages)} packages, {len(known)} known vulnerabilities, {len(skipped)} not looked up\n")
    return 1 if known or skipped else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
