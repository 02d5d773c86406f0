"""Debian packages fetched and unpacked without root: apt with lists and a cache of its own, then `dpkg -x`."""

import getpass
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local_stack.fetching import Say, digests, run_watched
from local_stack.servers import ServerFailed

KEYRING = "usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True, slots=True)
class Apt:
    """apt-get that leaves the machine's own lists, cache and packages alone."""

    work: Path
    say: Say
    sources: Path | None = None
    status: Path | None = None
    keys: Path | None = None

    def fetch(self, *packages: str, label: str) -> None:
        """Bring these and what they need and is not in `status` to the cache."""
        for folder in ("lists/partial", "cache/archives/partial"):
            (self.work / folder).mkdir(parents=True, exist_ok=True)
        self._run("update", label=f"{label}: package lists")
        self._run("install", "-y", "--no-install-recommends", "--download-only", *packages, label=label)

    def unpack(self, root: Path) -> None:
        """Everything fetched, as it would lie under /."""
        packages = sorted((self.work / "cache/archives").glob("*.deb"))
        root.with_name("packages.sha256").write_text(digests(packages), encoding="utf-8")
        for package in packages:
            subprocess.run(["dpkg", "-x", str(package), str(root)], check=True, capture_output=True)
        _relink(root)

    def _run(self, *arguments: str, label: str) -> None:
        options = {
            "Dir::State::lists": self.work / "lists",
            "Dir::Cache": self.work / "cache",
            "APT::Sandbox::User": getpass.getuser(),
            "Debug::NoLocking": "1",
            "Acquire::Retries": "3",
            "Acquire::Languages": "none",
        }
        if self.sources:
            options |= {"Dir::Etc::sourcelist": self.sources, "Dir::Etc::sourceparts": "-"}
        if self.status:
            options |= {"Dir::State::status": self.status}
        if self.keys:
            options |= {"Dir::Etc::trusted": "-", "Dir::Etc::trustedparts": self.keys}
        command = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items()), *arguments]
        run_watched(command, growing=self.work, label=label, say=self.say, env={**os.environ, "LC_ALL": "C"})


def packages_of_this_release(place: Path, *packages: str, label: str, say: Say) -> Path:
    """What the machine's own release offers, unpacked under `place`/root; libraries it has are not fetched again."""
    apt = Apt(place / "apt", say)
    apt.fetch(*packages, label=label)
    apt.unpack(place / "root")
    shutil.rmtree(apt.work)
    return place / "root"


def packages_of_unstable(place: Path, *packages: str, label: str, say: Say) -> Path:
    """What Debian unstable offers, with every library down to the C library, under `place`/root."""
    sources, status, keys = place / "sources.list", place / "status", place / "keys"
    mirror, keyring = _debian(place, say)
    sources.write_text(f"deb {mirror} sid main\n", encoding="utf-8")
    status.touch()  # empty: no library of this machine's release fits to these packages
    keys.mkdir()
    shutil.copy(keyring, keys)
    apt = Apt(place / "apt", say, sources, status, keys)
    apt.fetch(*packages, label=label)
    apt.unpack(place / "root")
    shutil.rmtree(apt.work)
    return place / "root"


def brought(root: Path, pattern: str) -> Path:
    """The first such file; a package that is installed already is not fetched, and its files are under /."""
    for place in (root, Path("/")):
        if found := sorted(place.glob(pattern)):
            return found[0]
    raise ServerFailed(f"apt-get brought no {pattern}; do its sources (/etc/apt) name the packages of this release?")


def _debian(place: Path, say: Say) -> tuple[str, Path]:
    """A mirror and Debian's keys: this machine's own where it is a Debian, else what Ubuntu knows of Debian."""
    if (mirror := _debian_mirror()) and Path("/", KEYRING).is_file():
        return mirror, Path("/", KEYRING)
    root = packages_of_this_release(
        place / "debian", "debian-archive-keyring", "python-apt-common", label="Debian's keys", say=say
    )
    templates = brought(root, "usr/share/python-apt/templates/[Dd]ebian.info").read_text(encoding="utf-8")
    uris = [line.partition(":")[2].strip() for line in templates.splitlines() if line.startswith("BaseURI:")]
    return uris[0], brought(root, KEYRING)


def _debian_mirror() -> str | None:
    found = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    return min(found.stdout.split(), default=None)


def _relink(root: Path) -> None:
    """Links to absolute paths mean the place under `root` where there is one: nothing is installed under /."""
    for folder, folders, files in os.walk(root):
        for path in (Path(folder, name) for name in (*folders, *files)):
            if path.is_symlink() and (target := path.readlink()).is_absolute():
                inside = root / target.relative_to("/")
                if inside.exists():
                    path.unlink()
                    path.symlink_to(os.path.relpath(inside, path.parent))
