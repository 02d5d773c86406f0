"""Connections and transactions: strict, UTC, READ COMMITTED, and gone soon after their process is."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any, cast

import pymysql
from pymysql.constants import CLIENT
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DisconnectionError

from db import tls
from db.connection import BufferConnection
from db.failure import sql_error
from migration_core.errors import ConfigError

STRICT_MODE = "STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
LANE_SECONDS = 10
"""How long a session that can hold a lane, or the offsets, outlives its host; MySQL's own default is 8 hours."""
_IDLE_SECONDS = 8
"""How long a pooled session may have lain idle: the server ends one that can hold a lane soon after."""
_CONNECT_SECONDS = 10
_READ_SECONDS = 60
LOOPBACK = "127.0.0.1"
EVERYBODYS = "information_schema"
"""A schema that is on every server, and that any user may connect to."""

Args = Sequence[object] | Mapping[str, object] | None


class Session:
    """One open transaction; its first statement should be the locking read."""

    def __init__(self, connection: BufferConnection) -> None:
        self.connection = connection
        self._cursor = connection.cursor()

    def execute(self, sql: str, args: Args = None) -> int:
        """Run a statement; rows matched (not only changed)."""
        return int(self._cursor.execute(sql, args))

    def rows(self, sql: str, args: Args = None) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        self._cursor.execute(sql, args)
        return list(self._cursor.fetchall())

    def one(self, sql: str, args: Args = None) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        self._cursor.execute(sql, args)
        return self._cursor.fetchone()

    def columns(self, sql: str, args: Args = None) -> tuple[str, ...]:
        """The names of a query's columns."""
        self._cursor.execute(sql, args)
        return tuple(column[0] for column in self._cursor.description or ())

    def inserted_id(self) -> int:
        """The AUTO_INCREMENT value of the last INSERT."""
        return int(self._cursor.lastrowid)


class Database:
    """A pool of connections to one server; `url` is called at each connect, so rotated credentials are picked up."""

    def __init__(
        self,
        url: Callable[[], str] | str,
        *,
        applies_lanes: bool = False,
        holds_rows: bool = False,
        pool_size: int = 5,
        answer_seconds: int | None = None,
    ) -> None:
        """`holds_rows`: another process may wait for what a transaction has locked, as one does for a lane.

        `answer_seconds`: how long the answer to one statement is waited for, where it is not as long as everywhere.
        """
        self._url = url if callable(url) else lambda: url
        self._applies_lanes = applies_lanes
        self._holds_rows = holds_rows or applies_lanes
        self._answer_seconds = answer_seconds
        self.engine: Engine = create_engine(
            "mysql+pymysql://",
            creator=self._connect,
            pool_size=pool_size,
            pool_reset_on_return=None,  # every transaction below ends in COMMIT or ROLLBACK itself
        )
        event.listen(self.engine, "checkin", _laid_down)
        event.listen(self.engine, "checkout", _taken_up)

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    @property
    def address(self) -> URL:
        """Where it is and how it is reached, as of now."""
        return parsed_url(self._url())

    @property
    def schema(self) -> str:
        """The control schema's name."""
        return self.address.database or ""

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Commit when the block ends, else roll back; every driver error leaves as SqlError.

        An error of the COMMIT itself leaves the outcome unknown: read the watermark again before a retry.
        """
        pooled = None
        try:
            pooled = self.engine.raw_connection()
            session = Session(cast("BufferConnection", pooled.driver_connection))
            yield session
            session.connection.commit()
        except BaseException as error:
            meaning = sql_error(error)
            if pooled is not None:
                _give_up(pooled, lost=meaning is not None and meaning.lost_connection)
            if meaning is None or meaning is error:
                raise
            raise meaning from error
        else:
            pooled.close()

    @contextmanager
    def snapshot(self, seconds: int = 2) -> Iterator[Session]:
        """A REPEATABLE READ, read-only view of one moment, of at most `seconds` a statement."""
        with self.transaction() as session:
            session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            session.execute(f"SET SESSION max_execution_time = {seconds * 1000}")
            session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            try:
                yield session
            finally:
                try:
                    session.execute("SET SESSION max_execution_time = 0")
                except pymysql.MySQLError:
                    with suppress(pymysql.MySQLError):  # closed already
                        session.connection.close()  # else its next user would be cut short

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Hold a lock of this schema that dies with its holder, or learn at once (False) that somebody has it."""
        # The server's names are short, and of the whole server.
        whole = sha256(f"{self.schema}:{name}".encode()).hexdigest()[:60]
        with self._held() as pooled:
            session = Session(cast("BufferConnection", pooled.driver_connection))
            try:
                yield session.one("SELECT GET_LOCK(%s, 0)", (whole,)) == (1,)
            finally:
                try:
                    session.one("SELECT RELEASE_LOCK(%s)", (whole,))
                    session.connection.rollback()
                except (pymysql.MySQLError, OSError):  # a session that is lost holds no lock
                    pooled.invalidate()

    @contextmanager
    def _held(self) -> Iterator[Any]:
        """A session of the pool; every driver error leaves as SqlError."""
        pooled = None
        try:
            pooled = self.engine.raw_connection()
            yield pooled
        except BaseException as error:
            meaning = sql_error(error)
            if meaning is None or meaning is error:
                raise
            raise meaning from error
        finally:
            if pooled is not None:
                pooled.close()

    def _connect(self) -> BufferConnection:
        url = self.address
        seconds = LANE_SECONDS if self._holds_rows else _READ_SECONDS
        settings = {
            "time_zone": "'+00:00'",
            "sql_mode": f"'{STRICT_MODE}'",
            "transaction_isolation": "'READ-COMMITTED'",
            "lock_wait_timeout": "30",
            "innodb_lock_wait_timeout": "10",
            "wait_timeout": str(seconds),
            "net_read_timeout": str(seconds),
            "net_write_timeout": str(seconds),
            # With checks on, two lanes deadlock on a common parent row; orphans are found by a gate instead.
            "foreign_key_checks": "0" if self._applies_lanes else "1",
        }
        try:
            return self._opened(url, settings)
        except pymysql.OperationalError as error:
            if (meaning := tls.refusal(error, url.host or LOOPBACK)) is not None:
                raise meaning from error
            raise

    def _opened(self, url: URL, settings: Mapping[str, str]) -> BufferConnection:
        connection = BufferConnection(
            host=url.host or LOOPBACK,
            port=url.port or 3306,
            user=url.username,
            password=url.password or "",
            database=url.database,
            charset="utf8mb4",
            collation="utf8mb4_0900_bin",
            local_infile=True,
            client_flag=CLIENT.FOUND_ROWS,
            autocommit=False,
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=self._answer_seconds or _READ_SECONDS,
            write_timeout=_READ_SECONDS,
            max_allowed_packet=1 << 30,
            ssl=tls.context_for(url.query),
            init_command="SET SESSION " + ", ".join(f"{name} = {value}" for name, value in settings.items()),
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@local_infile, @@max_allowed_packet")
            local_infile, connection.largest_packet = cursor.fetchone() or (0, connection.largest_packet)
            connection.serves_local_infile = bool(local_infile)
        return connection


def schema_url(server: str, schema: str) -> str:
    """The URL of `schema` on the server that `server` names, whatever schema that one names."""
    return make_url(server).set(database=schema).render_as_string(hide_password=False)


def parsed_url(url: str) -> URL:
    """DATABASE_URL in its parts; anything but MySQL by PyMySQL is refused."""
    try:
        parsed = make_url(url)
    except Exception as error:
        raise ConfigError("DATABASE_URL is no URL: write mysql+pymysql://user:password@host:3306/schema") from error
    if parsed.get_backend_name() != "mysql" or not parsed.database:
        raise ConfigError("DATABASE_URL must name a MySQL schema: mysql+pymysql://user:password@host:3306/schema")
    return parsed


def _laid_down(_connection: Any, record: Any) -> None:  # noqa: ANN401 - as SQLAlchemy's events declare them
    record.info["idle_since"] = time.monotonic()


def _taken_up(_connection: Any, record: Any, _proxy: Any) -> None:  # noqa: ANN401 - as above
    """The pool's own recycling counts a session's whole life, and would end busy ones too."""
    if time.monotonic() - record.info.get("idle_since", time.monotonic()) > _IDLE_SECONDS:
        raise DisconnectionError("it lay idle for too long")


def _give_up(pooled: Any, *, lost: bool) -> None:  # noqa: ANN401 - SQLAlchemy's pool proxy has no public class
    try:
        if lost:
            pooled.invalidate()
        else:
            pooled.driver_connection.rollback()
    except (pymysql.MySQLError, OSError):
        pooled.invalidate()
    finally:
        pooled.close()
