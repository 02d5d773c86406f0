"""A Java that can run Kafka, and Maven to fetch what runs on it: the machine's own, or Debian's unpacked."""

import os
import re
import shutil
import ssl
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from xml.sax.saxutils import escape

from local_stack.debian import brought, packages_of_this_release
from local_stack.fetching import Say, fetched, run_watched
from local_stack.servers import ServerFailed

AT_LEAST = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_STORE_PASSWORD = "changeit"  # noqa: S105 - Java's own default; the store holds public certificates only


@dataclass(frozen=True, slots=True)
class Java:
    """One runtime; `options` are what every start of it needs, `env` what it needs beside the machine's own."""

    home: Path
    env: Mapping[str, str]
    options: Sequence[str] = ()

    @property
    def program(self) -> str:
        """The `java` to run."""
        return str(self.home / "bin" / "java")


def java(cache: Path, say: Say) -> Java:
    """JAVA_HOME's, the PATH's, one that is installed beside it, or the release's own package unpacked to the cache."""
    # apt brings nothing that is installed already, so an installed one must be found wherever it is.
    for program in filter(None, (_java_home(), shutil.which("java"), *_programs(Path("/")))):
        if _major(program, {}) >= AT_LEAST:
            return Java(Path(program).resolve().parent.parent, {})
    place = fetched(cache / "java", "default-jre-headless", lambda folder: _fetch_java(folder, say))
    found = _unpacked(place / "root", place / "cacerts")
    if (major := _major(found.program, found.env)) < AT_LEAST:
        raise ServerFailed(f"the release's own Java is {major or 'not one that runs here'}; install Java {AT_LEAST}")
    return found


def jars(cache: Path, name: str, artifacts: Sequence[str], say: Say) -> Path:
    """The folder with these Maven artifacts (`group:artifact:version`) and everything that they need."""
    place = fetched(cache / name, " ".join(artifacts), lambda folder: _fetch_jars(folder, cache, artifacts, say))
    return place / "lib"


def _fetch_java(folder: Path, say: Say) -> None:
    say("fetching a Java runtime (Debian package, unpacked; nothing is installed)")
    packages_of_this_release(folder, "default-jre-headless", "ca-certificates", label="Java", say=say)
    _write_trust_store(folder / "cacerts", _certificates(folder / "root"))


def _unpacked(root: Path, trust_store: Path) -> Java:
    if not (programs := _programs(root)):
        raise ServerFailed(f"the release's own Java is installed in part; install Java {AT_LEAST} or later")
    home = Path(programs[0]).parent.parent
    libraries = f"{root}/usr/lib/x86_64-linux-gnu:{root}/lib/x86_64-linux-gnu"
    trust = (f"-Djavax.net.ssl.trustStore={trust_store}", f"-Djavax.net.ssl.trustStorePassword={_STORE_PASSWORD}")
    return Java(home, {"LD_LIBRARY_PATH": libraries}, trust)


def _programs(root: Path) -> list[str]:
    return [str(path) for path in sorted(root.glob("usr/lib/jvm/*/bin/java")) if not path.parent.parent.is_symlink()]


def _java_home() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home, "bin"))) if home else None


def _major(program: str, env: Mapping[str, str]) -> int:
    """0 where there is none that runs."""
    try:
        said = subprocess.run(
            [program, "-version"], check=False, capture_output=True, text=True, env={**os.environ, **env}
        ).stderr
    except OSError:
        return 0
    found = _VERSION.search(said)
    return int(found[1]) if found else 0


def _fetch_jars(folder: Path, cache: Path, artifacts: Sequence[str], say: Say) -> None:
    say(f"fetching {artifacts[0]} and what it needs (Maven)")
    pom = folder / "pom.xml"
    pom.write_text(_pom(artifacts), encoding="utf-8")
    runtime = java(cache, say)
    command = [
        *_maven(cache, runtime, say),
        "--batch-mode", "--no-transfer-progress", "--strict-checksums",
        "-f", str(pom), f"-Dmaven.repo.local={folder / 'repository'}",
        "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder / 'lib'}",
    ]  # fmt: skip
    run_watched(command, growing=folder, label="Maven", say=say, env={**os.environ, **runtime.env})
    shutil.rmtree(folder / "repository")


def _maven(cache: Path, runtime: Java, say: Say) -> list[str]:
    """The machine's `mvn`, or the release's own package started without its script, which expects to be installed."""
    if (program := shutil.which("mvn")) and not runtime.options:
        return [program]
    place = fetched(cache / "maven", "maven", lambda folder: _fetch_maven(folder, say))
    boot = brought(place / "root", "usr/share/maven/boot/plexus-classworlds*.jar")
    home = boot.parent.parent
    return [
        runtime.program, *runtime.options, "-classpath", str(boot),
        f"-Dclassworlds.conf={home / 'bin/m2.conf'}", f"-Dmaven.home={home}",
        f"-Dmaven.multiModuleProjectDirectory={place}", "org.codehaus.plexus.classworlds.launcher.Launcher",
    ]  # fmt: skip


def _fetch_maven(folder: Path, say: Say) -> None:
    say("fetching Maven (Debian package, unpacked; nothing is installed)")
    packages_of_this_release(folder, "maven", label="Maven itself", say=say)


def _pom(artifacts: Sequence[str]) -> str:
    wanted = ""
    for artifact in artifacts:
        group, name, version = map(escape, artifact.split(":"))
        coordinates = f"<groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>"
        wanted += f"<dependency>{coordinates}</dependency>"
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>stack</artifactId>"
        f"<version>1</version><packaging>pom</packaging><dependencies>{wanted}</dependencies></project>\n"
    )


def _certificates(root: Path) -> list[bytes]:
    """What this machine trusts, or where it has no list of its own, what the package brought."""
    own = Path(os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt")
    files = [own] if own.is_file() else sorted(root.glob("usr/share/ca-certificates/mozilla/*.crt"))
    found = [_PEM.findall(file.read_text(encoding="utf-8", errors="replace")) for file in files]
    return [ssl.PEM_cert_to_DER_cert(pem) for pems in found for pem in pems]


def _write_trust_store(place: Path, certificates: Sequence[bytes]) -> None:
    """Certificates as Java reads them: Debian makes this file when it *installs* Java, which we do not.

    The format is JKS, version 2: entries of an alias, a time and a certificate, then a digest salted with the password.
    """
    store = struct.pack(">III", 0xFEEDFEED, 2, len(certificates))
    for number, certificate in enumerate(certificates):
        alias = f"ca-{number}".encode()
        store += struct.pack(">IH", 2, len(alias)) + alias + struct.pack(">Q", 0)
        store += struct.pack(">H", 5) + b"X.509" + struct.pack(">I", len(certificate)) + certificate
    salt = _STORE_PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite"
    place.write_bytes(store + sha1(salt + store, usedforsecurity=False).digest())
