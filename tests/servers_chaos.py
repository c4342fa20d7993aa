"""Three servers at the mercy of dice: killed, frozen, stopped; PostgreSQL or the bucket goes away.

    python tests/servers_chaos.py                everything; exit code 1 if an invariant breaks
    python tests/servers_chaos.py --seed 7 --only restarted

The dice make the whole plan first, so a seed says which server is struck, when and how.  What a
blow meets is a matter of milliseconds: a seed repeats the plan, and not each moment.  Judged from
outside, as in `several_servers.py`; then every mistake there is told by what it was found by.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

import crashes
import obstore
from postgres import NoPostgres, PostgresServer
from seaweed import NoSeaweed, SeaweedServer
from several_servers import OWNER, Fleet, Server, Service, a_running_job, finish, until

from backend.ledger import ACTIVE_STATES, TO_DRIVE
from veo import media

SERVERS = "abc"
DEAD = 2.0
PAUSES = (0.2, 1.1)
"""Seconds between two blows, at least and at most."""
FROZEN_FOR = (0.3, 1.0, 2.5, 4.0, 6.0)
"""Seconds; shorter than `DEAD`, and so much longer that the job is another's."""
CLICKS_A_SECOND = 3.0
COMPLETED_AFTER = (1.0, 6.0)
"""Seconds that the service takes for a clip, at least and at most."""
SLOWNESS = 0.2
"""Seconds that an answer takes at most, and each piece of a film."""
BUCKET_AWAY_FOR = 3.0
LOOKED_AGAIN_AFTER = 2.0
"""Seconds that a job rests whose clip could not be kept; it is a minute else."""
BEGUN_AGAIN_AFTER = 0.3
AT_REST_WITHIN = 60.0
ENDS = ("done", "rejected", "uncertain")

Kind = Literal["kill", "freeze", "terminate"]
KINDS: tuple[Kind, ...] = ("kill", "freeze", "terminate")


# The plan


@dataclass(frozen=True, kw_only=True)
class Blow:
    """What happens to one server."""

    after: float
    """Seconds since the blow before."""
    server: str
    kind: Kind
    frozen_for: float


def plan(seed: int, blows: int) -> list[Blow]:
    dice = random.Random(seed)
    return [
        Blow(
            after=dice.uniform(*PAUSES),
            server=dice.choice(SERVERS),
            kind=dice.choice(KINDS),
            frozen_for=dice.choice(FROZEN_FOR),
        )
        for _ in range(blows)
    ]


# What goes on meanwhile


class Busy(Service):
    """A service with a clip for every request, each in its own time."""

    def __init__(self) -> None:
        super().__init__()
        self.slowness = SLOWNESS
        self._completed_at: dict[str, float] = {}

    def accept(self, prompt: str) -> str:
        takes = random.Random(prompt).uniform(*COMPLETED_AFTER)
        generation_id = super().accept(prompt)
        self._completed_at[generation_id] = time.monotonic() + takes
        return generation_id

    def status(self, generation_id: str) -> str:
        is_completed = time.monotonic() >= self._completed_at[generation_id]
        return "completed" if is_completed else "generating"


class Visitors:
    """Press the button again and again, on any server; one that does not answer is left."""

    def __init__(self, trial: "Trial", seed: int) -> None:
        self.pressed, self.refused = 0, 0
        self._trial, self._dice = trial, random.Random(seed)
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._press)

    def __enter__(self) -> "Visitors":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        self._thread.join()

    def _press(self) -> None:
        with ThreadPoolExecutor(64) as pool:
            while not self._leave.wait(1 / CLICKS_A_SECOND):
                self.pressed += 1
                pool.submit(self._ask, f"film {self.pressed}", self._dice.choice(SERVERS))

    def _ask(self, prompt: str, first: str) -> None:
        """Ask one server, or the next if that is not there, as a proxy in front of them does."""
        answers = []
        with suppress(OSError, json.JSONDecodeError):  # it was killed: that is the test
            for name in SERVERS[SERVERS.index(first) :] + SERVERS[: SERVERS.index(first)]:
                with suppress(ConnectionRefusedError, FileNotFoundError):
                    answers = [*self._trial.servers[name].call("ask", prompt=prompt)]
                    break
        self.refused += not any("job" in each for each in answers)


# One trial


@dataclass(kw_only=True)
class Outcome:
    """What became of it."""

    seed: int
    blows: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    refused: int = 0
    taken_over: int = 0
    left_over: int = 0
    """Files that nobody needs any more."""
    rest: float = 0.0
    """Seconds from the last blow until no job was open."""
    seconds: float = 0.0
    broken: list[tuple[str, str]] = field(default_factory=list)


class Trial:
    """One plan, carried out on a fleet."""

    def __init__(
        self,
        fleet: Fleet,
        *,
        seed: int,
        blows: int,
        restarts: int = 0,
        bucket: SeaweedServer | None = None,
    ) -> None:
        self._bucket = bucket
        self._clips = bucket.new_address() if bucket else ""
        self._variables = bucket.environment | {"VEO_CLIPS": self._clips} if bucket else {}
        self.servers = {name: fleet.begin(name, variables=self._variables) for name in SERVERS}
        self.outcome = Outcome(seed=seed)
        self._fleet = fleet
        self._plan = plan(seed, blows)
        self._every = blows // restarts if restarts else 0
        self._ended: dict[str, float] = {}
        self._frozen: list[tuple[float, Server]] = []
        self._woken: defaultdict[str, list[float]] = defaultdict(list)

    def run(self) -> Outcome:
        began = time.monotonic()
        with Visitors(self, self.outcome.seed) as visitors:
            for number, blow in enumerate(self._plan, 1):
                self._pass(blow.after)
                self._strike(blow)
                if self._every and number % self._every == 0:
                    self._restart()
            for _, server in self._frozen:
                self._wake(server)
            self._frozen.clear()
        self.outcome.refused = visitors.refused
        self.outcome.rest = self._come_to_rest()
        for server in self.servers.values():
            server.terminate()
        for server in self.servers.values():
            server.wait()
        self._judge()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _pass(self, seconds: float) -> None:
        """Wait, and meanwhile wake who was frozen long enough and begin who has ended."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            for due in [each for each in self._frozen if each[0] <= now]:
                self._frozen.remove(due)
                self._wake(due[1])
            for name, server in self.servers.items():
                if server.has_ended and now - self._ended.setdefault(name, now) > BEGUN_AGAIN_AFTER:
                    del self._ended[name]
                    self.servers[name] = self._fleet.begin(name, variables=self._variables)
            time.sleep(0.02)

    def _strike(self, blow: Blow) -> None:
        server = self.servers[blow.server]
        self.outcome.blows["none, for it had ended" if server.has_ended else blow.kind] += 1
        match blow.kind:
            case "kill":
                server.kill()
            case "terminate":
                server.terminate()
            case "freeze":
                server.freeze()
                self._frozen.append((time.monotonic() + blow.frozen_for, server))

    def _wake(self, server: Server) -> None:
        self._woken[server.name].append(time.time())
        server.wake()

    def _restart(self) -> None:
        if self._bucket:
            self._bucket.stop()
            self._pass(BUCKET_AWAY_FOR)
            self._bucket.start()
        else:
            self._fleet.postgres.stop()
            self._fleet.postgres.start()
        self.outcome.blows["restart"] += 1

    def _come_to_rest(self) -> float:
        def is_open() -> bool:
            self._pass(0.2)
            return bool(self._fleet.ledger.in_states(*TO_DRIVE, anywhere=True, owner=OWNER))

        began = time.monotonic()
        with suppress(AssertionError):
            until(lambda: not is_open(), seconds=AT_REST_WITHIN)
        return time.monotonic() - began

    # Judging

    def _judge(self) -> None:
        fleet, outcome = self._fleet, self.outcome
        fleet.service.come_to_rest()
        rows = fleet.ledger.of(OWNER, limit=100_000)
        outcome.jobs = len(rows)
        outcome.states.update(row.state for row in rows)
        outcome.taken_over = sum(max(row.epoch - 1, 0) for row in rows)
        outcome.left_over = len([*left_over(fleet.folder, {row.clip for row in rows})])
        blows = sum(outcome.blows.values()) + len(SERVERS) * outcome.blows["restart"]
        outcome.broken += fleet.judge(deaths=blows, woken=self._woken)
        outcome.broken += _judge_money(fleet.service, rows)
        outcome.broken += _judge_files(fleet.folder)
        outcome.broken += [each for row in rows for each in _judge_end(row, self._place_of(row))]
        if in_queues := fleet.in_queues():
            outcome.broken.append(("left in a queue", f"{in_queues}"))

    def _place_of(self, row) -> Path:
        """The folder with the files of a finished clip, or a copy of them."""
        if not self._bucket or row.state != "done":
            return self._fleet.folder / row.runner / "clips" / (row.clip or "")
        place = self._fleet.folder / "copies" / row.clip
        place.mkdir(parents=True)
        store = self._bucket.store(self._clips)
        for key in self._bucket.keys(self._clips):
            if row.clip in key:
                (place / Path(key).name).write_bytes(obstore.get(store, key).bytes())
        return place


def _judge_money(service: Service, rows: Sequence) -> Iterator[tuple[str, str]]:
    prompts = Counter(row.request["prompt"] for row in rows)
    for prompt, ids in service.accepted.items():
        if prompts[prompt] != 1:
            yield "lost click", f"{prompts[prompt]} rows of {prompt!r}, which was sent as {ids}"
    given = Counter(row.generation_id for row in rows if row.generation_id)
    for generation_id, times in given.items():
        if times > 1 or generation_id not in service.given:
            yield "wrong id", f"{times} rows have {generation_id!r}"


def _judge_files(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.glob("*/clips/*/*"):
        if not crashes._is_whole(path):
            yield "partial file", f"{path.relative_to(folder)} ({path.stat().st_size} bytes)"


def _judge_end(row, place: Path) -> Iterator[tuple[str, str]]:
    if row.state not in (*ENDS, *ACTIVE_STATES):
        yield "wrong end", f"{row}"
    if row.state == "done":
        clips = [*place.glob("*.mp4")]
        if len(clips) != 1 or not {"poster.jpg", "clip.json"} <= {*os.listdir(place)}:
            yield "done without clip", f"{place.name}: {[*place.glob('*')]}"
        elif row.generation_id.encode() not in clips[0].read_bytes():
            yield "wrong clip", f"another film as {row.request['prompt']!r}"
        elif (media.read_request(clips[0]) or {}).get("prompt") != row.request["prompt"]:
            yield "wrong clip", f"the request is missing in {row.request['prompt']!r}"


def left_over(folder: Path, places: set[str | None]) -> Iterator[Path]:
    """Files that nobody needs any more: of a server that lost its job in the middle of a file."""
    for path in folder.glob("*/clips/*/*"):
        finished = path.name in ("poster.jpg", "clip.json") or path.suffix == ".mp4"
        if path.parent.name not in places or not finished:
            yield path


# Mistakes that must be found


def frozen_before_a_write(fleet):
    """A server is frozen before it writes, and wakes when another has the job."""
    a = fleet.server("a", stops_before="downloading")
    fleet.server("b")
    job = a_running_job(fleet, a)
    fleet.service.is_completed = True
    until(lambda: a.is_frozen)
    fleet.service.may_tell.clear()
    until(lambda: fleet.takes(job) == ["a", "b"], what=lambda: fleet.story(job))
    a.wake()
    time.sleep(DEAD)
    fleet.service.may_tell.set()
    fleet.wait_for_state(job, "done")


def frozen_between_looks(fleet):
    """A server is frozen right after a look; when it wakes, its heart beats before its next."""
    a, b = fleet.server("a", looks_every=4.0), fleet.server("b")
    job = a_running_job(fleet, a)
    a.freeze()
    until(lambda: fleet.looks(b), what=lambda: fleet.story(job))
    a.wake()
    time.sleep(4.0)
    finish(fleet, job)
    time.sleep(1.0)


def frozen_while_it_looks_often(fleet):
    """A server is frozen, and its next look is due when it wakes."""
    a, b = fleet.server("a"), fleet.server("b")
    job = a_running_job(fleet, a)
    a.freeze()
    until(lambda: fleet.looks(b), what=lambda: fleet.story(job))
    time.sleep(1.0)
    a.wake()
    time.sleep(DEAD)
    finish(fleet, job)


def frozen_before_it_sends(fleet):
    """A server is frozen between its read and its write."""
    a = fleet.server("a", stops_before="submitting")
    fleet.server("b")
    job = a.ask("a fox")
    until(lambda: a.is_frozen)
    fleet.wait_for_state(job, "rejected", "uncertain")
    a.wake()
    time.sleep(DEAD)


MISTAKES = {
    "without_epoch": (frozen_before_a_write, "written by one that was replaced"),
    "without_lease": (frozen_while_it_looks_often, "looked at by one that was replaced"),
    "without_term": (frozen_between_looks, "looked at by one that was replaced"),
    "rescues_by_the_manual": (frozen_between_looks, "taken from one that lives"),
    "reads_then_writes": (frozen_before_it_sends, "wrong way"),
}
"""What each broken variant of `server_child.py` is found by: a story, and what it breaks."""
TELLINGS = 3


def found_by(postgres: PostgresServer, mistake: str) -> list[tuple[str, str]]:
    """What a story breaks in which servers make that mistake.

    Two servers race in it, and the mistake may lose: then it is told again.
    """
    story, kind = MISTAKES[mistake]
    broken = list[tuple[str, str]]()
    for _ in range(TELLINGS):
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
            with Fleet(Path(folder), postgres, dead_after=DEAD, variant=mistake) as fleet:
                story(fleet)
                broken = fleet.judge(deaths=1)
        if kind in [each for each, _ in broken]:
            break
    return broken


# The whole of it

MISTAKES_PART = "mistakes"

HEADS = (
    "blows",
    "restarts",
    "jobs",
    "taken over",
    "twice",
    "lost ids",
    "open",
    "partial files",
    "other",
    "uncertain",
    "refused",
    "left over",
    "rest s",
    "seconds",
)


def chaos(postgres: PostgresServer, *, seed: int, blows: int, **more) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        life = {"dead_after": DEAD, "looks_every": 0.5, "looks_again_after": LOOKED_AGAIN_AFTER}
        with Fleet(Path(folder), postgres, service=Busy(), **life) as fleet:
            return Trial(fleet, seed=seed, blows=blows, **more).run()


def parts(blows: int) -> dict[str, dict[str, Any]]:
    return {
        "three servers": {"blows": blows},
        "PostgreSQL restarted ten times": {"blows": blows, "restarts": 10},
        "a bucket that goes away": {"blows": blows, "restarts": 10},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill, freeze and stop three servers at random.")
    parser.add_argument("--only", default="", help="the parts with this in their name")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the dice")
    parser.add_argument("--blows", type=int, default=200, help="of each part")
    options = parser.parse_args()
    if sys.platform != "linux":
        sys.exit("Run this on Linux: it counts on fork and pidfd.")
    try:
        with PostgresServer() as postgres:
            sys.exit(0 if tell_all(postgres, options) else 1)
    except (NoPostgres, NoSeaweed) as error:
        sys.exit(f"The harness does not work here. {error}")


def tell_all(postgres: PostgresServer, options: argparse.Namespace) -> bool:
    """Print what came of it; tell whether every invariant held, and every mistake was found."""
    print(row_of(f"seed {options.seed}", HEADS))
    broken = []
    for name, more in parts(options.blows).items():
        if options.only in name:
            with ExitStack() as stack:
                if "bucket" in name:
                    more["bucket"] = stack.enter_context(SeaweedServer())
                outcome = chaos(postgres, seed=options.seed, **more)
            print(row_of(name, figures(outcome)))
            print(f"    {dict(outcome.blows)}; {dict(outcome.states)}", flush=True)
            broken += outcome.broken
    for kind, what in broken[:40]:
        print(f"BROKEN  {kind}: {what}")
    is_asked = options.only in MISTAKES_PART
    found = [is_found(postgres, name) for name in MISTAKES] if is_asked else []
    return not broken and all(found)


def is_found(postgres: PostgresServer, mistake: str) -> bool:
    """Print what found a mistake, and tell whether anything did."""
    story, kind = MISTAKES[mistake]
    found = kind in [each for each, _ in found_by(postgres, mistake)]
    print(f"{mistake:32}{'' if found else 'NOT FOUND '}{story.__name__}: {kind}", flush=True)
    return found


def figures(outcome: Outcome) -> list[int]:
    kinds = Counter(kind for kind, _ in outcome.broken)
    named = ("double submit", "lost id", "left open", "partial file")
    blows = Counter(outcome.blows)
    restarts = blows.pop("restart", 0)
    return [
        blows.total(),
        restarts,
        outcome.jobs,
        outcome.taken_over,
        *(kinds.pop(kind, 0) for kind in named),
        kinds.total(),
        outcome.states["uncertain"],
        outcome.refused,
        outcome.left_over,
        round(outcome.rest),
        round(outcome.seconds),
    ]


def row_of(name: str, values: Sequence[object]) -> str:
    cells = zip(values, HEADS, strict=True)
    return f"{name:32}" + "".join(f"{value:>{len(head) + 2}}" for value, head in cells)


if __name__ == "__main__":
    main()
