"""Which pictures there are, whose they are and which jobs name them: the ledger's tables of them.

    reserve      Count a picture before its bytes are written: a crash leaves none without a row.
    arrived      Its bytes are there: from now on a job may name it.
    name_in      In the transaction that writes a job down: what a job names is there.
    let_go       In the one that deletes it: what no other job names is listed for removal.

A picture's bytes lie under an id of their own, and none of it is given out again: what is removed
late is never what was kept anew.  Every function here works in a transaction of `backend.ledger`.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

metadata = sa.MetaData()

_pictures = sa.Table(
    "veo_pictures",
    metadata,
    sa.Column("file", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("owner", sa.String(128), nullable=False),
    sa.Column("quota_key", sa.String(128), nullable=False),
    sa.Column("runner", sa.String(64), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("kept", sa.Double, nullable=False),
    sa.Column("arrived", sa.Double),
    sa.Index("veo_pictures_by_name", "name"),
    sa.Index("veo_pictures_by_owner", "owner"),
)

_uses = sa.Table(
    "veo_picture_uses",
    metadata,
    sa.Column("job", sa.String(64), primary_key=True),
    sa.Column("file", sa.String(64), primary_key=True),
    sa.Index("veo_picture_uses_by_file", "file"),
)

# Those that are on no row any more and whose bytes may still be there.
_to_remove = sa.Table(
    "veo_pictures_to_remove",
    metadata,
    sa.Column("file", sa.String(64), primary_key=True),
    sa.Column("runner", sa.String(64), nullable=False),
)

_IS_NAMED = sa.exists().where(_uses.c.file == _pictures.c.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many pictures are kept, and how many bytes of them; infinite is no limit."""

    unnamed: float = 40
    """Of one visitor, that no clip was asked for with."""
    unnamed_of_a_network: float = 400
    """Of all visitors with one address, for an id in a browser is to be had for the asking."""
    pictures: float = 400
    """Of one visitor, in all."""
    bytes: float = 256 << 20
    """Likewise."""
    bytes_of_all: float = math.inf


class PicturesFull(Exception):
    """One more picture would be above a limit of `Room`; nothing was written."""

    def __init__(self, *, whose: Literal["visitor", "everybody"], for_an_hour: bool) -> None:
        super().__init__(f"the pictures of {whose}")
        self.whose = whose
        self.for_an_hour = for_an_hour
        """Whether there is room by itself once those are gone that no clip was asked for with."""


class PicturesGone(Exception):
    """A job names pictures that are not there, or are another's; nothing was written."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(f"{len(names)} pictures are not there")
        self.names = frozenset(names)


def one_at_a_time(connection: sa.Connection) -> None:
    """Let no other transaction about pictures in between; SQLite lets one write anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('veo_pictures'))")


def reserve(connection: sa.Connection, room: Room, *, anywhere: bool, **row: Any) -> str:
    """Count a picture and give the id for its bytes; raises `PicturesFull`.

    One that its owner has here already keeps its id, and is kept for an hour from now.
    """
    one_at_a_time(connection)
    here = sa.true() if anywhere else _pictures.c.runner == row["runner"]
    same = (_pictures.c.name == row["name"], here)
    file: str | None = connection.scalar(sa.select(_pictures.c.file).where(*same))
    if file:
        connection.execute(_pictures.update().where(*same).values(kept=row["kept"]))
        return file
    _check_room(connection, room, row)
    file = secrets.token_urlsafe(16)
    connection.execute(_pictures.insert().values(row | {"file": file}))
    return file


def _check_room(connection: sa.Connection, room: Room, row: dict[str, Any]) -> None:
    count, size = sa.func.count(), sa.func.coalesce(sa.func.sum(_pictures.c.size), 0)
    hers, of_all = _pictures.c.owner == row["owner"], sa.true()
    from_there = _pictures.c.quota_key == row["quota_key"]
    whose: Literal["visitor", "everybody"]
    for most, more, counted, where, whose, for_an_hour in (
        (room.unnamed, 1, count, hers & ~_IS_NAMED, "visitor", True),
        (room.unnamed_of_a_network, 1, count, from_there & ~_IS_NAMED, "visitor", True),
        (room.pictures, 1, count, hers, "visitor", False),
        (room.bytes, row["size"], size, hers, "visitor", False),
        (room.bytes_of_all, row["size"], size, of_all, "everybody", False),
    ):
        query = sa.select(counted).select_from(_pictures).where(where)
        if (connection.scalar(query) or 0) + more > most:
            raise PicturesFull(whose=whose, for_an_hour=for_an_hour)


def arrived(connection: sa.Connection, file: str, now: float) -> bool:
    """Note that the bytes are there; False says that nobody waits for them any more."""
    its_row = _pictures.c.file == file
    return connection.execute(_pictures.update().where(its_row).values(arrived=now)).rowcount == 1


def found(name: str, owner: str, runner: str | None) -> sa.Select[Any]:
    """Ask for the id of a visitor's own picture, in the folder of `runner` or anywhere."""
    return sa.select(_pictures.c.file).where(*_is_theirs([name], owner, runner))


def _is_theirs(
    names: Collection[str], owner: str, runner: str | None
) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _pictures.c.name.in_(names),
        _pictures.c.owner == owner,
        _pictures.c.arrived.is_not(None),
        sa.true() if runner is None else _pictures.c.runner == runner,
    )


def name_in(
    connection: sa.Connection,
    job_id: str,
    names: Collection[str],
    *,
    owner: str,
    runner: str | None,
    now: float,
) -> None:
    """Write down that a job names these pictures of its owner; raises `PicturesGone`."""
    one_at_a_time(connection)
    theirs = _pictures.update().where(*_is_theirs(names, owner, runner)).values(kept=now)
    rows = connection.execute(theirs.returning(_pictures.c.name, _pictures.c.file)).all()
    there = {name: file for name, file in rows}
    if missing := {*names} - {*there}:
        raise PicturesGone(missing)
    uses = [{"job": job_id, "file": file} for file in there.values()]
    connection.execute(_uses.insert(), uses)


def let_go(connection: sa.Connection, jobs: Collection[str] | sa.Select[Any]) -> None:
    """Forget what these jobs name, and list what no other names for removal."""
    named = sa.select(_uses.c.file).where(_uses.c.job.in_(jobs))
    if connection.execute(named.limit(1)).first() is None:
        return
    one_at_a_time(connection)
    files = [file for (file,) in connection.execute(named.distinct())]
    connection.execute(_uses.delete().where(_uses.c.job.in_(jobs)))
    _take_off(connection, _pictures.c.file.in_(files))


def take_off_old(connection: sa.Connection, kept_before: float, runner: str | None) -> None:
    """List those for removal that no job names and nobody brought or used since."""
    one_at_a_time(connection)
    here = sa.true() if runner is None else _pictures.c.runner == runner
    _take_off(connection, (_pictures.c.kept < kept_before) & here)


def _take_off(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    gone = _pictures.delete().where(which, ~_IS_NAMED)
    rows = connection.execute(gone.returning(_pictures.c.file, _pictures.c.runner)).all()
    if rows:
        connection.execute(
            _to_remove.insert(), [{"file": file, "runner": runner} for file, runner in rows]
        )


def to_remove(runner: str | None) -> sa.Select[Any]:
    """Ask for the ids of bytes that are to go, from the folder of `runner` or anywhere."""
    here = sa.true() if runner is None else _to_remove.c.runner == runner
    return sa.select(_to_remove.c.file).where(here)


def is_removed(connection: sa.Connection, file: str) -> None:
    connection.execute(_to_remove.delete().where(_to_remove.c.file == file))
