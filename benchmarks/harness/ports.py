"""Ports of servers that cannot say which one they were given."""

import socket
from contextlib import closing
from typing import Final

from harness.child import Child, Failed

HOST: Final = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with closing(socket.socket()) as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def wait_for_port(server: Child, port: int, attempts: int) -> None:
    """Wait until a server takes connections.

    Args:
        attempts: how often it is tried, a second apart.

    Raises:
        Failed: it ended, or does not listen yet.
    """
    for _attempt in range(attempts):
        with closing(socket.socket()) as asked:
            if asked.connect_ex((HOST, port)) == 0:
                return
        if server.ended(1.0):
            raise Failed(f"{server.name} ended: {server.errors()}")
    raise Failed(f"{server.name} did not listen within {attempts} s: {server.errors()}")
