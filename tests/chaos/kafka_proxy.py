"""A TCP proxy before a Kafka broker whose answers name the proxy as the broker, so that no client passes it by."""

from asyncio import StreamReader
from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos.listening import HOST
from tests.chaos.tcp_proxy import TcpProxy

_LENGTH = 4


class KafkaProxy(TcpProxy):
    """What passes as one is one request or answer; `address` goes into bootstrap.servers."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port, piece=_message)
        # Metadata and the like hold a broker's host and, behind it, its port. Both names are equally long.
        self._changed = (_named(host, port), _named(HOST, self.port))


@contextmanager
def kafka_proxy(bootstrap: str) -> Iterator[KafkaProxy]:
    """Before the one broker at this address, which must be the one that it gives out."""
    host, _, port = bootstrap.rpartition(":")
    if len(host) != len(HOST):
        raise ValueError(f"{host} cannot be replaced by {HOST} in the broker's answers: another length moves the rest")
    proxy = KafkaProxy(host, int(port))
    try:
        yield proxy
    finally:
        proxy.close()


def _named(host: str, port: int) -> bytes:
    return host.encode() + port.to_bytes(4, "big")


async def _message(reader: StreamReader) -> bytes:
    length = await reader.read(_LENGTH)
    if not length:
        return b""
    length += await reader.readexactly(_LENGTH - len(length))
    return length + await reader.readexactly(int.from_bytes(length, "big"))
