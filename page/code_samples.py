"""The same request in other words: this client, plain `requests`, curl and JavaScript.

`of` writes programs that run as shown.  They send the create request once, print the id, look in
sensible steps with an end to their patience, and save the file; the key comes from the environment.
This module writes text: it sends nothing, and knows no user interface.
"""

from __future__ import annotations

import json
import shlex
import string
from collections.abc import Mapping

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
from veo_client import VeoClient, VideoRequest

client = VeoClient(base_url=§base_url)
request = VideoRequest(
§arguments
)
for update in client.generate(request):
    print(f"{update.elapsed:4.0f} s  {update.status}  {update.generation_id}")
print("saved", client.download(update.video, "clip.mp4"))
""")

REQUESTS = _Sample("""\
# pip install requests; the key comes from the environment: export §key=...
import os
import sys
import time

import requests

URL = §url
KEY = {"Authorization": "Bearer " + os.environ["§key"]}
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
set -euo pipefail

url=§url
body=§body

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

# The call that costs money. No answer is no reason to send it again: look at your account first.
answer=$(ask --fail-with-body --header "Content-Type: application/json" --data "$body" "$url") ||
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
import { writeFile } from "node:fs/promises";

const url = §url;
const headers = {
  Authorization: `Bearer ${process.env.§key}`,
  "Content-Type": "application/json",
};
const body = §body;

const ask = (address, options) =>
  fetch(address, { headers, signal: AbortSignal.timeout(60_000), ...options });

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


def write_samples(request: VideoRequest, base_url: str = BASE_URL) -> Mapping[str, str]:
    """The programs for `request` at `base_url`, by `client`, `requests`, `curl` and `node`."""
    body, url = request.body(), base_url + GENERATIONS
    as_arguments = "\n".join(f"    {name}={_python(value)}," for name, value in body.items())
    as_dict = "\n".join(f"    {_python(name)}: {_python(value)}," for name, value in body.items())
    return {
        "client": CLIENT.substitute(key=KEY, base_url=_python(base_url), arguments=as_arguments),
        "requests": REQUESTS.substitute(key=KEY, url=_python(url), body=as_dict),
        "curl": CURL.substitute(key=KEY, url=shlex.quote(url), body=shlex.quote(_json(body))),
        "node": NODE.substitute(key=KEY, url=_json(url), body=_json(body)),
    }


def _python(value: object) -> str:
    """A Python literal, in double quotes where that needs no escape."""
    literal = repr(value)
    plain = literal.startswith("'") and '"' not in literal
    return f'"{literal[1:-1]}"' if plain else literal


def _json(value: object) -> str:
    """JSON, which is JavaScript as well."""
    return visible(json.dumps(value, ensure_ascii=False, indent=2))
