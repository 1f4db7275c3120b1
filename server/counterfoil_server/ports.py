"""Taking a port, so that whoever cannot have it hears what to do."""

import socket

from counterfoil.errors import StartupError


def bind_port(address: str, option: str, *, shared: bool = False) -> socket.socket:
    """A socket that has an address ``host:port``, and does not listen yet.

    Args:
        option: what chooses another address. shared: other processes have the same port.

    Raises:
        StartupError: the port is taken or the address is no address of this machine.
    """
    host, _, port = address.rpartition(":")
    name = host.removeprefix("[").removesuffix("]")
    bound = socket.socket(socket.AF_INET6 if ":" in name else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((name, int(port)))
    except OSError as error:
        bound.close()
        told = f"cannot listen on {address} ({error.strerror}); choose another with {option}"
        raise StartupError(told) from error
    return bound
