"""Several servers on this machine, for trying: PostgreSQL, a bucket, nginx and three servers.

    make servers

Each part is a process of this one and ends with it, at Ctrl-C and when it is told to; what they
kept is removed then.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from nginx import NginxServer, NoNginx
from nginx import program as nginx_program
from postgres import NoPostgres, PostgresServer
from postgres import programs as postgres_programs
from seaweed import NoSeaweed, SeaweedServer
from seaweed import program as seaweed_program

from veo.terminal import at_stop

ROOT = Path(__file__).parents[1]
FIRST_PORT = 7860
STARTS_WITHIN = 120.0
STOPS_WITHIN = 90.0
"""Seconds; a request that is being sent is waited for."""

TOLD = """
Open        {front}
It is one of these three, and another when that is gone:
{servers}
Clips are the demo's: they cost nothing.
Kill one    kill -9 and its number, while a clip is being made: the page finds another server
            within seconds, and that goes on with the clip half a minute later.
Look        {environment} \\
            {python} -m backend.status
Stop        Ctrl-C; the clips and the ledger are removed then.
"""


class Missing(Exception):
    """A program is not here or does not run; the text names it."""


def require_programs() -> None:
    """Name everything that is missing at once, before anything is started."""
    missing = []
    for find in (nginx_program, seaweed_program):
        try:
            find()
        except (NoNginx, NoSeaweed) as error:
            missing.append(str(error))
    if not postgres_programs():
        missing.append("PostgreSQL is missing: install it (on Debian: apt install postgresql).")
    try:
        import procrastinate  # noqa: F401
    except ImportError:
        missing.append("procrastinate is missing: pip install -r requirements-dev.txt")
    if missing:
        raise Missing("\n".join(missing))


def free_ports(number: int) -> list[int]:
    """The first that nobody listens at, as a person expects them."""
    with contextlib.ExitStack() as held:
        found = list[int]()
        for port in range(FIRST_PORT, FIRST_PORT + 1000):
            with contextlib.suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
            if len(found) == number:
                return found
    raise Missing(f"No ports are free from {FIRST_PORT} on.")


def nobodys_environment() -> dict[str, str]:
    """Without a person's key, for nothing here may cost, and without their settings."""
    theirs = ("AIML", "AWS", "GRADIO", "VEO")
    return {name: value for name, value in os.environ.items() if not name.startswith(theirs)}


class Server:
    """`python app.py` in a folder of its own, whose log is there."""

    def __init__(self, folder: Path, port: int, environment: dict[str, str]) -> None:
        self.port = port
        folder.mkdir()
        own = {
            "VEO_DATA_DIR": str(folder / "data"),
            "GRADIO_TEMP_DIR": str(folder / "temporary"),
            "GRADIO_SERVER_PORT": str(port),
        }
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "app.py"],
                cwd=ROOT,
                env={**nobodys_environment(), **environment, **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for us: the servers end before what they stand on.
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        until = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/config", timeout=5).close()
                return
            time.sleep(0.2)
        raise Missing(f"A server does not start.\n{self._log.read_text()[-2000:]}")


@contextlib.contextmanager
def three_servers(
    folder: Path, ports: list[int], environment: dict[str, str]
) -> Iterator[list[Server]]:
    servers = list[Server]()
    try:
        for number, port in enumerate(ports, start=1):
            servers.append(Server(folder / f"server-{number}", port, environment))
        for server in servers:
            server.wait_until_ready()
        yield servers
    finally:
        for server in servers:
            server.process.terminate()
        for server in servers:
            try:
                server.process.wait(STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                server.process.kill()


def run() -> None:
    """Start all of it, say where it is, and wait to be told to stop."""
    require_programs()
    with contextlib.ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="veo-servers-")))
        print("Starting PostgreSQL, SeaweedFS, three servers and nginx.", flush=True)
        database = parts.enter_context(PostgresServer(fsync=True))
        bucket = parts.enter_context(SeaweedServer())
        environment = {
            "VEO_SERVERS": "many",
            "VEO_DATABASE_URL": database.new_schema(),
            "VEO_CLIPS": bucket.new_address(),
            "FORWARDED_ALLOW_IPS": "127.0.0.1",
            **bucket.environment,
        }
        front, *ports = free_ports(4)
        servers = parts.enter_context(three_servers(folder, ports, environment))
        nginx = parts.enter_context(NginxServer(front, ports))
        print(told(nginx.url, servers, environment), flush=True)
        while any(server.process.poll() is None for server in servers):
            time.sleep(0.5)
        print("No server is left.", flush=True)


def told(front: str, servers: list[Server], environment: dict[str, str]) -> str:
    lines = [
        f"            http://127.0.0.1:{each.port}  process {each.process.pid}" for each in servers
    ]
    ledger = f"VEO_DATABASE_URL='{environment['VEO_DATABASE_URL']}'"
    return TOLD.format(
        front=front,
        servers="\n".join(lines),
        environment=ledger,
        python=os.path.relpath(sys.executable, ROOT),
    )


def _stop_once(*_: object) -> None:
    """End in order at the first signal; a second one must not cut that off."""
    at_stop(signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    at_stop(_stop_once)
    try:
        run()
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
    except (Missing, NoNginx, NoPostgres, NoSeaweed) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
