"""nginx with the configuration of `docs/servers`, before servers on this machine.

As a script it installs Debian's package when there is none.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from postgres import install

CONFIGURATION = Path(__file__).parents[1] / "docs" / "servers" / "nginx.conf"
NAMES = re.compile(r"server-(\d)(?=:)")
AROUND = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
{ours}}}
"""
"""What a distribution's own file has, for a folder of ours and without a daemon."""


class NoNginx(Exception):
    """nginx is not here, or does not run; the text says what to do."""


def found() -> str | None:
    # Debian has it where nobody's path leads but root's.
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def program() -> str:
    if not (path := found()):
        raise NoNginx("nginx is missing: install it (on Debian: apt install nginx-light).")
    return path


class NginxServer:
    """nginx at `port`, before three servers at `ports`.

    with NginxServer(8080, [8081, 8082, 8083]) as nginx:
        requests.get(nginx.url)
    """

    def __init__(self, port: int, ports: Sequence[int]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port, self._ports = port, ports
        self._process = None

    def __enter__(self):
        self._program = program()
        self._folder = Path(tempfile.mkdtemp(prefix="nginx-"))
        # As root, its worker is another user.
        self._folder.chmod(0o755)
        (self._folder / "nginx.conf").write_text(AROUND.format(ours=self.configuration()))
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._process:
            self._process.terminate()
            self._process.wait()
        shutil.rmtree(self._folder)

    def configuration(self) -> str:
        """The file that people get, with our addresses."""
        text = NAMES.sub("127.0.0.1", CONFIGURATION.read_text())
        text = text.replace("listen 80;", f"listen 127.0.0.1:{self._port};")
        for number, port in enumerate(self._ports, start=1):
            text = re.sub(rf":786{number}\b", f":{port}", text)
        return text

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def _command(self, *more: str) -> list[str]:
        return [self._program, "-p", str(self._folder), "-c", "nginx.conf", *more]

    def _start(self) -> None:
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                # Else its first words go to the system's own log.
                self._command("-e", "stderr"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C reaches whoever started this, and they end it in their order.
                start_new_session=True,
            )
        until = time.monotonic() + 30
        while not (self._folder / "nginx.pid").exists():
            if self._process.poll() is not None or time.monotonic() > until:
                raise NoNginx(f"nginx does not start.\n{self.log}")
            time.sleep(0.02)


if __name__ == "__main__":
    if not found():
        install("nginx-light")
    print(
        "nginx for the tests:", found() or "none; install it, the tests of several servers need it"
    )
