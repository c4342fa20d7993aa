"""A visitor with many clips, as a data folder has them that was in use for long."""

import itertools
import json
import os
from pathlib import Path

from playwright.sync_api import Page

from backend.ledger import Ledger
from backend.storage import NOTE, POSTER, Storage
from veo_client import VideoRequest

FILES = next((Path(__file__).parent / "fixtures" / "before" / "data" / "clips").iterdir())
VISITOR = "m" * 43
WAY = ("prepared", "submitting", "running", "downloading", "done")


def fill(folder: Path, count: int, *, visitor: str = VISITOR) -> list[str]:
    """Put `count` finished clips into the data folder, the oldest first; gives their jobs' ids."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = itertools.count(1_800_000_000.0)
    ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}", runner="b", clock=lambda: next(clock))
    storage = Storage(folder / "clips", most_bytes=5e9)
    ids = [_add(ledger, storage, number, f"browser:{visitor}") for number in range(count)]
    ledger.close()
    return ids


def _add(ledger: Ledger, storage: Storage, number: int, owner: str) -> str:
    request = VideoRequest(f"Clip number {number}", seed=number, duration=4).body()
    entry = ledger.add(owner=owner, payer="demo", request=request, expected=8.0)
    clip = storage.new_clip_id()
    (storage.folder / clip).mkdir(parents=True)
    for file in (*FILES.glob("*.mp4"), FILES / POSTER):
        os.link(file, storage.folder / clip / file.name)
    note = json.loads((FILES / NOTE).read_text()) | {"request": request}
    (storage.folder / clip / NOTE).write_text(json.dumps(note))
    changes = {"downloading": {"clip": clip, "generation_id": f"id-{number}"}}
    changes["done"] = {"facts": note["facts"]}
    for was, to in itertools.pairwise(WAY):
        ledger.move(entry.id, was, to, **changes.get(to, {}))
    return entry.id


def be(tab: Page, url: str, visitor: str = VISITOR) -> None:
    """Come back as that visitor."""
    tab.goto(f"{url}/robots.txt")
    tab.evaluate("visitor => { localStorage.veoVisitor = visitor }", visitor)
    tab.goto(url)
