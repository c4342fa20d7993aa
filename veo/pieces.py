"""A request as it leaves: JSON whose pictures are written into it piece by piece.

`json=` of `requests` holds a picture of 8 MB four times at once: as base64, in the JSON's text, in
that text's bytes, and as it was.  Here it is held as it was, and a piece of it.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from veo.models import IN_WORDS, INPUTS, LARGEST_CLIP, LARGEST_PICTURE, is_kept_here, problem_with
from veo.network import is_loopback
from veo.types import InvalidRequest, VideoRequest

__all__ = ["Attach", "Pieces", "data_uri", "problem_with_bytes", "request_body"]

Attach = Callable[[str], str | bytes]
"""Makes an address of a request into what the service can read: another address, or the bytes."""

PIECE = 48 << 10
"""Bytes of a picture that are written at a time.  It can be divided by three, so that each piece is
whole base64; as base64 it is 64 KiB."""

KINDS = (
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"\x89PNG\r\n\x1a\n", "image/png"),
    (rb"(?s)RIFF....WEBP", "image/webp"),
    (rb"(?s)....ftyp", "video/mp4"),
)
"""How a file begins that may be sent, and what it is called."""


def data_uri(content: bytes) -> str:
    """A JPEG, PNG or WebP picture, or an MP4 clip, as an address that holds it whole."""
    return _head(content) + base64.b64encode(content).decode()


def request_body(request: VideoRequest, attach: Attach | None = None) -> Pieces:
    """What is sent of `request`; `InvalidRequest` where the service could not read an address."""
    body = request.body(attach or (lambda address: address))
    for name in INPUTS:
        if name in body:
            for value in body[name] if isinstance(body[name], list) else [body[name]]:
                _check(name, value)
    return Pieces(body)


class Pieces:
    """A JSON object as an iterable of bytes that knows its length, as `requests` streams it.

    Bytes anywhere in it become a data URI.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._heavy: list[str | bytes] = []
        # Where a picture goes stands a name that nobody can have written.
        self._mark = secrets.token_hex(16)
        text = json.dumps({name: self._lightened(value) for name, value in body.items()})
        self._light = [each.encode() for each in text.split(self._mark)]

    def _lightened(self, value: Any) -> Any:
        if isinstance(value, list):
            return [*map(self._lightened, value)]
        if isinstance(value, bytes) or (isinstance(value, str) and len(value) > PIECE):
            self._heavy.append(value)
            return self._mark
        return value

    def __len__(self) -> int:
        return sum(map(len, self._light)) + sum(map(_length, self._heavy))

    def __iter__(self) -> Iterator[bytes]:
        yield self._light[0]
        for heavy, light in zip(self._heavy, self._light[1:], strict=True):
            yield from _in_pieces(heavy)
            yield light


def _length(heavy: str | bytes) -> int:
    if isinstance(heavy, str):
        return len(heavy)
    return len(_head(heavy)) + (len(heavy) + 2) // 3 * 4


def _in_pieces(heavy: str | bytes) -> Iterator[bytes]:
    if isinstance(heavy, str):  # a data URI, which is ASCII and has nothing that JSON escapes
        for start in range(0, len(heavy), PIECE):
            yield heavy[start : start + PIECE].encode()
        return
    yield _head(heavy).encode()
    for start in range(0, len(heavy), PIECE):
        yield base64.b64encode(memoryview(heavy)[start : start + PIECE])


def _head(content: bytes) -> str:
    kind = _kind(content)
    if kind is None:
        raise InvalidRequest("This is no JPEG, PNG or WebP picture and no MP4 clip.")
    return f"data:{kind};base64,"


def _kind(content: bytes) -> str | None:
    return next((kind for begins, kind in KINDS if re.match(begins, content)), None)


def _check(name: str, value: object) -> None:
    """Raise `InvalidRequest` unless the service can read what goes into the field `name`."""
    words = "A reference" if name == "image_urls" else IN_WORDS[name]
    if isinstance(value, bytes):
        problem = problem_with_bytes(name, value)
    elif isinstance(value, str) and is_kept_here(value):
        problem = f"{words} is not here any more."
    elif isinstance(value, str) and _is_on_this_machine(value):
        problem = None  # of the demo service, which asks nobody else
    else:
        problem = problem_with(name, value)
    if problem:
        raise InvalidRequest(problem, field=name)


def problem_with_bytes(name: str, content: bytes) -> str | None:
    """Why `content` cannot be sent in the field `name`, in a sentence."""
    words = "A reference" if name == "image_urls" else IN_WORDS[name]
    is_clip = name == "video_url"
    largest, kind = LARGEST_CLIP if is_clip else LARGEST_PICTURE, _kind(content)
    if len(content) > largest:
        return f"{words} is larger than {largest >> 20} MiB."
    if kind is None or (kind == "video/mp4") != is_clip:
        return f"{words} must be {'an MP4 clip' if is_clip else 'a JPEG, PNG or WebP picture'}."
    return None


def _is_on_this_machine(address: str) -> bool:
    with suppress(ValueError):
        parts = urlsplit(address)
        return parts.scheme == "http" and is_loopback(parts.hostname or "")
    return False
