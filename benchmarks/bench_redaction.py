"""What it takes to make 64 KiB of anything fit to show, beside reading and writing it as JSON.

Whoever writes the prompt chooses the text, and while one is redacted no other visitor is served:
what counts is the worst.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.table import Row
from veo.trace import redact

SIZE = 64 << 10
ROUNDS = 9
KEY = "0123456789abcdef" * 2
TEXTS = {
    "slashes": "/",
    "https://": "https://",
    "escaped slashes": "\\/",
    "signed addresses": "https://host/a?b ",
    "short ones": "//? ",
    "keys": KEY,
    "what nobody sees": "\u202e",
    "quotation marks": '"',
    "spaces": " ",
    "nested lists": "[",
}


def rows() -> Iterator[Row]:
    texts = [(text * SIZE).encode()[:SIZE] for text in TEXTS.values()]
    texts.append(json.dumps(["a"] * (SIZE // 6)).encode())
    texts.append(f"[{'1e300,' * (SIZE // 12)}1]".encode())
    yield Row(
        name="redact 64 KiB of anything",
        ours=max(milliseconds_of(partial(redact, secret=KEY), said) for said in texts),
        peer=max(milliseconds_of(as_json, said) for said in texts),
        unit="ms",
        peer_name="the same through json, the slowest",
        limit=1,
    )


def as_json(said: bytes) -> str:
    """The text as a JSON string of its own, written and read: each character is looked at."""
    text: str = json.loads(json.dumps([*said.decode(errors="replace")]))[0]
    return text


def milliseconds_of(work: Callable[[bytes], object], said: bytes) -> float:
    """The least of the processor's time of one call, for disturbance only adds."""
    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work(said)
        took.append(time.process_time() - began)
    return min(took) * 1000
