"""Ports of the loopback interface for servers that are started a moment later."""

import socket
from collections.abc import Container
from random import SystemRandom

_FIRST, _LAST = 20000, 32767
"""Below those that Linux, macOS and Windows give to whoever asks for any port: somebody may, until the server is up.

Linux begins with 32768 (`net.ipv4.ip_local_port_range`), the others with 49152, as RFC 6335 says in section 6.
"""
_CHANCE = SystemRandom()


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # As the servers do it: connections of the last run that are still closing are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(but: Container[int] = ()) -> int:
    """One that nobody listens at now, and none of `but`."""
    while (port := _CHANCE.randint(_FIRST, _LAST)) in but or not is_free(port):
        pass
    return port
