"""The table of jobs: what was asked, by whom, at whose cost, how far it is, where its clip lies.

A row is written before the request that costs money leaves, and every change of its state is a
compare-and-set in one transaction: what a crash leaves is a state that says what to do next.

    prepared ──► submitting ──► running ──► downloading ◄─► done
        │         │      │       ▲ │ │          │
        ▼         ▼      ▼       │ │ └► failed  │
       rejected ◄─┘  uncertain ──┤ ▼            ▼
                                 └─ needs_key, needs_attention

SQLite by default, any SQLAlchemy URL otherwise.  This module knows no HTTP, no files of clips and
no event loop, and it never holds a key.
"""

from __future__ import annotations

import json
import logging
import math
import secrets
import sqlite3
import time
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from backend import picture_rows
from backend.picture_rows import Room
from veo.files import keep_private, publish
from veo.models import INPUTS
from veo.polling import bounded_expected
from veo.types import read_number

State = Literal[
    "prepared",
    "submitting",
    "running",
    "downloading",
    "done",
    "rejected",
    "uncertain",
    "failed",
    "needs_key",
    "needs_attention",
]
Payer = Literal["demo", "server", "visitor"]

TRANSITIONS: Mapping[State, frozenset[State]] = {
    "prepared": frozenset({"submitting", "rejected"}),
    "submitting": frozenset({"running", "rejected", "uncertain"}),
    # An answer that came late, or an id that a person found in the account.
    "uncertain": frozenset({"running"}),
    "running": frozenset({"downloading", "failed", "needs_key", "needs_attention"}),
    "downloading": frozenset({"done", "needs_key", "needs_attention"}),
    "needs_key": frozenset({"running"}),
    "needs_attention": frozenset({"running"}),
    "done": frozenset({"downloading"}),  # its clip was evicted
    "rejected": frozenset(),
    "failed": frozenset(),
}

ACTIVE_STATES: tuple[State, ...] = ("prepared", "submitting", "running", "downloading")
"""What somebody has to drive on."""

TO_DRIVE: tuple[State, ...] = (*ACTIVE_STATES, "needs_attention")
"""What somebody may have to drive on: what rests is looked at again, by itself."""

UNCHARGED_STATES: tuple[State, ...] = ("rejected", "failed")
"""What certainly cost nothing; an uncertain one counts as spent."""

WITHOUT_ID: tuple[State, ...] = ("prepared", "submitting", "uncertain")
"""What has not been given an id."""

RUNNING_STATES: tuple[State, ...] = (*ACTIVE_STATES, "needs_key")
"""What is on its way, or will be once a key is given."""

FAILED_STATES: tuple[State, ...] = ("rejected", "failed", "uncertain", "needs_attention")
"""What did not come to a clip, or not yet and not by itself."""

VERSION = 4
"""Of the tables below.  One of an earlier version gets what it lacks; any other is not touched."""

ONE_CALL = "program:"
"""Begins the name of an owner who is one call: nobody can ask for its jobs once that has ended."""
PICTURE = "picture:"
"""Begins the name of a picture."""

MOST_WORDS = 8
"""Of a search that are looked for: each is one more pass over all prompts of a visitor."""

DAY = 86400.0
BUSY_TIMEOUT = 10_000  # milliseconds that a writer waits for another
IDLE_TIMEOUT = 10_000  # milliseconds between two statements: a frozen writer holds no row for ever
SILENCE_TIMEOUT = 30_000  # milliseconds in which a network takes nothing of what is sent
CONNECT_TIMEOUT = 10  # seconds

_metadata = sa.MetaData()

_jobs = sa.Table(
    "veo_jobs",
    _metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(128), nullable=False),
    sa.Column("payer", sa.String(16), nullable=False),
    sa.Column("spender", sa.String(128), nullable=False, key="quota_key"),  # its older name
    sa.Column("runner", sa.String(64), nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("request", sa.JSON(none_as_null=True)),
    sa.Column("expected", sa.Double, nullable=False),
    sa.Column("dollars", sa.Double),
    # As JSON, so that no id is lost for its characters: Postgres has no text with a NUL in it.
    sa.Column("generation_id", sa.JSON(none_as_null=True)),
    sa.Column("error", sa.JSON(none_as_null=True)),
    sa.Column("clip", sa.Text),
    sa.Column("facts", sa.JSON(none_as_null=True)),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("submitted", sa.Double),
    sa.Column("updated", sa.Double, nullable=False),
    sa.Column("deleted", sa.Double),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
    sa.Column("starred", sa.Double),
    sa.Column("batch", sa.String(64)),
    sa.Column("take", sa.Integer),
    # The prompt as it is searched: JSON is text with \u00e4 in it, and no database folds all cases.
    sa.Column("words", sa.Text),
    sa.Index("veo_jobs_by_state", "runner", "state"),
    sa.Index("veo_jobs_by_owner", "owner", "created"),
    sa.Index("veo_jobs_by_payer", "payer", "created"),
)

# What a deleted one asked for is forgotten, yet this is kept.  What was only looked for by its id
# has neither: it cost nothing here.
_ASKED_HERE = _jobs.c.submitted.is_not(None) | _jobs.c.state.in_(WITHOUT_ID)
_ONLY_LOOKED_FOR = sa.and_(
    sa.not_(_ASKED_HERE), _jobs.c.request.is_(sa.null()), _jobs.c.deleted.is_(None)
)

_version = sa.Table(
    "veo_ledger",
    _metadata,
    sa.Column("version", sa.Integer, nullable=False),
    # Which version of an engine made its tables here.
    sa.Column("engine", sa.String(32)),
)

# Clips that are on no row any more and whose files may still be in the bucket.
_clips_to_remove = sa.Table(
    "veo_clips_to_remove", _metadata, sa.Column("clip", sa.String(64), primary_key=True)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row: a job as it stood when it was read.  Times are seconds since 1970."""

    id: str
    """Unguessable."""
    owner: str
    """The visitor whose job it is; nobody else may see it."""
    payer: Payer
    quota_key: str
    """Whose spending of the server's key this counts towards."""
    runner: str
    """The process, by its data folder, that drives it."""
    state: State
    request: dict[str, Any] | None
    """As it was sent; None for a clip that was fetched by its id alone."""
    expected: float
    """Seconds a generation like this takes, as a guess."""
    dollars: float | None
    """What it costs if it completes, by the service's price list; None when that did not tell."""
    generation_id: str | None
    error: dict[str, Any] | None
    clip: str | None
    """The clip's id in `backend.storage`."""
    facts: dict[str, Any] | None
    created: float
    submitted: float | None
    updated: float
    deleted: float | None
    """When its owner had it deleted: what it cost stays, what it was does not."""
    epoch: int
    """How often it was taken: of several servers, who took it last may write."""
    starred: float | None
    """When its owner gave it a star."""
    batch: str | None
    """The id of the first take, if one press asked for several; the first one's row names none."""
    take: int | None
    """Its number among those takes, from 1."""


_NAMES = tuple(each.name for each in fields(Entry))
_ENTRY = tuple(_jobs.c[name] for name in _NAMES)

_NEWEST_FIRST = (_jobs.c.created.desc(), _jobs.c.id.desc())
_NEWEST = (
    sa.select(*_ENTRY)
    .where(_jobs.c.owner == sa.bindparam("owner"), _jobs.c.deleted.is_(None))
    .order_by(*_NEWEST_FIRST)
    .limit(sa.bindparam("limit"))
)
"""Built once: the newest of a visitor are read at every change of a job."""

Only = Literal["all", "starred", "running", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which of a visitor's jobs are meant."""

    words: str = ""
    """Each of the first `MOST_WORDS` is in the prompt, in whatever case."""
    only: Only = "all"
    older_than: tuple[float, str] | None = None
    """Those after the job with this `created` and `id`, newest first."""


EVERY_JOB = Sought()

_ONLY: Mapping[Only, sa.ColumnElement[bool]] = {
    "all": sa.true(),
    "starred": _jobs.c.starred.is_not(None),
    "running": _jobs.c.state.in_(RUNNING_STATES),
    "failed": _jobs.c.state.in_(FAILED_STATES),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How many jobs a visitor has, and how much room their clips take."""

    all: int
    starred: int
    running: int
    failed: int
    bytes: float

    @classmethod
    def of(cls, every: Sequence[Entry]) -> Held:
        """As `Ledger.held` counts them, of all the jobs of a visitor."""
        return cls(
            all=len(every),
            starred=sum(each.starred is not None for each in every),
            running=sum(each.state in RUNNING_STATES for each in every),
            failed=sum(each.state in FAILED_STATES for each in every),
            bytes=sum(
                (each.facts or {}).get("size") or 0.0
                for each in every
                if each.state == "done" and each.clip
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of the server's key may be spent in 24 hours; infinite is no limit."""

    clips_a_visitor: float = math.inf
    dollars_a_visitor: float = math.inf
    clips: float = math.inf
    dollars: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a visitor's clips cost, as far as it is known."""

    dollars: float
    """All prices that were told, together."""
    may_be_less: bool
    """A clip is not done, and may come to nothing."""
    may_be_more: bool
    """A price was not told."""


class LimitReached(Exception):
    """One more clip would be above a limit of `Limits`; nothing was written."""

    def __init__(
        self,
        *,
        whose: Literal["visitor", "everybody"],
        counted: Literal["clips", "dollars"],
        limit: float,
        so_far: float,
        this_clip: float,
    ) -> None:
        super().__init__(f"{counted} of {whose}: {so_far:g} and {this_clip:g} more, of {limit:g}")
        self.whose = whose
        self.counted = counted
        self.limit = limit
        self.so_far = so_far
        """In the last 24 hours, without this clip."""
        self.this_clip = this_clip


class PriceNotTold(Exception):
    """Dollars are limited, and what this clip costs is not known; nothing was written."""

    def __init__(self, *, limit: float) -> None:
        super().__init__(f"no price is known, and the limit is {limit:g} dollars")
        self.limit = limit
        """Dollars, the lowest that holds."""


Hand = Callable[[sa.Connection, str], None]
"""Writes down in the same transaction that somebody is to drive the job with that id."""


class OutOfReach(Exception):
    """The database does not answer: locked, damaged or gone."""


class NotWritten(OutOfReach):
    """The database could not be written: full, locked, damaged or gone.

    Nothing was changed, but for two cases: a server that was lost in the very commit may have done
    it, and where a copy is kept it is the copy that may not be written.
    """


class UnusableLedger(Exception):
    """The database is not a ledger that this version can use."""


def new_id() -> str:
    """An id for a job."""
    return secrets.token_urlsafe(16)


class Ledger:
    """The rows of one database.  Threads may share it; every method is one transaction."""

    def __init__(
        self,
        url: str | sa.URL,
        *,
        runner: str = "",
        hand: Hand | None = None,
        copy: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the database at `url` or make it; raises `UnusableLedger` or `NotWritten`.

        `runner` names this process in the rows it makes.  `hand` is called inside each transaction
        that makes a job somebody's to drive.  With `copy`, nothing counts as written
        before the whole SQLite file stands there, too.
        """
        try:
            # Parameters are prompts: they belong in no log.
            self._engine = sa.create_engine(url, hide_parameters=True, pool_pre_ping=True)
        except (sa.exc.ArgumentError, ImportError) as error:
            raise UnusableLedger(str(error)) from error
        self._writing = self._engine.execution_options(writing=True)
        self._runner = runner
        self._hand = hand or _to_nobody
        self._copy = copy
        self._clock = clock
        if self._engine.dialect.name == "sqlite":
            _make_sqlite_safe(self._engine)
        elif self._engine.dialect.name == "postgresql":
            _make_postgres_safe(self._engine)
        try:
            with self._writing.begin() as connection:
                _require_ours(connection)
        except (sa.exc.DBAPIError, UnicodeError, UnusableLedger) as error:
            self.close()  # before the file is moved aside
            kind = NotWritten if _may_pass(error) else UnusableLedger
            shown = self._engine.url.set(query={})  # which may hold a password, too
            raise kind(f"{shown!r}: {getattr(error, 'orig', error)}") from error

    @property
    def runner(self) -> str:
        """The name of this process in its rows."""
        return self._runner

    def close(self) -> None:
        self._engine.dispose()

    def add(
        self,
        *,
        owner: str,
        payer: Payer,
        request: Mapping[str, object] | None,
        expected: float,
        quota_key: str = "",
        dollars: float | None = None,
        generation_id: str | None = None,
        limits: Limits | None = None,
        job_id: str | None = None,
        batch: str | None = None,
        take: int | None = None,
        pictures_anywhere: bool = False,
    ) -> Entry:
        """Write down what is about to be asked; `LimitReached`, `PriceNotTold` or `PicturesGone`
        writes nothing.

        A job whose `generation_id` is known was submitted before and begins as `running`.  Who
        gives a `new_id` can look whether the row is there though `NotWritten` was raised.
        """
        now = self._clock()
        row = {
            "id": job_id or new_id(),
            "owner": owner,
            "payer": payer,
            "quota_key": quota_key or owner,
            "runner": self._runner,
            "state": "running" if generation_id else "prepared",
            "request": dict(request) if request else None,
            "expected": expected,
            "dollars": dollars,
            "generation_id": generation_id,
            "created": now,
            "updated": now,
            "epoch": 0,
            "batch": batch,
            "take": take,
        }
        with self._write() as connection:
            if limits:
                self._check_limits(connection, quota_key or owner, dollars, limits)
            connection.execute(_jobs.insert().values(row | {"words": _words_of(request)}))
            if names := names_in(request):
                picture_rows.name_in(
                    connection,
                    str(row["id"]),
                    names,
                    owner=owner,
                    runner=self._runner_or(anywhere=pictures_anywhere),
                    now=now,
                )
            self._hand(connection, str(row["id"]))
        return Entry(**dict.fromkeys(_NAMES) | row)  # type: ignore[arg-type]  # checked by a test

    def take_all(self, job_ids: Collection[str]) -> dict[str, Entry]:
        """Make these jobs ours that there is something to drive of: whoever took one before writes
        nothing into it any more.

        `updated` stays: it tells since when a request may be on its way.
        """
        there = (_jobs.c.id.in_(job_ids), _jobs.c.state.in_(TO_DRIVE), _jobs.c.deleted.is_(None))
        # Locked in one order: two servers that take the same ones would wait for each other.
        in_order = sa.select(_jobs.c.id).where(*there).order_by(_jobs.c.id).with_for_update()
        statement = (
            _jobs.update()
            .where(_jobs.c.id.in_(in_order), *there)
            .values(epoch=_jobs.c.epoch + 1, runner=self._runner)
            .returning(*_ENTRY)
        )
        with self._write() as connection:
            rows = connection.execute(statement).all()
        return {entry.id: entry for entry in map(_entry, rows)}

    def move(
        self,
        job_id: str,
        was: State | Collection[State],
        to: State,
        *,
        epoch: int | None = None,
        hand: bool = False,
        **changes: object,
    ) -> bool:
        """Change the state if it is `was`; tell whether this call did.

        With `epoch`, only as long as nobody else took the job.  With `hand` it is somebody's to
        drive from then on, who may be another server.  Who goes on with a job that rested drives
        it, whoever did so before.  What is taken by the service gets the time of that, for a limit
        counts by it.
        """
        before: Collection[State] = (was,) if isinstance(was, str) else was
        forbidden = [state for state in before if to not in TRANSITIONS[state]]
        if forbidden:
            raise ValueError(f"no arrow leads from {forbidden[0]} to {to}")
        if to in ACTIVE_STATES and not {*before} & {*ACTIVE_STATES}:
            changes["runner"] = self._runner
        if to == "running" and {*before} <= {*WITHOUT_ID}:
            changes.setdefault("submitted", self._clock())
        statement = (
            _jobs.update()
            .where(_jobs.c.id == job_id, _jobs.c.state.in_(before), _jobs.c.deleted.is_(None))
            .values(state=to, updated=self._clock(), **changes)
        )
        if epoch is not None:
            statement = statement.where(_jobs.c.epoch == epoch)
        with self._write() as connection:
            moved = connection.execute(statement).rowcount == 1
            if moved and hand:
                self._hand(connection, job_id)
            return moved

    def found(self, job_id: str, generation_id: str) -> bool:
        """Write down an id that comes late, whoever took the job since: no id is ever lost.

        The job is then somebody's to drive; False says that nobody missed it.
        """
        now = self._clock()
        statement = (
            _jobs.update()
            .where(
                _jobs.c.id == job_id,
                _jobs.c.state.in_(("submitting", "uncertain")),
                _jobs.c.deleted.is_(None),
            )
            .values(
                state="running", generation_id=generation_id, submitted=now, updated=now, error=None
            )
        )
        with self._write() as connection:
            found = connection.execute(statement).rowcount == 1
            if found:
                self._hand(connection, job_id)
            return found

    def begin_demo_anew(self, job_id: str, generation_id: str, *, epoch: int) -> bool:
        """Follow another generation of a demo service, which costs nothing; tell whether it is so.

        The one that was followed was another server's, and is gone with it.
        """
        now = self._clock()
        statement = (
            _jobs.update()
            .where(
                _jobs.c.id == job_id,
                _jobs.c.payer == "demo",
                _jobs.c.state.in_(ACTIVE_STATES),
                _jobs.c.epoch == epoch,
            )
            .values(state="running", generation_id=generation_id, submitted=now, updated=now)
        )
        with self._write() as connection:
            return connection.execute(statement).rowcount == 1

    def install_engine(self, version: str, schema: str) -> str:
        """Make the tables of an engine with `schema`, once; tell by which version they were made.

        All servers that begin at once wait for the first.
        """
        with self._write() as connection:
            _wait_for_other_servers(connection)
            made_by = connection.scalar(sa.select(_version.c.engine))
            if made_by is None:
                # Many statements with a % here and there, which are no parameters.
                connection.execution_options(no_parameters=True).exec_driver_sql(schema)
                connection.execute(_version.update().values(engine=version))
            return made_by or version

    def delete(self, job_id: str) -> bool:
        """Forget what a job was, once nobody drives it any more; what it cost is kept.

        So is the clip's id, until `clip_removed`: a crash must not leave files that no row
        names.  SQLite overwrites the rest in its files; Postgres does so in its own time.
        """
        what_it_was = ("request", "words", "error", "facts", "starred", "batch", "take")
        forgotten = dict.fromkeys(what_it_was)
        statement = (
            _jobs.update()
            .where(
                _jobs.c.id == job_id, _jobs.c.state.not_in(ACTIVE_STATES), _jobs.c.deleted.is_(None)
            )
            .values(deleted=self._clock(), generation_id=None, **forgotten)
        )
        with self._write() as connection:
            deleted = connection.execute(statement).rowcount == 1
            if deleted:
                picture_rows.let_go(connection, [job_id])
        if deleted:
            self._empty_journal()
        return deleted

    def remove(self, job_id: str) -> None:
        """Take out the whole row of a job that was only looked for; what was asked here stays."""
        statement = _jobs.delete().where(_jobs.c.id == job_id, _ONLY_LOOKED_FOR)
        with self._write() as connection:
            connection.execute(statement)

    def clip_removed(self, job_id: str, *, anywhere: bool = False) -> None:
        """Forget the id of a deleted job's clip, now that its files are removed.

        Another runner's stays until that has removed it, for the clip lies in its folder; not so
        `anywhere`, where all of them reach all clips.
        """
        statement = (
            _jobs.update()
            .where(
                _jobs.c.id == job_id,
                sa.true() if anywhere else _jobs.c.runner == self._runner,
                _jobs.c.deleted.is_not(None),
            )
            .values(clip=None)
        )
        with self._write() as connection:
            connection.execute(statement)
        self._empty_journal()

    def awaiting_file_removal(self, *, anywhere: bool = False) -> list[Entry]:
        """This runner's deleted jobs whose clip may still be there, or any runner's."""
        return list(
            self._read(
                sa.true() if anywhere else _jobs.c.runner == self._runner,
                _jobs.c.deleted.is_not(None),
                _jobs.c.clip.is_not(None),
            )
        )

    # Clips that several servers share

    def take_off_oldest(self, most_bytes: float, in_use: Collection[str]) -> None:
        """Take the oldest clips off their rows until the rest has room, and list them for removal.

        Demo clips go first, and none pushes out what was paid for.  A clip in `in_use` stays.
        """
        size = _jobs.c.facts["size"].as_float()
        finished = (_jobs.c.state == "done", _jobs.c.clip.is_not(None), _jobs.c.deleted.is_(None))
        of_each = sa.select(_jobs.c.clip, _jobs.c.payer, size).where(*finished)
        with self._write() as connection:
            if self._engine.dialect.name == "postgresql":
                # Two servers that read the same sum would both make room.
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('veo_clips'))")
            total = connection.scalar(sa.select(sa.func.sum(size)).where(*finished))
            if (total or 0.0) <= most_bytes:
                return
            clips = connection.execute(of_each.order_by(_jobs.c.updated, _jobs.c.id)).all()
            for clip in _too_many(clips, most_bytes, in_use):
                row = _jobs.update().where(_jobs.c.clip == clip, *finished).values(clip=None)
                if connection.execute(row).rowcount:
                    connection.execute(_clips_to_remove.insert().values(clip=clip))

    def clips_to_remove(self) -> list[str]:
        return [clip for (clip,) in self._rows(sa.select(_clips_to_remove.c.clip))]

    def clip_is_gone(self, clip: str) -> None:
        """Take a clip off the list, now that its files are removed."""
        with self._write() as connection:
            connection.execute(_clips_to_remove.delete().where(_clips_to_remove.c.clip == clip))

    def awaits_clip(self, clip: str) -> bool:
        """Whether a job that is not done says that this clip comes."""
        arrives = (_jobs.c.clip == clip, _jobs.c.state != "done", _jobs.c.deleted.is_(None))
        return any(self._read(*arrives, limit=1))

    # Pictures that films are made from: `backend.picture_rows` has their tables

    def reserve_picture(
        self,
        name: str,
        *,
        owner: str,
        quota_key: str,
        size: int,
        room: Room,
        anywhere: bool = False,
    ) -> str:
        """Count a picture and give the id for its bytes; `PicturesFull` writes nothing."""
        row = {"name": name, "owner": owner, "quota_key": quota_key, "size": size}
        with self._write() as connection:
            return picture_rows.reserve(
                connection,
                room,
                anywhere=anywhere,
                runner=self._runner,
                kept=self._clock(),
                **row,
            )

    def picture_arrived(self, file: str) -> bool:
        """Let jobs name a picture, now that its bytes are there; False says that it is too late."""
        with self._write() as connection:
            return picture_rows.arrived(connection, file, self._clock())

    def picture_file(self, name: str, owner: str, *, anywhere: bool = False) -> str | None:
        """The id of the bytes of a visitor's own picture."""
        query = picture_rows.found(name, owner, self._runner_or(anywhere=anywhere))
        return next((file for (file,) in self._rows(query)), None)

    def take_off_pictures(self, unused_for: float, *, anywhere: bool = False) -> None:
        """List those for removal that no job names and nobody brought or used for so long.

        What one call of a program asked for nobody can delete: its pictures go likewise, once it
        has ended.  A server of an earlier version deletes jobs and knows no pictures.
        """
        before = self._clock() - unused_for
        of_one_call = (
            _jobs.c.owner.startswith(ONE_CALL)
            & _jobs.c.state.not_in(ACTIVE_STATES)
            & (_jobs.c.updated < before)
        )
        ended = sa.select(_jobs.c.id).where(_jobs.c.deleted.is_not(None) | of_one_call)
        with self._write() as connection:
            picture_rows.let_go(connection, ended)
            runner = self._runner_or(anywhere=anywhere)
            picture_rows.take_off_old(connection, before, runner)

    def pictures_to_remove(self, *, anywhere: bool = False) -> list[str]:
        query = picture_rows.to_remove(self._runner_or(anywhere=anywhere))
        return [file for (file,) in self._rows(query)]

    def picture_is_gone(self, file: str) -> None:
        """Take a picture off the list, now that its bytes are removed."""
        with self._write() as connection:
            picture_rows.is_removed(connection, file)

    def _runner_or(self, *, anywhere: bool) -> str | None:
        return None if anywhere else self._runner

    def get(self, job_id: str) -> Entry | None:
        """The job, unless there is none or it was deleted."""
        return next(self._read(_jobs.c.id == job_id, _jobs.c.deleted.is_(None)), None)

    def by_ids(self, job_ids: Collection[str]) -> list[Entry]:
        """These jobs as they stand, in one statement; without those that are not there."""
        return list(self._read(_jobs.c.id.in_(job_ids), _jobs.c.deleted.is_(None)))

    def of(self, owner: str, limit: int = 100, *, sought: Sought = EVERY_JOB) -> list[Entry]:
        """A visitor's jobs, newest first."""
        return list(
            self._read(
                _jobs.c.owner == owner,
                _jobs.c.deleted.is_(None),
                _ONLY[sought.only],
                *(
                    _jobs.c.words.contains(word, autoescape=True)
                    for word in _as_searched(sought.words).split()[:MOST_WORDS]
                ),
                *([_is_older(*sought.older_than)] if sought.older_than else []),
                newest_first=True,
                limit=limit,
            )
        )

    def newest(self, owner: str, limit: int) -> tuple[list[Entry], Held]:
        """A visitor's newest jobs, and what `held` tells, which is asked only if there are more."""
        entries = [*map(_entry, self._rows(_NEWEST, owner=owner, limit=limit))]
        return entries, Held.of(entries) if len(entries) < limit else self.held(owner)

    def held(self, owner: str) -> Held:
        """How many jobs a visitor has, of which kind, and the bytes of their clips."""
        arrived = (_jobs.c.state == "done") & _jobs.c.clip.is_not(None)
        size = sa.func.sum(_jobs.c.facts["size"].as_float()).filter(arrived)
        counts: list[sa.ColumnElement[Any]] = [
            sa.func.count().filter(which) for which in _ONLY.values()
        ]
        query = sa.select(*counts, sa.func.coalesce(size, 0.0)).where(
            _jobs.c.owner == owner, _jobs.c.deleted.is_(None)
        )
        every, starred, running, failed, size = self._rows(query)[0]
        return Held(all=every, starred=starred, running=running, failed=failed, bytes=size)

    def star(self, job_id: str, owner: str, *, starred: bool) -> bool:
        """Give a visitor's own job a star, or take it away; tell whether it is theirs."""
        statement = (
            _jobs.update()
            .where(_jobs.c.id == job_id, _jobs.c.owner == owner, _jobs.c.deleted.is_(None))
            .values(starred=self._clock() if starred else None)
        )
        with self._write() as connection:
            return connection.execute(statement).rowcount == 1

    def with_id(self, owner: str, generation_id: str) -> list[Entry]:
        """A visitor's jobs that have this id, newest first, whoever drives them."""
        # As text, for Postgres cannot compare JSON; both kinds keep it as it was written.
        same_id = sa.cast(_jobs.c.generation_id, sa.Text) == json.dumps(generation_id)
        mine = (_jobs.c.owner == owner, _jobs.c.deleted.is_(None))
        return list(self._read(*mine, same_id, newest_first=True))

    def only_looked_for(self) -> list[Entry]:
        """This runner's jobs that are known by their id alone, and were not asked for here."""
        return list(self._read(_jobs.c.runner == self._runner, _ONLY_LOOKED_FOR))

    def was_taken_since(self, generation_id: str, payer: Payer, since: float) -> bool:
        """Whether the service gave this id to anybody here since then."""
        same_id = sa.cast(_jobs.c.generation_id, sa.Text) == json.dumps(generation_id)
        # By `created`, too, for which there is an index.
        lately = (_jobs.c.created >= since - DAY, _jobs.c.submitted >= since)
        return any(self._read(_jobs.c.payer == payer, *lately, same_id, limit=1))

    def in_states(
        self, *states: State, owner: str | None = None, anywhere: bool = False
    ) -> list[Entry]:
        """This runner's jobs in any of `states`, oldest first; those of one visitor, if told;
        `anywhere`: whoever drove them."""
        return list(
            self._read(
                *([] if anywhere else [_jobs.c.runner == self._runner]),
                _jobs.c.state.in_(states),
                _jobs.c.deleted.is_(None),
                *([_jobs.c.owner == owner] if owner else []),
            )
        )

    def spent(self, owner: str, since: float) -> Spent:
        """What the clips that `owner` asked for since then cost, the deleted ones too.

        Neither demo clips count nor those that were only fetched, by an id from elsewhere.
        """
        query = sa.select(
            sa.func.coalesce(sa.func.sum(_jobs.c.dollars), 0.0),
            sa.func.count().filter(_jobs.c.state != "done"),
            sa.func.count() - sa.func.count(_jobs.c.dollars),
        ).where(
            _jobs.c.owner == owner,
            _jobs.c.created >= since,
            _jobs.c.payer != "demo",
            _jobs.c.state.not_in(UNCHARGED_STATES),
            _ASKED_HERE,
        )
        dollars, unfinished, unpriced = self._rows(query)[0]
        return Spent(dollars=dollars, may_be_less=unfinished > 0, may_be_more=unpriced > 0)

    def typical_seconds(self, request: Mapping[str, object]) -> float | None:
        """Median seconds of the latest finished jobs with the same model, size and length.

        What no generation takes came of a clock that was set, or a machine that slept.
        """
        alike = ("model", "resolution", "duration")
        took = sorted(
            entry.facts["took"]
            for entry in self._read(
                _jobs.c.state == "done",
                _jobs.c.payer != "demo",
                _jobs.c.facts.is_not(None),
                newest_first=True,
                limit=200,
            )
            if entry.facts
            and _may_have_taken(entry.facts.get("took"))
            and entry.request
            and all(entry.request.get(name) == request.get(name) for name in alike)
        )
        return float(took[len(took) // 2]) if len(took) >= 3 else None

    def _check_limits(
        self, connection: sa.Connection, quota_key: str, dollars: float | None, limits: Limits
    ) -> None:
        """Raise `LimitReached` if one more clip of the server's is above a limit, `PriceNotTold` if
        that cannot be known."""
        whose: Literal["visitor", "everybody"]
        if self._engine.dialect.name == "postgresql":
            # Two visitors who read the same sum would both be below the limit.  No lock of the
            # table, for which every other server's move would wait.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('veo_limits'))")
        lowest = min(limits.dollars, limits.dollars_a_visitor)
        if dollars is None and lowest < math.inf:
            raise PriceNotTold(limit=lowest)
        spent = sa.select(
            sa.func.count(), sa.func.coalesce(sa.func.sum(_jobs.c.dollars), 0.0)
        ).where(
            _jobs.c.payer == "server",
            _jobs.c.created > self._clock() - DAY,
            _jobs.c.state.not_in(UNCHARGED_STATES),
            _ASKED_HERE,
        )
        for whose, query, most_clips, most_dollars in (
            (
                "visitor",
                spent.where(_jobs.c.quota_key == quota_key),
                limits.clips_a_visitor,
                limits.dollars_a_visitor,
            ),
            ("everybody", spent, limits.clips, limits.dollars),
        ):
            clips, cost = connection.execute(query).one()
            if clips + 1 > most_clips:
                raise LimitReached(
                    whose=whose, counted="clips", limit=most_clips, so_far=clips, this_clip=1
                )
            # Rounded, for three clips at $0.40 are $1.2000000000000002; and so that NaN is refused.
            if not round(cost + (dollars or 0.0), 6) <= most_dollars:
                raise LimitReached(
                    whose=whose,
                    counted="dollars",
                    limit=most_dollars,
                    so_far=cost,
                    this_clip=dollars or 0.0,
                )

    def _empty_journal(self) -> None:
        """Write what SQLite has beside its file into it, where it overwrites what was deleted."""
        if self._engine.dialect.name == "sqlite":
            with closing(self._engine.raw_connection()) as raw, suppress(sqlite3.Error):
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        """One transaction; whatever stands in its way is `NotWritten`."""
        try:
            with self._writing.begin() as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            raise NotWritten(str(error.orig)) from error
        except sa.exc.TimeoutError as error:
            raise NotWritten("too many write at once") from error
        if self._copy:
            self._write_copy(self._copy)

    def _write_copy(self, copy: Path) -> None:
        unnamed = copy.with_name(f"{copy.name}.part")
        try:
            _make_private(unnamed)
            with closing(self._engine.raw_connection()) as raw:
                sqlite: Any = raw.driver_connection
                unnamed.write_bytes(sqlite.serialize())
            publish(unnamed, copy)
        except (OSError, sqlite3.Error) as error:
            raise NotWritten(f"its copy {copy}: {error}") from error

    def _read(
        self, *where: sa.ColumnElement[bool], newest_first: bool = False, limit: int | None = None
    ) -> Iterator[Entry]:
        order = _NEWEST_FIRST if newest_first else (_jobs.c.created,)
        query = sa.select(*_ENTRY).where(*where).order_by(*order).limit(limit)
        return map(_entry, self._rows(query))

    def _rows(self, query: sa.Select[Any], **named: object) -> Sequence[Any]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query, named).all()
        except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            raise OutOfReach(str(getattr(error, "orig", error))) from error


def _entry(row: Sequence[Any]) -> Entry:
    return Entry(**dict(zip(_NAMES, row, strict=True)))


def _is_older(created: float, job_id: str) -> sa.ColumnElement[bool]:
    at_once = (_jobs.c.created == created) & (_jobs.c.id < job_id)
    return (_jobs.c.created < created) | at_once


def names_in(request: Mapping[str, object] | None) -> frozenset[str]:
    """The pictures on our shelf that a request names."""
    given = [(request or {}).get(field) for field in INPUTS]
    flat = [each for value in given for each in (value if isinstance(value, list) else [value])]
    return frozenset(each for each in flat if isinstance(each, str) and each.startswith(PICTURE))


def _words_of(request: Mapping[str, object] | None) -> str | None:
    return _as_searched(str(request.get("prompt", ""))) if request else None


def _as_searched(text: str) -> str:
    """`text` in one case and one spelling, without what Postgres takes in no text."""
    whole = text.replace("\0", " ").encode(errors="ignore").decode()
    return unicodedata.normalize("NFKC", whole).casefold()


def _to_nobody(_connection: sa.Connection, _job_id: str) -> None:
    """Hand a job to no engine: the one process that drives it is told by a call."""


def _too_many(clips: Sequence[Any], most_bytes: float, in_use: Collection[str]) -> Iterator[str]:
    """Those of `clips`, the oldest first, that have no room: each is its id, payer and bytes."""
    known = [(clip, payer == "demo", size or 0.0) for clip, payer, size in clips]
    paid = sum(size for _, is_demo, size in known if not is_demo)
    total = {True: sum(size for _, is_demo, size in known if is_demo), False: paid}
    room = {True: most_bytes - paid, False: most_bytes}
    for clip, is_demo, size in known:
        if total[is_demo] > room[is_demo] and clip not in in_use:
            total[is_demo] -= size
            yield clip


def _may_have_taken(told: object) -> bool:
    seconds = read_number(told)
    return seconds is not None and seconds == bounded_expected(seconds)


def open_ledger(
    url: str | sa.URL, *, runner: str = "", hand: Hand | None = None, copy: Path | None = None
) -> Ledger:
    """Open the ledger; an SQLite file that cannot be used is moved aside, never overwritten.

    It is then named in the log.  A database of another kind that cannot be used stays, and
    `UnusableLedger` says why.  A file that is not there any more begins as its `copy`.
    """
    path = _file_of(url)
    if path and copy:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path and copy and copy.exists() and not path.exists():
        unnamed = Path(f"{path}.part")
        _make_private(unnamed)
        unnamed.write_bytes(copy.read_bytes())
        publish(unnamed, path)
    if path:
        _make_private(path)
    if copy:
        keep_private(copy)
    try:
        return Ledger(url, runner=runner, hand=hand, copy=copy)
    except UnusableLedger as error:
        # Not for `NotWritten`, a locked file or a full disk: the ledger may be as good as ever.
        if not path:
            raise
        aside = _moved_aside(path)
        if copy:
            _moved_aside(copy)
        said = "The ledger could not be used and is kept as %s; a new one was begun. %s"
        logging.getLogger(__name__).warning(said, aside, error)
    _make_private(path)
    return Ledger(url, runner=runner, hand=hand, copy=copy)


def _file_of(url: str | sa.URL) -> Path | None:
    """The file of an SQLite database."""
    with suppress(sa.exc.ArgumentError):  # which `Ledger` tells
        known = sa.make_url(url)
        name = known.database or ":memory:"
        if known.get_backend_name() == "sqlite" and not name.startswith((":memory:", "file:")):
            return Path(name)
    return None


def _make_private(path: Path) -> None:
    """Make `path`, if need be, as a file that nobody else may read: it will hold prompts.

    What SQLite makes beside its file has the same rights.
    """
    with suppress(OSError):  # which writing will tell
        if not path.exists():
            path.touch(mode=0o600)
    for ending in ("", "-wal", "-shm"):
        beside = Path(f"{path}{ending}")
        if beside.is_file():
            keep_private(beside)


def _moved_aside(path: Path) -> Path:
    """Rename the file, with what SQLite keeps beside it, to a name that was free."""
    aside = path.with_name(f"{path.name}.{time.strftime('%Y-%m-%d-%H%M%S')}.{secrets.token_hex(2)}")
    for ending in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            Path(f"{path}{ending}").rename(f"{aside}{ending}")
    return aside


def _require_ours(connection: sa.Connection) -> None:
    """Make what is missing; raise `UnusableLedger` if this is no ledger of this version."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        if found != "ok":
            raise UnusableLedger(f"it is damaged ({found})")
    _wait_for_other_servers(connection)
    _metadata.create_all(connection)
    picture_rows.metadata.create_all(connection)
    version = connection.scalar(sa.select(_version.c.version))
    if version is None:
        connection.execute(_version.insert().values(version=VERSION))
    elif version in LACKS:
        for earlier in range(version, VERSION):
            LACKS[earlier](connection)
        connection.execute(_version.update().values(version=VERSION))
    elif version != VERSION:
        raise UnusableLedger(f"it was written by another version ({version}, not {VERSION})")
    connection.execute(sa.select(_jobs).limit(0))  # fails if the columns are others


def _wait_for_other_servers(connection: sa.Connection) -> None:
    """Two servers that begin at once would make the same tables; SQLite lets one write anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('veo_ledger'))")


def _add_what_version_1_lacks(connection: sa.Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE veo_ledger ADD COLUMN engine VARCHAR(32)")
    connection.exec_driver_sql("ALTER TABLE veo_jobs ADD COLUMN epoch INTEGER DEFAULT 0 NOT NULL")


def _add_what_version_2_lacks(connection: sa.Connection) -> None:
    for name, kind in (
        ("starred", "DOUBLE PRECISION"),
        ("batch", "VARCHAR(64)"),
        ("take", "INTEGER"),
        ("words", "TEXT"),
    ):
        connection.exec_driver_sql(f"ALTER TABLE veo_jobs ADD COLUMN {name} {kind}")
    asked = sa.select(_jobs.c.id, _jobs.c.request).where(_jobs.c.request.is_not(sa.null()))
    words = [
        {"job": job_id, "said": _words_of(request)}
        for job_id, request in connection.execute(asked).all()
    ]
    if words:
        its_row = _jobs.c.id == sa.bindparam("job")
        connection.execute(_jobs.update().where(its_row).values(words=sa.bindparam("said")), words)


def _add_what_version_3_lacks(_connection: sa.Connection) -> None:
    """The tables of pictures, which are made by now: no job of then names one."""


LACKS = {
    1: _add_what_version_1_lacks,
    2: _add_what_version_2_lacks,
    3: _add_what_version_3_lacks,
}
"""What brings a ledger of that version to the next one."""


def _may_pass(error: Exception) -> bool:
    """Whether it may go better later: locked, full or out of reach, not damaged or another's."""
    if not isinstance(error, sa.exc.OperationalError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        # So SQLite names a missing column; Python gives no name to text that it cannot read.
        return getattr(error.orig, "sqlite_errorname", "SQLITE_ERROR") != "SQLITE_ERROR"
    return True


def _make_sqlite_safe(engine: sa.Engine) -> None:
    """Commits that survive a power cut, readers that never wait, writers one after the other."""

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # else sqlite3 begins transactions by its own rules
        try:
            for pragma in (
                f"busy_timeout={BUSY_TIMEOUT}",
                "journal_mode=WAL",
                "synchronous=FULL",
                "secure_delete=ON",
            ):
                connection.execute(f"PRAGMA {pragma}")
        except (sqlite3.Error, UnicodeError):
            connection.close()
            raise

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A reader that comes to write finds the database changed and fails: a writer says so first.
        writing = connection.get_execution_options().get("writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _make_postgres_safe(engine: sa.Engine) -> None:
    """No wait is endless: for another writer, for one that is frozen in the middle of a write, for
    a network that answers nothing."""

    @sa.event.listens_for(engine, "do_connect")
    def prepare(dialect: sa.Dialect, _record: object, _address: object, options: Any) -> None:
        if dialect.driver.startswith("psycopg"):
            options.setdefault("connect_timeout", CONNECT_TIMEOUT)
            options.setdefault("tcp_user_timeout", SILENCE_TIMEOUT)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(
            f"SELECT set_config('lock_timeout', '{BUSY_TIMEOUT}', true), "
            f"set_config('idle_in_transaction_session_timeout', '{IDLE_TIMEOUT}', true)"
        )
