"""The same request in other words: this client, the command, plain `requests`, curl, JavaScript.

`write_samples` writes programs that run as shown.  They send the create request once, print the id,
look in sensible steps with an end to their patience, and save the file; the key comes from the
environment.  A picture or clip that is in the request is a file beside the program, which reads it:
its bytes are never written out.  This module writes text: it sends nothing, and knows no user
interface.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from veo.models import INPUTS
from veo.trace import visible
from veo_client import BASE_URL, GENERATIONS, KEY_VARIABLES, VideoRequest

__all__ = ["write_samples"]

SAMPLES = Path(__file__).parent / "samples"
KEY = KEY_VARIABLES[0]
DEMO_URL = "http://127.0.0.1:8000"
"""Where `python demo_server.py` listens."""


class _Sample(string.Template):
    """A template whose sign is in none of the languages."""

    delimiter = "§"


@functools.cache
def _template(name: str) -> _Sample:
    """A program, or what it needs for a file or a clip that was made, from `page/samples/`."""
    return _Sample((SAMPLES / f"{name}.txt").read_text("utf-8"))


# What is not written into a program, but read or asked for by it


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A picture or a clip beside the program."""

    name: str
    kind: str

    @property
    def is_clip(self) -> bool:
        return self.kind == "video/mp4"

    @property
    def variable(self) -> str:
        return self.name.partition(".")[0].replace("-", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A clip that the service made: its address is good for a while, so it is asked for again."""

    generation_id: str
    variable: str = "before"


_FILES: Mapping[str, tuple[str, str]] = {
    "image_url": ("first.jpg", "image/jpeg"),
    "last_image_url": ("last.jpg", "image/jpeg"),
    "image_urls": ("reference-{}.jpg", "image/jpeg"),
    "video_url": ("before.mp4", "video/mp4"),
}
_ID = re.compile(r"clip:(?![0-9a-f]{64}$)(.+)")
"""A clip's name of ours; the hash of a file's bytes is no id."""


def _given(request: VideoRequest) -> Mapping[str, object]:
    """What each address in `request` is to a program: a file, a clip that was made, or itself."""
    found: dict[str, object] = {}
    for field in INPUTS:
        value = getattr(request, field)
        name, kind = _FILES[field]
        for number, address in enumerate([value] if isinstance(value, str) else value, start=1):
            file = _File(name=name.format(number), kind=kind)
            found.setdefault(address, _taken_as(address, file))
    return found


def _taken_as(address: str, file: _File) -> object:
    if made := _ID.fullmatch(address):
        return _Made(generation_id=made[1])
    return address if address.startswith("https:") else file


def _those(kind: type[Any], body: Mapping[str, Any]) -> list[Any]:
    """The files, or the clips that were made, in `body`; each once."""
    values = [each for value in body.values() for each in _each(value)]
    return [*dict.fromkeys(value for value in values if isinstance(value, kind))]


def _each(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


# Each language


def write_samples(request: VideoRequest, base_url: str = BASE_URL) -> Mapping[str, str]:
    """The programs for `request` at `base_url`, by the names of `page.texts.CODE_LANGUAGES`."""
    body, url = request.body(_given(request).__getitem__), base_url + GENERATIONS
    return {
        "client": _client(request, body, base_url),
        "command": _command(request, body, base_url),
        "requests": _requests(body, url),
        "curl": _curl(body, url),
        "node": _node(body, url),
    }


def _needed(body: Mapping[str, Any], sign: str = "#") -> str:
    names = [file.name for file in _those(_File, body)]
    if not names:
        return ""
    told = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f"{sign} It reads {told} from the folder where you run it.\n"


def _client(request: VideoRequest, body: Mapping[str, Any], base_url: str) -> str:
    def write(value: object) -> str:
        if isinstance(value, _Made):  # the client asks for the address itself
            return _python(f"clip:{value.generation_id}")
        if isinstance(value, _File) and value.is_clip:
            return f"data_uri(Path({_python(value.name)}).read_bytes())"
        if isinstance(value, _File):
            return f"picture({_python(value.name)})"
        return _python(value)

    values = _in_our_words(request, body)
    arguments = (f"    {name}={_python_list(value, write)}," for name, value in values.items())
    imports, helpers = _for_files(request, _those(_File, body))
    return _template("client.py").substitute(
        key=KEY,
        needed=_needed(body),
        imports=f"{imports}from veo_client import VeoClient, VideoRequest\n",
        helpers=helpers,
        base_url=_python(base_url),
        arguments="\n".join(arguments),
    )


def _in_our_words(request: VideoRequest, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is sent, as `request` spells it: the service writes 720P for some models."""
    return {name: body[name] if name in INPUTS else getattr(request, name) for name in body}


def _for_files(request: VideoRequest, files: Sequence[_File]) -> tuple[str, str]:
    """What a program with the client imports for its files, and what it defines."""
    if not files:
        return "", "\n"
    imports = "from pathlib import Path\n\n§from veo.pieces import data_uri\n"
    if any(file.is_clip for file in files):
        return imports.replace("§", ""), "\n"
    of_film = "no larger than the film" if request.image_urls else "in the film's shape and size"
    helper = _template("client_file.py").substitute(
        shape=of_film,
        size=f"{_python(request.aspect_ratio)}, {_python(request.resolution)}",
        crop=", crop=False" if request.image_urls else "",
    )
    return imports.replace("§", "from veo.pictures import film_size, prepare\n"), helper


_OPTIONS: Mapping[str, str] = {
    "generate_audio": "--no-audio",
    "image_url": "--image",
    "last_image_url": "--last-image",
    "image_urls": "--reference",
    "video_url": "--extend",
}
"""Those of the command that are not called as the fields are."""


def _command(request: VideoRequest, body: Mapping[str, Any], base_url: str) -> str:
    def write(name: str, value: object) -> str:
        option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
        if isinstance(value, bool):
            return option if name in _OPTIONS else option.replace("--", "--no-")
        if isinstance(value, _File | _Made):
            value = value.name if isinstance(value, _File) else value.generation_id
        return f"{option}={_shell(str(value))}"

    if any("\0" in text for text in (request.prompt, request.negative_prompt)):
        return NO_COMMAND.format("a text holds a character (NUL) that ends an argument")
    if any(value is True for value in body.values()):
        return NO_COMMAND.format("it only switches off, and here auto_fix is on")
    options = [
        write(name, each)
        for name, value in _in_our_words(request, body).items()
        if name != "prompt"
        for each in _each(value)
    ]
    return _template("command.sh").substitute(
        key=KEY,
        needed=_needed(body),
        base_url=shlex.quote(base_url),
        options="".join(f" \\\n  {option}" for option in options).removeprefix(" "),
        prompt=_shell(request.prompt),
    )


NO_COMMAND = "# The command cannot say this request: {}.\n"


def _requests(body: Mapping[str, Any], url: str) -> str:
    def write(value: object) -> str:
        if isinstance(value, _Made):
            return f"address_of({_python(value.generation_id)})"
        if isinstance(value, _File):
            return f"data_uri({_python(value.kind)}, {_python(value.name)})"
        return _python(value)

    files, made = _those(_File, body), _those(_Made, body)
    helpers = _helpers("requests", "py", files, made)
    lines = (f"    {_python(name)}: {_python_list(value, write)}," for name, value in body.items())
    return _template("requests.py").substitute(
        key=KEY,
        needed=_needed(body),
        imports="import base64\n" if files else "",
        url=_python(url),
        helpers=f"\n{helpers}\n" if helpers else "",
        body="\n".join(lines),
    )


def _curl(body: Mapping[str, Any], url: str) -> str:
    def write(value: object) -> str:
        return f'"\0{value.variable}\0"' if isinstance(value, _File | _Made) else _json(value)

    files, made = _those(_File, body), _those(_Made, body)
    asked = [(each.variable, "address_of", [each.generation_id]) for each in made]
    read = [(each.variable, "data_uri", [each.kind, each.name]) for each in files]
    text, *rest = _object(body, write).split("\0")
    said = shlex.quote(text) + "".join(
        f'"${name}"' + shlex.quote(after) for name, after in zip(rest[::2], rest[1::2], strict=True)
    )
    lines = [f"{name}=$({shlex.join([call, *of])})" for name, call, of in read + asked]
    helpers = _helpers("curl", "sh", files, made)
    return _template("curl.sh").substitute(
        key=KEY,
        needed=_needed(body),
        url=shlex.quote(url),
        body=helpers + "\n" + "\n".join([*lines, f"body={said}"]),
        # Linux gives an argument 128 KiB.
        data='--data-binary @<(printf %s "$body")' if files else '--data "$body"',
    )


def _node(body: Mapping[str, Any], url: str) -> str:
    def write(value: object) -> str:
        if isinstance(value, _Made):
            return f"await addressOf({_json(value.generation_id)})"
        if isinstance(value, _File):
            return f"await dataUri({_json(value.kind)}, {_json(value.name)})"
        return _json(value)

    files, made = _those(_File, body), _those(_Made, body)
    helpers = _helpers("node", "mjs", files, made)
    return _template("node.mjs").substitute(
        key=KEY,
        needed=_needed(body, sign="//"),
        files="readFile, writeFile" if files else "writeFile",
        url=_json(url),
        helpers=f"{helpers}\n",
        body=_object(body, write),
    )


def _helpers(program: str, ending: str, files: Sequence[_File], made: Sequence[_Made]) -> str:
    """What a program defines to read its files, and to ask where the clips are that were made."""
    needed = [kind for kind, there in (("file", files), ("made", made)) if there]
    return "".join(_template(f"{program}_{kind}.{ending}").template for kind in needed)


def _object(body: Mapping[str, Any], write: Callable[[object], str]) -> str:
    """JSON, or what is JSON but for the calls that `write` puts into it."""
    lines = []
    for name, value in body.items():
        inside = ",\n".join(f"    {write(each)}" for each in _each(value))
        lines.append(
            f"  {_json(name)}: "
            + (f"[\n{inside}\n  ]" if isinstance(value, list) else inside.strip())
        )
    return "{\n" + ",\n".join(lines) + "\n}"


def _python_list(value: object, write: Callable[[object], str]) -> str:
    """`value` as `write` has it; of a list each item on a line."""
    if not isinstance(value, list):
        return write(value)
    return "[\n" + "".join(f"        {write(each)},\n" for each in value) + "    ]"


def _python(value: object) -> str:
    """A Python literal, in double quotes where that needs no escape."""
    literal = repr(value)
    plain = literal.startswith("'") and '"' not in literal
    return f'"{literal[1:-1]}"' if plain else literal


def _json(value: object) -> str:
    """JSON, which is JavaScript as well."""
    return visible(json.dumps(value, ensure_ascii=False))


def _shell(text: str) -> str:
    """A word of a shell, with escapes for what a reader would not see."""
    if text.replace("\n", "").isprintable():
        return shlex.quote(text)
    seen = text.replace("\\", "\\\\").replace("'", "\\'")
    return "$'{}'".format("".join(map(_shown, seen)))


def _shown(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode())
