"""A visitor's pictures: made into what will be sent, then kept under a name that nobody can guess.

The name is a hash of whose it is and of its bytes, so that nobody learns from it whether another
has the same picture.  A picture's row comes first, then its bytes, and only then may a job name it;
it goes with the last job that names it, or after an hour that nobody used it.  This module knows no
HTTP and no page; `backend.picture_rows` counts, and `backend.storage` has the bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator

from backend.ledger import PICTURE, Ledger
from backend.picture_rows import PicturesFull, PicturesGone, Room
from backend.storage import Storage
from veo.models import IN_WORDS, INPUTS, is_kept_here
from veo.pictures import prepare
from veo_client import InvalidRequest, VideoRequest

__all__ = ["Pictures", "PicturesFull", "PicturesGone", "Room", "are_gone", "kept_here", "name_of"]

UNUSED_FOR = 3600.0
"""Seconds for which a picture is kept that no job names."""
SHARE_OF_CLIPS = 0.25
"""All pictures together take this much of the clips' room, at most."""


def name_of(owner: str, content: bytes) -> str:
    """What a visitor's picture is called in requests, events and the ledger."""
    digest = hashlib.sha256(owner.encode() + b"\0")
    digest.update(content)
    return PICTURE + digest.hexdigest()


def given(request: VideoRequest) -> Iterator[tuple[str, str]]:
    """Each picture or clip of `request`, after its field."""
    for field in INPUTS:
        value = getattr(request, field)
        for each in value if isinstance(value, tuple) else filter(None, (value,)):
            yield field, each


def kept_here(request: VideoRequest) -> Iterator[tuple[str, str]]:
    """Each picture or clip of `request` that is told by a name of ours, after its field."""
    return ((field, each) for field, each in given(request) if is_kept_here(each))


def require_no_data(request: VideoRequest) -> None:
    """Raise `InvalidRequest` if a picture or clip is in `request` itself: the ledger and whatever
    passes a request on hold names only."""
    for field, each in given(request):
        if each.startswith("data:"):
            words = "A reference" if field == "image_urls" else IN_WORDS[field]
            message = f"{words} must be an address or a name: bring it first, and give its name."
            raise InvalidRequest(message, field=field)


def are_gone(request: VideoRequest, names: Collection[str]) -> InvalidRequest:
    """The error of a request that names pictures that are not there, or are another's."""
    field = next(field for field, name in kept_here(request) if name in names)
    words = "A reference" if field == "image_urls" else IN_WORDS[field]
    message = f"{words} is not here any more, so nothing was sent. Choose it again."
    return InvalidRequest(message, field=field)


class Pictures:
    """The pictures of one server's visitors.  Threads may share it."""

    def __init__(self, ledger: Ledger, storage: Storage, *, room: Room | None = None) -> None:
        self._ledger = ledger
        self._storage = storage
        self._room = room or Room(bytes_of_all=storage.most_bytes * SHARE_OF_CLIPS)

    def keep(
        self,
        owner: str,
        content: bytes,
        size: tuple[int, int],
        *,
        crop: bool = True,
        quota_key: str = "",
    ) -> str:
        """Make `content` ready for a film of `size` and keep that; gives its name.

        Raises `BadPicture`, `PicturesFull`, `OutOfReach` or `OSError`.
        """
        ready = prepare(content, size, crop=crop)
        name, ledger = name_of(owner, ready), self._ledger
        file = ledger.reserve_picture(
            name,
            owner=owner,
            quota_key=quota_key or owner,
            size=len(ready),
            room=self._room,
            anywhere=self._storage.is_shared,
        )
        self._storage.put_picture(file, ready)
        if not ledger.picture_arrived(file):  # it took an hour, and was given up
            self._storage.remove_picture(file)
            raise PicturesGone([name])
        return name

    def read(self, owner: str, name: str) -> bytes:
        """A visitor's own picture; raises `PicturesGone`, `OutOfReach` or `BucketAway`."""
        file = None
        if is_kept_here(name):  # no database takes every text
            file = self._ledger.picture_file(name, owner, anywhere=self._storage.is_shared)
        if file is None:
            raise PicturesGone([name])
        try:
            return self._storage.picture(file)
        except FileNotFoundError:
            raise PicturesGone([name]) from None

    def clean_up(self) -> None:
        """Remove what no job names any more, or names not yet after an hour."""
        self._ledger.take_off_pictures(UNUSED_FOR, anywhere=self._storage.is_shared)
        self.remove_listed()

    def remove_listed(self) -> None:
        """Remove what was listed when the last job that named it was deleted."""
        for file in self._ledger.pictures_to_remove(anywhere=self._storage.is_shared):
            if self._storage.remove_picture(file):
                self._ledger.picture_is_gone(file)
