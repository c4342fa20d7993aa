"""The same request in other words: this client, the command, plain `requests`, curl, JavaScript.

`write_samples` writes programs that run as shown.  They send the create request once, print the id,
look in sensible steps with an end to their patience, and save the file; the key comes from the
environment.  A picture or clip that is in the request is a file beside the program, which reads it:
its bytes are never written out.  This module writes text: it sends nothing, and knows no user
interface.
"""

from __future__ import annotations

import json
import re
import shlex
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from veo.models import INPUTS
from veo.trace import visible
from veo_client import BASE_URL, GENERATIONS, KEY_VARIABLES, VideoRequest

__all__ = ["write_samples"]

KEY = KEY_VARIABLES[0]
DEMO_URL = "http://127.0.0.1:8000"
"""Where `python demo_server.py` listens."""


class _Sample(string.Template):
    """A template whose sign is in none of the languages."""

    delimiter = "§"


CLIENT = _Sample("""\
# In this project's folder; the key comes from the environment: export §key=...
§{needed}§{imports}§{helpers}\
client = VeoClient(base_url=§base_url)
request = VideoRequest(
§arguments
)
for update in client.generate(request):
    print(f"{update.elapsed:4.0f} s  {update.status}  {update.generation_id}")
print("saved", client.download(update.video, "clip.mp4"))
""")

COMMAND = _Sample("""\
# In this project's folder; the key comes from the environment: export §key=...
§{needed}\
AIMLAPI_BASE_URL=§base_url \\
  python make_clip.py -o clip.mp4 §options \\
  -- §prompt
""")

REQUESTS = _Sample("""\
# pip install requests; the key comes from the environment: export §key=...
§{needed}§{imports}\
import os
import sys
import time

import requests

URL = §url
KEY = {"Authorization": "Bearer " + os.environ["§key"]}
§{helpers}\
BODY = {
§body
}

# The call that costs money. No answer is no reason to send it again: look at your account first.
answer = requests.post(URL, headers=KEY, json=BODY, timeout=60)
if not answer.ok:
    sys.exit(f"{answer.status_code}: {answer.text}")
generation_id = answer.json()["id"]
print("id", generation_id)

for _ in range(120):  # 20 minutes
    time.sleep(10)
    answer = requests.get(URL, headers=KEY, params={"generation_id": generation_id}, timeout=60)
    if answer.status_code in (404, 429) or answer.status_code >= 500:
        continue  # it passes, and looking again costs nothing
    generation = answer.json()
    print(generation.get("status"))
    if not answer.ok or generation.get("status") in ("completed", "error"):
        break  # with any other status it is still in the making
else:
    sys.exit("Stopped looking; the clip may still come under this id.")
if generation.get("status") != "completed":
    sys.exit(answer.text)

# The file lies elsewhere: the key does not go there.
with requests.get(generation["video"]["url"], stream=True, timeout=60) as file:
    file.raise_for_status()
    with open("clip.mp4", "wb") as clip:
        for piece in file.iter_content(1 << 20):
            clip.write(piece)
print("saved clip.mp4")
""")

CURL = _Sample("""\
#!/usr/bin/env bash
# Needs curl and python3; the key comes from the environment: export §key=...
§{needed}\
set -euo pipefail

url=§url

# Prints one field of a JSON answer: field video url
field() {
  python3 -c 'import functools, json, sys
print(functools.reduce(dict.get, sys.argv[1:], json.load(sys.stdin)))' "$@"
}
# The key goes in as a file: an argument would show in the list of processes.
ask() {
  curl --silent --show-error --max-time 60 \\
    --header @<(echo "Authorization: Bearer $§key") "$@"
}
§body

# The call that costs money. No answer is no reason to send it again: look at your account first.
answer=$(ask --fail-with-body --header "Content-Type: application/json" \\
  §data "$url") ||
  { echo "$answer" >&2; exit 1; }
generation_id=$(field id <<<"$answer")
echo "id $generation_id"

for _ in {1..120}; do # 20 minutes
  sleep 10
  # What fails may pass, and looking again costs nothing.
  answer=$(ask --fail --get --data-urlencode "generation_id=$generation_id" "$url") || continue
  status=$(field status <<<"$answer")
  echo "$status"
  case $status in # with any other it is still in the making
    completed) break ;;
    error) echo "$answer" >&2; exit 1 ;;
  esac
done
[[ ${status-} == completed ]] ||
  { echo "Stopped looking; the clip may still come under this id." >&2; exit 1; }

# The file lies elsewhere: the key does not go there.
address=$(field video url <<<"$answer")
curl --silent --show-error --fail --max-time 600 --output clip.mp4 "$address"
echo "saved clip.mp4"
""")

NODE = _Sample("""\
// Node 20 or later: node clip.mjs; the key comes from the environment: export §key=...
§{needed}\
import { §files } from "node:fs/promises";

const url = §url;
const headers = {
  Authorization: `Bearer ${process.env.§key}`,
  "Content-Type": "application/json",
};

const ask = (address, options) =>
  fetch(address, { headers, signal: AbortSignal.timeout(60_000), ...options });
§{helpers}\
const body = §body;

// The call that costs money. No answer is no reason to send it again: look at your account first.
let answer = await ask(url, { method: "POST", body: JSON.stringify(body) });
if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
const { id } = await answer.json();
console.log("id", id);

let generation = { status: "queued" };
for (let look = 0; look < 120; look++) { // 20 minutes
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  answer = await ask(`${url}?generation_id=${encodeURIComponent(id)}`);
  // It passes, and looking again costs nothing.
  if ([404, 429].includes(answer.status) || answer.status >= 500) continue;
  generation = await answer.json();
  console.log(generation.status);
  // With any other status it is still in the making.
  if (!answer.ok || ["completed", "error"].includes(generation.status)) break;
}
if (generation.status !== "completed")
  throw new Error(`No clip under this id so far: ${JSON.stringify(generation)}`);

// The file lies elsewhere: the key does not go there.
const file = await fetch(generation.video.url, { signal: AbortSignal.timeout(600_000) });
if (!file.ok) throw new Error(`${file.status} for the file`);
await writeFile("clip.mp4", file.body);
console.log("saved clip.mp4");
""")


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


_PICTURE = _Sample('''

def picture(path: str) -> str:
    """Upright, §shape, without where and when it was taken."""
    content = Path(path).read_bytes()
    return data_uri(prepare(content, film_size(§size)§crop))


''')


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
    return CLIENT.substitute(
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
    helper = _PICTURE.substitute(
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
    return COMMAND.substitute(
        key=KEY,
        needed=_needed(body),
        base_url=shlex.quote(base_url),
        options="".join(f" \\\n  {option}" for option in options).removeprefix(" "),
        prompt=_shell(request.prompt),
    )


NO_COMMAND = "# The command cannot say this request: {}.\n"

_READING = """
def data_uri(kind, path):
    with open(path, "rb") as file:
        return f"data:{kind};base64," + base64.b64encode(file.read()).decode()

"""
_ASKING = """
def address_of(generation_id):
    \"\"\"Of a clip that was made: it is good for a while, so it is asked for now.\"\"\"
    answer = requests.get(URL, headers=KEY, params={"generation_id": generation_id}, timeout=60)
    answer.raise_for_status()
    return answer.json()["video"]["url"]

"""


def _requests(body: Mapping[str, Any], url: str) -> str:
    def write(value: object) -> str:
        if isinstance(value, _Made):
            return f"address_of({_python(value.generation_id)})"
        if isinstance(value, _File):
            return f"data_uri({_python(value.kind)}, {_python(value.name)})"
        return _python(value)

    files, made = _those(_File, body), _those(_Made, body)
    helpers = (_READING if files else "") + (_ASKING if made else "")
    lines = (f"    {_python(name)}: {_python_list(value, write)}," for name, value in body.items())
    return REQUESTS.substitute(
        key=KEY,
        needed=_needed(body),
        imports="import base64\n" if files else "",
        url=_python(url),
        helpers=f"\n{helpers}\n" if helpers else "",
        body="\n".join(lines),
    )


_SHELL_READING = """
# A file as text.  It is too long for an argument: curl reads the body from a file, too.
data_uri() {
  printf 'data:%s;base64,' "$1"
  base64 <"$2" | tr -d '\\n'
}
"""
_SHELL_ASKING = """
# The address of a clip that was made: it is good for a while, so it is asked for now.
address_of() {
  ask --fail --get --data-urlencode "generation_id=$1" "$url" | field video url | tr -d '\\n'
}
"""


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
    helpers = (_SHELL_READING if files else "") + (_SHELL_ASKING if made else "")
    return CURL.substitute(
        key=KEY,
        needed=_needed(body),
        url=shlex.quote(url),
        body=helpers + "\n" + "\n".join([*lines, f"body={said}"]),
        # Linux gives an argument 128 KiB.
        data='--data-binary @<(printf %s "$body")' if files else '--data "$body"',
    )


_NODE_READING = """
const dataUri = async (kind, path) => `data:${kind};base64,${await readFile(path, "base64")}`;
"""
_NODE_ASKING = """
// The address of a clip that was made: it is good for a while, so it is asked for now.
const addressOf = async (made) => {
  const answer = await ask(`${url}?generation_id=${encodeURIComponent(made)}`);
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  return (await answer.json()).video.url;
};
"""


def _node(body: Mapping[str, Any], url: str) -> str:
    def write(value: object) -> str:
        if isinstance(value, _Made):
            return f"await addressOf({_json(value.generation_id)})"
        if isinstance(value, _File):
            return f"await dataUri({_json(value.kind)}, {_json(value.name)})"
        return _json(value)

    files, made = _those(_File, body), _those(_Made, body)
    helpers = (_NODE_READING if files else "") + (_NODE_ASKING if made else "")
    return NODE.substitute(
        key=KEY,
        needed=_needed(body, sign="//"),
        files="readFile, writeFile" if files else "writeFile",
        url=_json(url),
        helpers=f"{helpers}\n",
        body=_object(body, write),
    )


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
