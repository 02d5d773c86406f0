"""A port on the loopback whose connections are served by coroutines, in a thread that whoever tests can talk to."""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import TypeVar

from sqlalchemy.engine import make_url

T = TypeVar("T")

Serve = Callable[[StreamReader, StreamWriter], Awaitable[None]]

HOST = "127.0.0.1"
_LIMIT = 1 << 20
_AT_ONCE = struct.pack("ii", 1, 0)


class Listening:
    """Open from the beginning; `close` ends every connection."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[Exception] = []
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._accept, HOST, 0, limit=_LIMIT))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = Thread(target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True)
        self._thread.start()

    def do(self, act: Callable[[], T]) -> T:
        """Run `act` among the coroutines: when it returns, whatever comes next meets what it has set."""
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(act())
            except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result()

    def close(self) -> None:
        """Nothing is left open; what went wrong in the proxy itself is raised."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        for failure in self._failures:
            raise failure

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):
                await self._serve(reader, writer)
        except Exception as error:  # noqa: BLE001 - raised by `close`
            self._failures.append(error)
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _end(self) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # sockets are closed in the turn after
        await asyncio.sleep(0)


def moved(url: str, port: int) -> str:
    """A URL with a port of the loopback in the place of its server."""
    return make_url(url).set(host=HOST, port=port).render_as_string(hide_password=False)


async def opened(host: str, port: int) -> tuple[StreamReader, StreamWriter]:
    """A connection to the server behind a proxy."""
    return await asyncio.open_connection(host, port, limit=_LIMIT)


async def closed(writer: StreamWriter) -> None:
    """End a connection in good order: what was written still arrives."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def reset(writer: StreamWriter) -> None:
    """End a connection by RST: what was on its way is lost, and the other end hears of it at once."""
    found = writer.get_extra_info("socket")
    with suppress(OSError):  # closed already
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    writer.transport.abort()
