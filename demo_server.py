"""The video service on loopback: the same paths, the same answers, real MP4s, no key and no cost.

    python demo_server.py --port 8000 --seconds 6     by hand; --help lists the words for faults
    with DemoServer() as server: ...                  inside a program, at server.base_url

A program written for the real service works here with nothing changed but base URL and key; any key
will do. A word from `FAULTS` in the prompt asks for a fault; without one the server behaves.

This module starts and stops. It does not know what is answered (`demo.api`), how clips come about
(`demo.render_queue`) nor what faults look like (`demo.faults`).
"""

import argparse
import atexit
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from demo import film
from demo.api import build_app
from demo.faults import FAULTS
from demo.orders import MODELS
from demo.render_queue import Render, Studio

__all__ = ["FAULTS", "DemoServer"]


class DemoServer:
    """The service in a thread of this process, listening on 127.0.0.1 only.

    Use it with `with`, or `start` and `stop` it. It may be started again, with nothing of before.
    """

    base_url: str
    """Where it listens, without a path; known once it was started."""
    retired: set[str]
    """Models that it neither lists nor takes orders for; may change while it runs."""

    def __init__(
        self,
        *,
        port: int = 0,
        seconds: float = 0,
        prices: bool = False,
        retired: Collection[str] = (),
        render: Render = film.render,
    ) -> None:
        """`port` 0 takes a free one. A generation takes `seconds` at least, once its turn came.

        With `prices` it tells prices and what a clip cost, made up; nobody is charged.
        """
        self._port = port
        self._seconds = seconds
        self._prices = prices
        self.retired = {*retired}
        self._render = render
        self._running = ExitStack()

    def start(self) -> Self:
        """Begin to listen; an `OSError` says that the port cannot be had."""
        with ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", self._port)))
            # asyncio does this only for sockets it made itself; without it a look takes 44 ms.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="veo-demo-"))
            studio = Studio(Path(folder), seconds=self._seconds, render=self._render)
            stack.callback(studio.close)
            app = build_app(studio, prices=self._prices, retired=self.retired)
            server = Server(configure(app))
            thread = threading.Thread(
                target=server.run, args=([listener],), name="veo-demo-server", daemon=True
            )
            thread.start()
            stack.callback(thread.join)
            stack.callback(setattr, server, "should_exit", True)
            # A process that forgets to stop must leave no folder behind either.
            atexit.register(self.stop)
            self.base_url = "http://{}:{}".format(*listener.getsockname())
            self._running.enter_context(stack.pop_all())
        return self

    def stop(self) -> None:
        """Hang up on everybody, finish the clip being drawn, leave nothing behind."""
        atexit.unregister(self.stop)
        self._running.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def configure(app: FastAPI) -> uvicorn.Config:
    """Choose what uvicorn would guess from what is installed; leave the process's logging alone."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        server_header=False,
        headers=[("Server", "veo-demo")],
        proxy_headers=False,
        # Longer than the pause between two looks: else a look meets a connection just closed.
        timeout_keep_alive=75,
    )


class Connection(H11Protocol):
    """A connection that a handler can hang up, and that writes no access log."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access_log = False
        self.app_state = {**self.app_state, "hang_up": self.hang_up}

    def hang_up(self) -> None:
        self.transport.close()


class Server(uvicorn.Server):
    """A server that does not wait for its clients when it is told to stop."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


def main(arguments: list[str] | None = None) -> None:
    faults = "\n".join(f"  {word:<16} {meaning}" for word, meaning in FAULTS.items())
    parser = argparse.ArgumentParser(
        description="The video service on this machine: free, with real MP4s.",
        epilog=f"words in a prompt that ask for a fault:\n{faults}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--seconds", type=float, default=6, help="how long a generation takes at least"
    )
    parser.add_argument(
        "--prices", action="store_true", help="tell prices, made up: a clip still costs nothing"
    )
    parser.add_argument(
        "--retire",
        action="append",
        default=[],
        choices=MODELS,
        metavar="MODEL",
        help="neither list this model nor take an order for it; may be said several times",
    )
    options = parser.parse_args(arguments)
    # `kill` then stops the server as Ctrl-C does, with its folder cleared away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with DemoServer(
            port=options.port,
            seconds=options.seconds,
            prices=options.prices,
            retired=options.retire,
        ) as server:
            print(f"Base URL  {server.base_url}")
            print("Key       any")
            print("Faults    python demo_server.py --help")
            print("Stop      Ctrl-C", flush=True)
            while True:
                time.sleep(60)
    except KeyboardInterrupt:
        pass  # Ctrl-C is how a person ends it
    except (OSError, OverflowError) as error:
        raise SystemExit(
            f"Cannot listen on port {options.port} ({error}). Choose another one with --port."
        ) from None


if __name__ == "__main__":
    main()
