"""A PostgreSQL for the tests: the system's programs, a throw-away cluster in a folder of its own.

As a script it installs Debian's package when there is none.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
shared_buffers = 16MB
"""
IN_HASTE = """
# It need not survive a power cut.
fsync = off
full_page_writes = off
"""


class NoPostgres(Exception):
    """There is no PostgreSQL here, or it does not run; the text says what to do."""


def programs() -> Path | None:
    """The folder of initdb and pg_ctl: on the PATH, else the latest of Debian's."""
    debian = list(Path("/usr/lib/postgresql").glob("*/bin"))
    debian.sort(key=lambda folder: float(folder.parent.name), reverse=True)
    for folder in (*map(Path, os.get_exec_path()), *debian):
        if all(os.access(folder / name, os.X_OK) for name in ("initdb", "pg_ctl")):
            return folder
    return None


class PostgresServer:
    """A running server that is reached by a socket in its own folder, without a password.

    with PostgresServer() as server:
        ledger = Ledger(server.new_schema())

    With `fsync` it writes as carefully, and as slowly, as a person's own.
    """

    def __init__(self, *, fsync: bool = False) -> None:
        self._settings = SETTINGS if fsync else SETTINGS + IN_HASTE

    def __enter__(self):
        found = programs()
        if found is None:
            raise NoPostgres(
                "These tests need PostgreSQL. Install it (on Debian: apt install postgresql), "
                "or let tests/postgres.py do that as root."
            )
        self._programs = found
        self._schemas = 0
        # Not below pytest's own folders: a socket's path has room for about 100 characters.
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._as_whom = {}
        if os.geteuid() == 0:  # as root it would refuse to run
            user = _anybody_but_root()
            self._as_whom = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        try:
            make = ["--auth=trust", "--username=tests", "--encoding=UTF8", "--no-locale"]
            self._run("initdb", *make, "--no-sync", "--pgdata=data")
            with (self._folder / "data" / "postgresql.conf").open("a") as file:
                file.write(self._settings.format(folder=self._folder))
            self.start()
        except BaseException:
            shutil.rmtree(self._folder)
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self._folder)

    @property
    def socket(self) -> Path:
        return self._folder / ".s.PGSQL.5432"

    def start(self):
        self._run("pg_ctl", "start", "--wait", "--pgdata=data", "--log=log")

    def stop(self):
        """Stop it as an administrator would; who is connected is cut off."""
        if (self._folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "--wait", "--mode=fast", "--pgdata=data")

    def new_schema(self) -> str:
        """The SQLAlchemy URL of an empty schema: as good as a database of its own, and faster."""
        self._schemas += 1
        name = f"tests_{self._schemas}"
        with psycopg.connect(host=str(self._folder), user="tests", dbname="postgres") as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return (
            f"postgresql+psycopg://tests@/postgres?host={self._folder}"
            f"&options=-csearch_path%3D{name}"
        )

    def _run(self, program, *arguments):
        # What they say goes to a file: a server that is started here would hold a pipe open.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(
                [self._programs / program, *arguments],
                cwd=self._folder,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=60,
                **self._as_whom,
            )
            said.seek(0)
            if done.returncode:
                log = self._folder / "log"
                reasons = said.read(), log.read_text()[-2000:] if log.exists() else ""
                raise NoPostgres(f"{program} failed.\n" + "\n".join(reasons))


def _anybody_but_root() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def install(package: str) -> None:
    """Install a package of Debian's, where that can be done without asking anybody."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "--yes", "--no-install-recommends", package]):
        command = ["apt-get", "--quiet=2", *step]
        if subprocess.run(command, check=False, env=environment).returncode:
            return


if __name__ == "__main__":
    if not programs():
        install("postgresql")
    print("PostgreSQL for the tests:", programs() or "none; install it, the ledger's tests need it")
