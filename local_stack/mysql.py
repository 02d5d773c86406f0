"""MySQL from Debian's unstable packages, run by their own loader because the machine's C library is older."""

import getpass
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pymysql
from sqlalchemy.engine import make_url

from local_stack.debian import packages_of_unstable
from local_stack.fetching import Say, fetched
from local_stack.server import Command, Place, first_line
from local_stack.servers import MYSQL_AT_LEAST, ServerFailed

USER = PASSWORD = "root"  # noqa: S105 - a server on the loopback of one machine, for tests and the replay
_ARRIVES_WITHIN_SECONDS = 5

SETTINGS = (
    # As durable as a server in production: every commit is on disk, and in the binary log (rows, the default).
    "--innodb-flush-log-at-trx-commit=1",
    "--sync-binlog=1",
    "--binlog-expire-logs-seconds=7200",
    "--innodb-buffer-pool-size=1G",
    "--innodb-redo-log-capacity=1G",
    "--character-set-server=utf8mb4",
    "--default-time-zone=+00:00",  # else sessions of others would read in this machine's
    "--local-infile=1",
    "--max-allowed-packet=64M",
    "--max-connections=300",
    "--mysqlx=OFF",
)
_ACCOUNT = (  # one statement a line, or the server passes over the rest without a word
    f"ALTER USER '{USER}'@'localhost' IDENTIFIED BY '{PASSWORD}';\n"
    f"CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\nGRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n"
)
_NOT_YET = frozenset({2003, 2006, 2013, 1053})  # nobody listens; gone in the middle; shutting down
_ERROR = re.compile(r"^\S+ \d+ \[ERROR\] (?:\[[^\]]*\] )*+((?!Aborting).+)$", re.MULTILINE)


class MySql:
    """One server with an account that may do everything, on the loopback only."""

    name = "mysql"
    title = "MySQL"
    ports = ("mysql",)

    def fetch(self, place: Place) -> None:
        """About 50 MB, with every library that it needs."""
        fetched(place.cache / "mysql", "mysql-server-core of sid", lambda folder: _fetch(folder, place.say))

    def prepare(self, place: Place, ports: Mapping[str, int]) -> Command:
        """An empty server where there is none; made beside its place, so that one cut short leaves nothing."""
        program = _program(place.cache / "mysql" / "root" / "usr")
        data = place.own / "data"
        if not data.exists():
            _initialize(program, data)
        # A killed server leaves it with its pid, and that number may live on as a zombie or as a stranger.
        (data / "mysql.sock.lock").unlink(missing_ok=True)
        return Command([
            *program, f"--datadir={data}", f"--port={ports['mysql']}", "--bind-address=127.0.0.1",
            "--socket=mysql.sock", "--pid-file=mysql.pid", *SETTINGS,
        ])  # fmt: skip

    def address(self, port: int, host: str = "127.0.0.1") -> str:
        """In SQLAlchemy's form, naming no schema."""
        return f"mysql+pymysql://{USER}:{PASSWORD}@{host}:{port}/"

    def version(self, address: str) -> str | None:
        """As the server says it; ServerFailed for one that will not do."""
        return version_of(address)

    def cause(self, log: str) -> str | None:
        """The first error: the later ones follow from it."""
        return first_line(_ERROR, log)


def version_of(address: str) -> str | None:
    """The version of the server at this URL, or None while none answers; ServerFailed for one that will not do."""
    url = make_url(address)
    try:
        connection = pymysql.connect(
            host=url.host, port=url.port or 3306, user=url.username, password=url.password or "",
            connect_timeout=_ARRIVES_WITHIN_SECONDS,
        )  # fmt: skip
    except pymysql.MySQLError as error:
        if error.args[0] in _NOT_YET:
            return None
        raise ServerFailed(f"MySQL at {url.host}:{url.port} refuses: {error.args[-1]}") from error
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION(), @@version_comment")
        version, comment = cursor.fetchone() or ("", "")
    refuse_others(str(version), str(comment))
    return str(version)


def refuse_others(version: str, comment: str) -> None:
    """MariaDB and servers before 9.7 have other locks, JSON, checks and collations: they would prove nothing."""
    if "mariadb" in f"{version} {comment}".lower():
        raise ServerFailed(f"the server is MariaDB {version}, not MySQL; this program needs MySQL 9.7 or later")
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < MYSQL_AT_LEAST:
        raise ServerFailed(f"the server is MySQL {version}; this program needs 9.7 or later")


def _fetch(folder: Path, say: Say) -> None:
    say("fetching MySQL (packages of Debian unstable, unpacked; nothing is installed)")
    packages_of_unstable(folder, "mysql-server-core", label="MySQL", say=say)
    said = subprocess.run(
        [*_program(folder / "root" / "usr"), "--version"], check=False, capture_output=True, text=True
    )
    found = re.search(r"Ver (\S+)", said.stdout)
    if not found:
        raise ServerFailed(f"the MySQL that was fetched does not run: {(said.stderr or said.stdout).strip()[-200:]}")
    refuse_others(found[1], said.stdout)


def _program(usr: Path) -> list[str]:
    return [
        str(usr / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(usr / "lib/x86_64-linux-gnu"),
        str(usr / "sbin/mysqld"), "--no-defaults", f"--user={getpass.getuser()}", f"--basedir={usr}",
        f"--lc-messages-dir={usr / 'share/mysql'}", f"--plugin-dir={usr / 'lib/mysql/plugin'}",
        "--secure-file-priv=",
    ]  # fmt: skip


def _initialize(program: list[str], data: Path) -> None:
    unfinished, account = data.with_name("data.unfinished"), data.with_name("account.sql")
    shutil.rmtree(unfinished, ignore_errors=True)
    data.parent.mkdir(parents=True, exist_ok=True)
    account.write_text(_ACCOUNT, encoding="utf-8")
    made = subprocess.run(
        [*program, "--initialize-insecure", f"--datadir={unfinished}", f"--init-file={account}"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if made.returncode:
        raise ServerFailed(f"MySQL could not make {data}: {first_line(_ERROR, made.stderr) or made.stderr[-200:]}")
    unfinished.rename(data)
