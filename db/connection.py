"""A PyMySQL connection that serves LOAD DATA LOCAL from one registered buffer, and nothing else ever."""

from collections.abc import Iterator
from contextlib import contextmanager
from ssl import CERT_REQUIRED, SSLContext
from typing import Any

from pymysql import err
from pymysql.connections import (  # type: ignore[attr-defined]  # LoadLocalPacketWrapper is missing in the stubs
    Connection,
    LoadLocalPacketWrapper,
    MySQLResult,
)
from pymysql.constants import COMMAND
from pymysql.protocol import MysqlPacket

from db.errno import PACKET_TOO_LARGE
from db.text_rows import Malformed, Row, ServerError, read_rows
from db.tls import trusting

_CHUNK = 1 << 20
"""Bytes a packet: fewer than 16 MiB, and large enough that packets cost nothing."""
_READ = 1 << 18
_LOST, _OUT_OF_SYNC, _MALFORMED = 2013, 2014, 2027
_REFUSED = 1045
_IN_CLEAR = (b"mysql_clear_password", b"dialog")
"""Ways to prove who one is that hand the password over as it is."""


class BufferConnection(Connection):
    """`registered` names the only request that is answered; a server that asks for any file gets an empty one."""

    serves_local_infile: bool = True
    """Whether the server takes LOAD DATA LOCAL at all; where not, rows go by multi-row statements."""
    largest_packet: int = 1 << 30
    """Bytes of a statement that the server takes; of a larger one it closes the connection, as if it were away."""
    registered: tuple[str, memoryview] | None = None

    def _create_ssl_ctx(self, sslp: dict[str, Any]) -> SSLContext:
        return trusting() if not sslp else super()._create_ssl_ctx(sslp)  # type: ignore[misc]

    def _process_auth(self, plugin_name: bytes, *parts: Any) -> Any:  # noqa: ANN401 - PyMySQL has no public types for it
        this: Any = self  # PyMySQL's stubs know none of the protocol's parts
        if plugin_name in _IN_CLEAR and not (this._secure and this.ctx.verify_mode == CERT_REQUIRED):
            raise err.OperationalError(
                _REFUSED,
                "the server asks for the password in clear text: only one that DATABASE_CA vouches for gets it",
            )
        parent: Any = super()
        return parent._process_auth(plugin_name, *parts)

    def query(self, sql: str | bytes, unbuffered: bool = False) -> int:
        """Run a statement, or refuse it here where the server would."""
        text = sql.encode(self.encoding, "surrogateescape") if isinstance(sql, str) else sql
        if len(text) >= self.largest_packet:
            raise err.DataError(
                PACKET_TOO_LARGE,
                f"a statement of {len(text)} bytes is larger than max_allowed_packet, {self.largest_packet}: raise it",
            )
        return super().query(text, unbuffered)

    @contextmanager
    def serving(self, name: str, buffer: bytes | bytearray | memoryview) -> Iterator[None]:
        """For the statement inside, answer a request for `name` with `buffer`."""
        self.registered = (name, memoryview(buffer))
        try:
            yield
        finally:
            self.registered = None

    def text_rows(self, sql: str) -> list[Row]:
        """All rows of a query as the server's text, by the fast reader."""
        this: Any = self  # PyMySQL's stubs know none of the protocol's parts
        this._execute_command(COMMAND.COM_QUERY, sql)
        columns = this._read_packet().read_length_encoded_integer()
        if not columns:
            this._force_close()  # a server that answers a query by something else is not spoken to again
            raise err.OperationalError(_MALFORMED, "malformed packet: no rows come of a query")
        for _ in range(columns + 1):  # the definitions, and the EOF behind them
            this._read_packet()
        this._result = None
        try:
            return read_rows(self._more, columns)
        except ServerError as error:
            MysqlPacket(error.packet, this.encoding).raise_for_error()
            raise
        except Malformed as error:
            this._force_close()  # where the next packet begins is not known either
            raise err.OperationalError(_MALFORMED, f"malformed packet: {error}") from error

    def _more(self) -> bytes:
        this: Any = self
        try:
            found: bytes = this._rfile.read1(_READ)
        except OSError as error:
            this._force_close()
            raise err.OperationalError(_LOST, f"lost connection while reading rows ({error})") from error
        if not found:
            this._force_close()
            raise err.OperationalError(_LOST, "lost connection while reading rows")
        return found

    def _read_query_result(self, unbuffered: bool = False) -> int:
        # PyMySQL opens whatever file the server names, so its own result class must never see that packet.
        self._result = None
        result = _Result(self)
        if unbuffered:
            result.init_unbuffered_query()
        else:
            result.read()
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        return int(result.affected_rows or 0)


class _Result(MySQLResult):
    def _read_load_local_packet(self, first_packet: Any) -> None:  # noqa: ANN401 - PyMySQL has no public packet type
        connection: Any = self.connection  # PyMySQL's stubs know none of the protocol's parts
        wanted = LoadLocalPacketWrapper(first_packet).filename
        wanted = wanted.decode("utf-8", "replace") if isinstance(wanted, bytes) else wanted
        registered = connection.registered
        allowed = registered is not None and registered[0] == wanted
        if allowed and registered is not None:
            buffer = registered[1]
            for start in range(0, len(buffer), _CHUNK):
                connection.write_packet(bytes(buffer[start : start + _CHUNK]))
        connection.write_packet(b"")
        answer = connection._read_packet()
        if not allowed:
            connection._force_close()  # a server that asks for files is not spoken to again
            raise err.OperationalError(_OUT_OF_SYNC, "the server asked this client for a file that was not offered")
        if not answer.is_ok_packet():
            raise err.OperationalError(_OUT_OF_SYNC, "the server did not confirm LOAD DATA")
        reader: Any = self
        reader._read_ok_packet(answer)
