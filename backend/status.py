"""What the owner of a server looks at: who is alive, what waits and where, what was spent.

    python -m backend.status            tables of plain text
    python -m backend.status --json     the same as one JSON

It reads the ledger that the environment names, beside servers that run, and changes nothing.  Of a
job it knows the state, the model and the price: no prompt, no visitor, no id, no key.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from backend import config
from backend.engine import DEAD_AFTER
from backend.ledger import ACTIVE_STATES, DAY, UNCHARGED_STATES, VERSION, WITHOUT_ID, Payer, State

DAYS = 14
"""Of what was spent."""

# Only what is read: whoever asks which of a visitor's things this program sees finds it here.
_jobs = sa.table(
    "veo_jobs",
    *map(sa.column, ("runner", "state", "payer", "created", "submitted", "updated", "deleted")),
    sa.column("dollars", sa.Double),
    sa.column("request", sa.JSON),
)
_version = sa.table("veo_ledger", sa.column("version"))

_is_spent = sa.and_(
    _jobs.c.payer != "demo",
    _jobs.c.state.not_in(UNCHARGED_STATES),
    _jobs.c.submitted.is_not(None) | _jobs.c.state.in_(WITHOUT_ID),
)


class NoStatus(Exception):
    """The ledger cannot be looked at; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """A server that beats its heart in the ledger's database: one of several."""

    silent: float
    """Seconds since its last heartbeat."""
    server: str | None
    """Its name in the rows; not known while it drives nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """How many of a server's jobs are in one state."""

    server: str
    state: State
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What clips of one day (UTC) and model cost, or will when they complete."""

    day: str
    model: str | None
    """None for clips that were deleted since."""
    payer: Payer
    clips: int
    dollars: float
    without_price: int
    """Clips whose price the service did not tell; they are not in `dollars`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    ledger: str
    """Its address, without a password."""
    alive: list[Alive] | None
    """None where one server works alone: its heart beats nowhere."""
    last_change: float | None
    """Seconds since a job changed; None without jobs."""
    waiting: int
    """Jobs on their way: what a server has to drive on."""
    oldest_waiting: float | None
    """Seconds since the oldest of them was asked for."""
    jobs: list[Jobs]
    spent: list[Spent]


def read(url: str, *, now: float | None = None) -> Status:
    """Look at the ledger at `url`; raises `NoStatus`."""
    engine, shown = _reader(url), _shown(url)
    try:
        with _reading(engine) as connection:
            _require_ours(connection)
            return _read(connection, shown, time.time() if now is None else now)
    except (sa.exc.DBAPIError, UnicodeError) as error:
        raise NoStatus(f"{shown} cannot be read: {getattr(error, 'orig', error)}") from error
    finally:
        engine.dispose()


def _read(connection: sa.Connection, shown: str, now: float) -> Status:
    there = _jobs.c.deleted.is_(None)
    waiting = sa.select(sa.func.count(), sa.func.min(_jobs.c.created)).where(
        there, _jobs.c.state.in_(ACTIVE_STATES)
    )
    in_states = (
        sa.select(_jobs.c.runner, _jobs.c.state, sa.func.count())
        .where(there)
        .group_by(_jobs.c.runner, _jobs.c.state)
        .order_by(_jobs.c.runner, _jobs.c.state)
    )
    count, oldest = connection.execute(waiting).one()
    changed = connection.scalar(sa.select(sa.func.max(_jobs.c.updated)))
    return Status(
        ledger=shown,
        alive=_alive(connection),
        last_change=None if changed is None else now - changed,
        waiting=count,
        oldest_waiting=None if oldest is None else now - oldest,
        jobs=[
            Jobs(server=server, state=state, count=count)
            for server, state, count in connection.execute(in_states)
        ],
        spent=_spent(connection, since=now - DAYS * DAY),
    )


def _spent(connection: sa.Connection, *, since: float) -> list[Spent]:
    day: sa.ColumnElement[str] = sa.func.date(_jobs.c.created, "unixepoch")
    if connection.dialect.name == "postgresql":
        day = sa.func.to_char(
            sa.func.timezone("UTC", sa.func.to_timestamp(_jobs.c.created)), "YYYY-MM-DD"
        )
    rows = (
        sa.select(
            day.label("day"),
            _jobs.c.request["model"].as_string().label("model"),
            _jobs.c.payer.label("payer"),
            sa.func.count().label("clips"),
            sa.func.coalesce(sa.func.sum(_jobs.c.dollars), 0.0).label("dollars"),
            (sa.func.count() - sa.func.count(_jobs.c.dollars)).label("without_price"),
        )
        .where(_is_spent, _jobs.c.created >= since)
        # By their place: a value that stands in two of them would be two parameters.
        .group_by(sa.text("1, 2, 3"))
        .order_by(sa.text("1 DESC, 2, 3"))
    )
    return [Spent(**row) for row in connection.execute(rows).mappings()]


def _alive(connection: sa.Connection) -> list[Alive] | None:
    if connection.dialect.name != "postgresql":
        return None
    if connection.exec_driver_sql("SELECT to_regclass('procrastinate_workers')").scalar() is None:
        return None
    query = Path(__file__).with_name("sql") / "alive.sql"
    return [
        Alive(silent=float(row.silent), server=row.runner)
        for row in connection.exec_driver_sql(query.read_text())
        if row.silent < DEAD_AFTER
    ]


# The ledger, for reading alone


def _reader(url: str) -> sa.Engine:
    known = sa.make_url(url)
    kind = known.get_backend_name()
    if kind == "sqlite":
        return _sqlite_reader(Path(known.database or ""))
    if kind != "postgresql":
        raise NoStatus(f"This can look at SQLite and PostgreSQL; the ledger is in {kind}.")
    return sa.create_engine(
        known,
        hide_parameters=True,
        connect_args={"connect_timeout": 5},
        # All of it as of one moment.
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
    )


def _sqlite_reader(path: Path) -> sa.Engine:
    if not path.is_file():
        raise NoStatus(
            f"There is no ledger at {path}: no server has run yet, or VEO_DATA_DIR is another."
        )
    # Opened by its path alone it could be made, or written.
    address = f"{path.absolute().as_uri()}?mode=ro"
    return sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True))


@contextmanager
def _reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")  # all of it as of one moment
        yield connection


def _require_ours(connection: sa.Connection) -> None:
    if not sa.inspect(connection).has_table(_version.name):
        raise NoStatus("That database holds no ledger of ours: no server has used it yet.")
    version = connection.scalar(sa.select(_version.c.version))
    if version != VERSION:
        raise NoStatus(
            f"The ledger is of another version ({version}, not {VERSION}). "
            "A server of this version brings an earlier one up to date when it starts."
        )


def _shown(url: str) -> str:
    known = sa.make_url(url)
    # What follows the question mark may hold a password, too.
    return known.set(query={}).render_as_string(hide_password=True)


# As text


def as_text(status: Status) -> str:
    """What a person reads."""
    parts = [
        "\n".join(
            [
                f"Ledger   {status.ledger}",
                f"Servers  {_servers(status)}",
                f"Jobs     {_way(status)}",
            ]
        )
    ]
    if status.jobs:
        parts.append(_table(_jobs_table(status.jobs)))
    if status.spent:
        parts.append(f"Spent in {DAYS} days, or will be when it completes (days are UTC)")
        parts.append(_table(_spent_table(status.spent)))
    return "\n\n".join(parts)


def _servers(status: Status) -> str:
    if status.alive is None:
        return "one, which works alone; its last change is what tells of it"
    beats = ", ".join(_ago(each.silent) for each in status.alive)
    return f"{len(status.alive)} alive" + (f", last heard of {beats} ago" if beats else "")


def _way(status: Status) -> str:
    told = f"{status.waiting} on their way"
    if status.oldest_waiting is not None:
        told += f", the oldest for {_ago(status.oldest_waiting)}"
    if status.last_change is not None:
        told += f"; the last change was {_ago(status.last_change)} ago"
    return told


def _jobs_table(jobs: Sequence[Jobs]) -> list[list[str]]:
    states = list(dict.fromkeys(each.state for each in sorted(jobs, key=lambda each: each.state)))
    counts = {(each.server, each.state): each.count for each in jobs}
    servers = dict.fromkeys(each.server for each in jobs)
    return [
        ["server", *states],
        *([name, *(str(counts.get((name, state), "")) for state in states)] for name in servers),
    ]


def _spent_table(spent: Sequence[Spent]) -> list[list[str]]:
    return [
        ["day", "model", "whose key", "clips", "dollars", "without a price"],
        *(
            [
                *(each.day, each.model or "(deleted)", each.payer, str(each.clips)),
                *(f"{each.dollars:.2f}", str(each.without_price or "")),
            ]
            for each in spent
        ),
    ]


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Columns of their own width; what is a figure stands to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    is_text = [not _are_figures(column[1:]) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(row, widths, is_text, strict=True)
        ).rstrip()
        for row in rows
    )


def _are_figures(cells: Sequence[str]) -> bool:
    return all(cell.replace(".", "", 1).isdigit() for cell in cells if cell)


def _ago(seconds: float) -> str:
    for size, name in ((DAY, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{max(seconds, 0.0):.0f} s"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the status of the environment's ledger; a sentence and exit code 1 where it cannot."""
    parser = argparse.ArgumentParser(prog="python -m backend.status", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", action="store_true", help="one JSON instead of tables")
    as_json = parser.parse_args(arguments).json
    try:
        status = read(config.read().database_url)
    except (config.WrongSetting, NoStatus) as error:
        sys.exit(str(error))
    with suppress(BrokenPipeError):
        print(json.dumps(asdict(status)) if as_json else as_text(status), flush=True)


if __name__ == "__main__":
    main()
