"""Pictures and clips as a person names them: a file, an https address, or the id of a clip.

A request gets an address, or a name of ours; what stands behind a name is read, made ready and
bounded before anything is sent, and attached at sending.  It knows neither options nor prices.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from veo.files import reason
from veo.models import INPUTS, LARGEST_CLIP, LARGEST_UPLOAD, MODELS, Model, models_for
from veo.pieces import problem_with_bytes
from veo.types import InvalidRequest, VeoError, Video, VideoRequest

try:
    from veo import media, pictures
except ModuleNotFoundError:  # av and Pillow are an extra
    media = pictures = None  # type: ignore[assignment]  # modules that are not there

__all__ = ["Given", "model_for"]


def model_for(given: Collection[str], grade: str | None = None) -> str:
    """The likeliest model that makes a film of the fields `given`, of that `grade` if one is asked.

    Other fields than those of pictures and clips do not count: the request says if its model does
    not take one.
    """
    names = models_for(*(name for name in given if name in INPUTS))
    found = [name for name in names if grade in (None, MODELS[name].grade)]
    if found:
        return found[0]
    if "last_image_url" in given and "image_url" not in given:
        message = "No model makes a film of a last picture without a first one."
        raise InvalidRequest(message, field="image_url")
    if not names:
        raise InvalidRequest("No model makes a film of these together.", field="model")
    others = " or ".join(names)
    raise InvalidRequest(f"There is no {grade} model for this: {others} makes it.", field="model")


class Fetches(Protocol):
    """What is needed of a client to get at an earlier clip."""

    def earlier(self, generation_id: str, *, field: str) -> Video: ...
    def download(self, video: Video, path: Path) -> Path: ...


class Given:
    """The pictures and clips of one request."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._addresses: dict[str, str] = {}
        """Of the clips that were given by their ids."""
        self._fields: dict[str, str] = {}
        """The field that each name was given for."""
        self._clips: dict[str, str] = {}
        """The clip's id by the name of its last frame."""
        self._last_of_clip: bytes | None = None
        """The last frame of the clip to go on from, where it was fetched for its shape."""
        self.chooses_shape = False
        """Whether the film has the shape of its first picture."""

    def picture(self, field: str, text: str) -> str:
        """The address or the name of the picture in the file, or at the address, `text`."""
        if text.lower().startswith("https://"):
            return text
        return self._named(field, "picture", _read(text, LARGEST_UPLOAD, field))

    def clip(self, text: str) -> str:
        """The same of a clip to go on from, which may be named by its id."""
        if text.lower().startswith("https://"):
            return text
        if not _is_a_file(text, "video_url"):
            return f"clip:{text}"
        content = _read(text, LARGEST_CLIP, "video_url")
        if problem := problem_with_bytes("video_url", content):
            raise InvalidRequest(problem, field="video_url")
        return self._named("video_url", "clip", content)

    def last_frame_of(self, text: str) -> str:
        """The name of the last frame of the clip in the file, or of the id, `text`."""
        if _is_a_file(text, "image_url"):
            return self._named("image_url", "picture", _last_frame(Path(text).expanduser()))
        name = _name("picture", f"the last frame of {text}".encode(errors="surrogateescape"))
        self._clips[name] = text
        return name

    def shape(self, model: Model) -> str | None:
        """The shape of a film that fits the first picture best, as far as that is here.

        Of a clip to go on from, where the model does not see to that itself.
        """
        if pictures is None or "aspect_ratio" not in model.takes:
            return None
        contents = {self._fields[name]: content for name, content in self._contents.items()}
        first = contents.get("image_url") or self._last_of_clip
        clip = contents.get("video_url")
        if clip is not None and _does_not_look(model):
            with tempfile.TemporaryDirectory(prefix="veo-") as folder:
                path = Path(folder, "clip.mp4")
                path.write_bytes(clip)
                first = _last_frame(path, "video_url")
        return pictures.nearest_shape(first, model.aspect_ratios) if first else None

    def make_ready(self, request: VideoRequest, client: Fetches) -> VideoRequest:
        """Fetch what is not here yet, and make each picture into what will be sent.

        Gives the request as it is then: of the shape of a picture that was fetched.
        """
        for name, generation_id in self._clips.items():
            self._contents[name] = _fetched_last_frame(client, generation_id)
            self._fields[name] = "image_url"
        model, clip = MODELS[request.model], request.video_url or ""
        if clip.startswith("clip:") and clip not in self._contents:
            generation_id = clip.removeprefix("clip:")
            self._addresses[clip] = client.earlier(generation_id, field="video_url").url
            if self.chooses_shape and pictures and _does_not_look(model):
                self._last_of_clip = _fetched_last_frame(client, generation_id)
        if self.chooses_shape and (shape := self.shape(model)):
            request = replace(request, aspect_ratio=shape)
        self.prepare(request)
        return request

    def prepare(self, request: VideoRequest) -> None:
        """Make each picture that is here into what will be sent."""
        for name, content in self._contents.items():
            if name.startswith("picture:"):
                self._contents[name] = _prepared(content, request, self._fields[name])

    def attach(self, name: str) -> str | bytes:
        """What the client sends for an address of the request."""
        return self._contents.get(name) or self._addresses.get(name, name)

    def _named(self, field: str, kind: str, content: bytes) -> str:
        name = _name(kind, content)
        self._contents[name] = content
        self._fields.setdefault(name, field)
        return name


def _name(kind: str, content: bytes) -> str:
    return f"{kind}:{hashlib.sha256(content).hexdigest()}"


def _does_not_look(model: Model) -> bool:
    """Whether a film of `model` has the shape that is asked for, whatever clip it goes on from."""
    return "aspect_ratio" in model.takes and "auto" not in model.aspect_ratios


ENDINGS = (".mp4", ".m4v", ".mov", ".webm")


def _is_a_file(text: str, field: str) -> bool:
    """Whether `text` names a clip's file and not its id; `InvalidRequest` if it can be neither."""
    with suppress(OSError, ValueError):  # too long for one, or with a NUL in it
        path = Path(text).expanduser()
        if path.exists() and not path.is_dir():  # it may be a pipe
            return True
    if text.lower().endswith(ENDINGS) or not text.isprintable() or " " in text or not text:
        message = f"There is no file {text!r}, and no clip to go on from has such an id."
        raise InvalidRequest(message, field=field)
    return False


def _read(text: str, most: int, field: str) -> bytes:
    try:
        with Path(text).expanduser().open("rb") as file:
            content = file.read(most + 1)
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else "no name of a file"
        raise InvalidRequest(f"{text} cannot be read ({why}).", field=field) from None
    if len(content) > most:
        raise InvalidRequest(f"{text} is larger than {most >> 20} MiB.", field=field)
    return content


def _prepared(content: bytes, request: VideoRequest, field: str) -> bytes:
    if pictures is None:
        raise _needs_media(field)
    size = pictures.film_size(request.aspect_ratio, request.resolution)
    try:
        return pictures.prepare(content, size, crop=field != "image_urls")
    except pictures.BadPicture as error:
        raise InvalidRequest(str(error), field=field) from None


def _last_frame(path: Path, field: str = "image_url") -> bytes:
    if media is None:
        raise _needs_media(field)
    try:
        return media.last_frame(path)
    except media.BrokenClip as error:
        raise InvalidRequest(str(error), field=field) from None


def _fetched_last_frame(client: Fetches, generation_id: str) -> bytes:
    if media is None:
        raise _needs_media("image_url")
    try:
        video = client.earlier(generation_id, field="image_url")
        with tempfile.TemporaryDirectory(prefix="veo-") as folder:
            return _last_frame(client.download(video, Path(folder, "clip.mp4")))
    except VeoError as error:
        error.generation_id = None  # that of the new clip, which was not asked for yet
        raise


def _needs_media(field: str) -> InvalidRequest:
    hint = 'pip install "film-a-sentence[media]"'
    return InvalidRequest(f"Pictures from files need more than is installed: {hint}.", field=field)
