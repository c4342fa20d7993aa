"""Several servers on one PostgreSQL, each a process that can be killed, frozen and cut off.

    with Fleet(folder, postgres) as fleet:
        a, b = fleet.server("a"), fleet.server("b")
        job = a.ask("a fox")
        a.kill()

Whether all is well is judged from outside: by the ledger's rows, by a history that PostgreSQL
itself writes, and by what the service was asked, and by whom.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import crashes
import sqlalchemy as sa

from backend.ledger import ACTIVE_STATES, TRANSITIONS, Ledger

CHILD = Path(__file__).with_name("server_child.py")
OWNER = "owner"
IN_FLIGHT = 0.5
"""Seconds that a look may be on its way when its job is taken from who looks."""

HISTORY = """
CREATE TABLE history (
    at double precision, job text, was text, state text, epoch integer, taken boolean, runner text,
    writer text, generation_id text
);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state OR NEW.epoch <> OLD.epoch THEN
        INSERT INTO history VALUES (
            extract(epoch FROM clock_timestamp()), NEW.id, OLD.state, NEW.state, NEW.epoch,
            NEW.epoch <> OLD.epoch, NEW.runner, current_setting('application_name'),
            NEW.generation_id #>> '{}'
        );
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER noted AFTER UPDATE ON veo_jobs FOR EACH ROW EXECUTE FUNCTION note();
"""
"""Every change of a job that was ever committed, and who made it: a server's name is that of its
connections, and of the rows that it took."""


ENGINE = (
    "SELECT id, queue_name, status, worker_id, scheduled_at, args FROM procrastinate_jobs",
    "SELECT id, now() - last_heartbeat AS silent FROM procrastinate_workers",
    "SELECT pid, application_name, state, wait_event, pg_blocking_pids(pid), left(query, 60)"
    " FROM pg_stat_activity WHERE backend_type = 'client backend'",
)
"""What tells why a job is not gone on with."""


@dataclass(frozen=True, kw_only=True)
class Look:
    at: float
    by: str
    generation_id: str


class Service(crashes.Service):
    """Tells who looked and when; a clip is there once it is told so."""

    def __init__(self) -> None:
        super().__init__(crashes.make_clip())
        self._server.RequestHandlerClass = type("Handler", (_Handler,), {"service": self})
        self.is_completed = False
        self.may_answer, self.may_tell = threading.Event(), threading.Event()
        """Whether a request, or a look, is answered now."""
        self.may_answer.set()
        self.may_tell.set()
        self.seen: list[Look] = []

    def accept(self, prompt: str) -> str:
        generation_id = super().accept(prompt)
        self.may_answer.wait(60)
        return generation_id

    def status(self, _generation_id: str) -> str:
        status = "completed" if self.is_completed else "generating"
        self.may_tell.wait(60)
        return status


class _Handler(crashes._Handler):
    def do_GET(self) -> None:  # noqa: N802  # so it is called
        asked = self.path.partition("generation_id=")[2]
        by = self.headers.get("Authorization", "").removeprefix("Bearer key-of-")
        if asked and by:
            self.service.seen.append(Look(at=time.time(), by=by, generation_id=unquote(asked)))
        super().do_GET()


class Server:
    """One process."""

    def __init__(self, fleet: "Fleet", name: str, process: int, data: Path) -> None:
        self.name, self.process, self.data = name, process, data
        self._fleet = fleet
        self._ended = os.pidfd_open(process)

    def wait_until_ready(self) -> None:
        until(lambda: (self.data / "is-ready").exists() or self.has_ended, what=self.output)
        assert not self.has_ended, self.output()

    @property
    def has_ended(self) -> bool:
        return bool(select.select([self._ended], [], [], 0)[0])

    @property
    def is_frozen(self) -> bool:
        return Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def output(self) -> str:
        return (self.data.parent / f"{self.name}.output").read_text(errors="replace")

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self.wait()

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def wait(self, seconds: float = 20.0) -> None:
        assert select.select([self._ended], [], [], seconds)[0], "it has not ended"

    def _signal(self, which: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._ended, which)

    def close(self) -> None:
        self.kill()
        os.close(self._ended)

    # What is asked of it

    def call(self, command: str, **named: object) -> Iterator[dict]:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(30)
            asking.connect(str(self.data / "ask"))
            asking.sendall(json.dumps({"command": command, "owner": OWNER} | named).encode())
            asking.sendall(b"\n")
            with asking.makefile() as answers:
                yield from map(json.loads, answers)

    def ask(self, prompt: str, **named: object) -> str:
        (answer,) = self.call("ask", prompt=prompt, **named)
        assert "job" in answer, (answer, self.output())
        return answer["job"]

    def follow(self, job: str, **named: object) -> Iterator[dict]:
        return self.call("follow", job=job, **named)


class Fleet:
    """The service, the ledger's database, and the process that makes servers."""

    def __init__(
        self, folder: Path, postgres, *, service: Service | None = None, **life: object
    ) -> None:
        self.folder = folder
        self.postgres = postgres
        self.url = postgres.new_schema()
        self.life = life
        self.service = service or Service()
        self.servers: list[Server] = []

    def __enter__(self) -> "Fleet":
        self.service.__enter__()
        self.ledger = Ledger(self.url, runner="tests")
        with self._writing() as connection:
            connection.connection.driver_connection.execute(HISTORY)
        self._maker = subprocess.Popen(
            [sys.executable, CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "OPENBLAS_NUM_THREADS": "1"},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.service.may_answer.set()
        self.service.may_tell.set()
        for server in self.servers:
            server.close()
        self._maker.stdin.close()
        self._maker.wait()
        self._maker.stdout.close()
        self.ledger.close()
        self.service.__exit__()

    def _writing(self):
        return self.ledger._writing.begin()

    def server(self, name: str, *, url: str = "", variables=(), **life: object) -> Server:
        """A server that is ready; its name is that of its rows."""
        server = self.begin(name, url=url, variables=variables, **life)
        server.wait_until_ready()
        return server

    def begin(self, name: str, *, url: str = "", variables=(), **life: object) -> Server:
        data = self.folder / name
        data.mkdir(exist_ok=True)
        (data / "runner").write_text(name)
        (data / "is-ready").unlink(missing_ok=True)
        environment = {
            "VEO_DATA_DIR": str(data),
            "VEO_DATABASE_URL": f"{url or self.url}&application_name={name}",
            "AIMLAPI_KEY": f"key-of-{name}",
            "AIMLAPI_BASE_URL": self.service.url,
        }
        usual = {"dead_after": 2.0, "looks_every": 0.2, "sent_within": 1.5, "demo_seconds": 0.0}
        usual |= {"variant": None, "stops_before": None}
        output = str(self.folder / f"{name}.output")
        told = usual | self.life | life
        told |= {"environment": environment | dict(variables), "output": output}
        self._maker.stdin.write(json.dumps(told) + "\n")
        self._maker.stdin.flush()
        server = Server(self, name, int(self._maker.stdout.readline()), data)
        self.servers.append(server)
        return server

    # What can be known from outside

    def state(self, job: str) -> str:
        return self.ledger.get(job).state

    def history(self, job: str) -> list[sa.Row]:
        query = sa.text("SELECT * FROM history WHERE job = :job ORDER BY at, epoch")
        with self.ledger._engine.connect() as connection:
            return list(connection.execute(query, {"job": job}))

    def takes(self, job: str) -> list[str]:
        """Who took the job, one after the other."""
        return [row.writer for row in self.history(job) if row.taken]

    def looks(self, by: Server, after: float = 0.0) -> list[Look]:
        return [look for look in self.service.seen if look.by == by.name and look.at > after]

    def wait_for_state(self, job: str, *states: str, seconds: float = 30.0) -> None:
        until(lambda: self.state(job) in states, seconds=seconds, what=lambda: self.story(job))

    def story(self, job: str) -> str:
        with self.ledger._engine.connect() as connection:
            engine = [row for each in ENGINE for row in connection.execute(sa.text(each))]
        past = "\n".join(map(str, [*self.history(job), *engine]))
        return f"{self.ledger.get(job)}\n{past}\n" + "\n".join(
            f"{server.name}: {server.output()[-1500:]}" for server in self.servers
        )

    def judge(
        self, *, deaths: int = 0, woken: Mapping[str, Sequence[float]] | None = None
    ) -> list[tuple[str, str]]:
        """Each broken invariant, and where; `deaths` is how many servers were killed or frozen.

        A look that was on its way when its server was frozen arrives when that is `woken`.
        """
        rows = self.ledger.of(OWNER, limit=100_000)
        looks: defaultdict[str, list[Look]] = defaultdict(list)
        for look in self.service.seen:
            looks[look.generation_id].append(look)
        is_late = partial(_is_late, woken or {})
        return [
            broken
            for row in rows
            for broken in self._judge(
                row, deaths, [each for each in looks[row.generation_id] if not is_late(each)]
            )
        ]

    def _judge(self, row, deaths: int, looks: Sequence[Look]) -> Iterator[tuple[str, str]]:
        past = self.history(row.id)
        sent = self.service.accepted[row.request["prompt"]]
        if len(sent) > 1:
            yield "double submit", f"{sent}"
        if sent and row.generation_id not in sent and row.state != "uncertain":
            yield "lost id", f"{sent} in {row}"
        if row.state in ACTIVE_STATES:
            yield "left open", f"{row}"
        taken: defaultdict[str, list[float]] = defaultdict(list)
        for each in past:
            found = each.state == "running" and each.was in ("submitting", "uncertain")
            if each.taken:
                taken[each.writer].append(each.at)
            elif each.writer != each.runner and not found:
                yield "written by one that was replaced", f"{each}"
            if not each.taken and each.state not in TRANSITIONS[each.was]:
                yield "wrong way", f"{each}"
        if sum(map(len, taken.values())) > 1 + deaths:
            yield "taken from one that lives", f"{[*taken]}"
        yield from _judge_looks(looks, [each for each in past if each.taken])

    def in_queues(self) -> int:
        """Jobs that the engine still has."""
        with self.ledger._engine.connect() as connection:
            return connection.scalar(sa.text("SELECT count(*) FROM procrastinate_jobs"))


def _judge_looks(looks: Sequence[Look], takes: Sequence[sa.Row]) -> Iterator[tuple[str, str]]:
    for look in looks:
        holders = [each.writer for each in takes if each.at < look.at - IN_FLIGHT]
        recent = [each.writer for each in takes if each.at >= look.at - IN_FLIGHT]
        if holders and look.by not in (holders[-1], *recent):
            yield "looked at by one that was replaced", f"{look}, {holders}"


def _is_late(woken: Mapping[str, Sequence[float]], look: Look) -> bool:
    return any(at <= look.at < at + IN_FLIGHT for at in woken.get(look.by, ()))


class Proxy:
    """A way to PostgreSQL's socket that can be cut: what is sent on it arrives nowhere, and nobody
    is told."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.folder = folder
        self._target = target
        self._open = threading.Event()
        self._open.set()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / target.name))
        self._listening.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._listening.close()
        self._open.set()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self._target))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._forward, args=(one, other), daemon=True).start()

    def _forward(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError), closing(one), closing(other):
            while piece := one.recv(1 << 16):
                self._open.wait()
                other.sendall(piece)
            with suppress(OSError):
                other.shutdown(socket.SHUT_RDWR)


def until(condition, *, seconds: float = 30.0, what=lambda: "") -> float:
    """Wait for what nobody tells; gives how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, what()
        time.sleep(0.02)
    return time.monotonic() - began


def a_running_job(fleet, server, prompt="a fox"):
    job = server.ask(prompt)
    until(lambda: fleet.looks(server), what=lambda: fleet.story(job))
    return job


def finish(fleet, job, state="done"):
    fleet.service.is_completed = True
    fleet.wait_for_state(job, state)
