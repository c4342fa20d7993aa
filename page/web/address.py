"""The address that the page is served at: whether this machine has it, and a port that is free.

Gradio would try a hundred ports and then say that none is empty, whatever was wrong.
"""

from __future__ import annotations

import errno
import socket
from contextlib import closing

from veo.files import reason

FIRST_PORT, PORTS = 7860, 100
LOOPBACK = "127.0.0.1"
"""Gradio looks whether a port is free there, wherever it is to listen."""


class NoAddress(Exception):
    """The page cannot be served where it should be; the text names the setting."""


def free_port(host: str, port: int | None) -> int:
    """The `port` if it is free at `host`, or the first one that is; raises `NoAddress`."""
    for candidate in [port] if port else range(FIRST_PORT, FIRST_PORT + PORTS):
        try:
            for name in dict.fromkeys((host, LOOPBACK)):
                _bind(name, candidate)
            return candidate
        except UnicodeError:
            raise NoAddress(f"GRADIO_SERVER_NAME is {host}, which is no name of a host.") from None
        except OSError as error:
            if port or error.errno != errno.EADDRINUSE:
                raise NoAddress(_explain(error, host, candidate)) from error
    raise NoAddress(
        f"Every port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is taken: choose another with "
        "GRADIO_SERVER_PORT."
    )


def _bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with closing(socket.socket(family, kind, protocol)) as trial:
        # As uvicorn does: what another server left a minute ago is in nobody's way.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(address)


def _explain(error: OSError, host: str, port: int) -> str:
    if isinstance(error, socket.gaierror):
        return f"GRADIO_SERVER_NAME is {host}, a name without an address here ({reason(error)})."
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Another program listens at port {port}: stop it, or choose another port with "
                "GRADIO_SERVER_PORT."
            )
        case errno.EADDRNOTAVAIL:
            return (
                f"GRADIO_SERVER_NAME is {host}, which is no address of this machine: 0.0.0.0 is "
                "all that it has."
            )
        case errno.EACCES | errno.EPERM:
            return (
                f"Port {port} needs rights that you do not have: choose one above 1023 with "
                "GRADIO_SERVER_PORT."
            )
    return (
        f"{host}, port {port}, cannot be listened at ({reason(error)}): check GRADIO_SERVER_NAME "
        "and GRADIO_SERVER_PORT."
    )
