"""What the environment says of this server: where its data lies, whose key is spent and how far.

    VEO_DATA_DIR            folder of clips and ledger (default: yours; on a Space /data)
    VEO_DATABASE_URL        another ledger, any SQLAlchemy URL (default: SQLite in the data folder)
    VEO_KEEP_GB             GB for finished clips; demo clips go first, then the oldest (default: 5)
    VEO_KEY_MINUTES         how long a visitor's key is kept in memory (default: 60)
    VEO_MCP                 1: the endpoints are tools for agents, too (MCP)
    VEO_ALLOWED_HOSTS       names that lead here, with commas (default: none but localhost)
    VEO_FRAME_ANCESTORS     origins that may frame the page, with commas (default: its own)
    VEO_SHARE_SERVER_KEY    1: visitors of a Space may spend the server's key
    VEO_CLIPS_A_VISITOR     of the server's key in 24 hours (default: 3 on a Space, else no limit)
    VEO_DOLLARS_A_VISITOR   likewise (default: 10 on a Space)
    VEO_CLIPS_A_DAY         all visitors together in 24 hours (default: 30 on a Space)
    VEO_DOLLARS_A_DAY       likewise (default: 100 on a Space)

With those that Gradio and a Space know, too: where it listens, and where a proxy serves it.
Read once, when asked for.  Nothing here opens a file or holds a key.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from platformdirs import user_data_dir

from backend.ledger import Limits

NAME = "film-a-sentence"
SPACE_DISK = Path("/data")


class WrongSetting(Exception):
    """A variable of the environment that cannot be meant so; the text names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    data: Path
    database_url: str = field(repr=False)
    """It may hold a password."""
    ledger_copy: Path | None
    """Where a ledger is kept whole that lies on a disk which is not."""
    keep_bytes: float
    key_seconds: float
    may_share_key: bool
    """Whether visitors may spend the server's key."""
    limits: Limits
    on_space: bool
    mcp: bool
    """Whether agents may call the endpoints as tools."""
    hosts: frozenset[str]
    """Names under which this server is asked for; by its address it always is."""
    frame_ancestors: tuple[str, ...]
    """Whose pages may show ours in a frame, each as a Content-Security-Policy spells it."""
    root_path: str
    """Where a proxy serves the page, as `/veo` or `https://film.example/veo`; "" at the root."""


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings; raises `WrongSetting`."""
    on_space = bool(environment.get("SPACE_ID"))

    def variable(name: str) -> str:
        return environment.get(name, "").strip()

    def number(name: str, default: float) -> float:
        text = variable(name)
        if not text:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise WrongSetting(f"{name} must be a number, 0 or more; it is {text!r}.")
        return value

    def limit(name: str, on_a_space: float) -> float:
        return number(name, on_a_space if on_space else math.inf)

    data = Path(variable("VEO_DATA_DIR") or _default_folder(on_space)).absolute()
    # A Space's kept disk is a network file system, and SQLite trusts none with its locks.
    on_network = on_space and data.is_relative_to(SPACE_DISK) and not variable("VEO_DATABASE_URL")
    ledger = (Path(user_data_dir(NAME, appauthor=False)) if on_network else data) / "ledger.sqlite"
    # Quoted, for a folder's name may hold what means something in a URL.
    default_url = f"sqlite:///{quote(str(ledger))}"
    return Settings(
        data=data,
        database_url=variable("VEO_DATABASE_URL") or default_url,
        ledger_copy=data / "ledger.sqlite" if on_network else None,
        keep_bytes=number("VEO_KEEP_GB", 5) * 1e9,
        key_seconds=number("VEO_KEY_MINUTES", 60) * 60,
        may_share_key=not on_space or variable("VEO_SHARE_SERVER_KEY") == "1",
        limits=Limits(
            clips_a_visitor=limit("VEO_CLIPS_A_VISITOR", 3),
            dollars_a_visitor=limit("VEO_DOLLARS_A_VISITOR", 10),
            clips=limit("VEO_CLIPS_A_DAY", 30),
            dollars=limit("VEO_DOLLARS_A_DAY", 100),
        ),
        on_space=on_space,
        mcp=variable("VEO_MCP") == "1",
        hosts=_hosts(variable),
        frame_ancestors=_frame_ancestors(variable("VEO_FRAME_ANCESTORS"), on_space=on_space),
        root_path=_root_path(variable("GRADIO_ROOT_PATH")),
    )


def _hosts(variable: Callable[[str], str]) -> frozenset[str]:
    """What the person names, the name that Gradio is told to listen at, that of the whole address
    in `GRADIO_ROOT_PATH`, and a Space's own."""
    named = _names(variable("VEO_ALLOWED_HOSTS"))
    for name in named:
        if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", name):
            raise WrongSetting(
                "VEO_ALLOWED_HOSTS must be host names with commas between them, without http:// "
                f"and without a port; one is {name!r}."
            )
    of_the_space = variable("SPACE_HOST") if variable("SPACE_ID") else ""
    of_the_path = urlsplit(_root_path(variable("GRADIO_ROOT_PATH"))).hostname or ""
    listened_at = variable("GRADIO_SERVER_NAME")
    return named | _names(listened_at) | _names(of_the_path) | _names(of_the_space)


def _names(text: str) -> frozenset[str]:
    names = (name.strip().lower().removesuffix(".") for name in text.split(","))
    return frozenset(filter(None, names))


def _default_folder(on_space: bool) -> str:
    if on_space and os.access(SPACE_DISK, os.W_OK):
        return str(SPACE_DISK)
    return user_data_dir(NAME, appauthor=False)


HUB = ("https://huggingface.co", "https://*.huggingface.co", "https://*.hf.space")
"""Where a Space is shown in a frame."""

EDITORS = ("vscode-webview:", "vscode-file:")
"""What the preview of a desktop editor has for an origin."""

ORIGIN = re.compile(r"https?://(\*\.[a-z0-9-]+\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?")

ROOT_PATH = re.compile(
    r"(https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?)?((/[^/:?#\\\s\x00-\x1f\x7f]+)*)/*",
    re.IGNORECASE,
)


def _frame_ancestors(text: str, *, on_space: bool) -> tuple[str, ...]:
    """Our own pages, on a Space the Hub's, and what the person lists; only an origin gets through,
    for it becomes a part of a header."""
    of_the_hub = HUB if on_space else ()
    named = [name.lower().strip("'\"").rstrip("/") for name in re.split(r"[\s,]+", text) if name]
    if named == ["none"]:
        return of_the_hub or ("'none'",)
    for name in named:
        if name != "self" and name not in EDITORS and not _is_origin(name):
            raise WrongSetting(
                "VEO_FRAME_ANCESTORS must be origins with commas between them, as "
                f"https://school.example or http://localhost:8888; one is {name!r}."
            )
    return tuple(
        dict.fromkeys(("'self'", *of_the_hub, *(each for each in named if each != "self")))
    )


def _is_origin(text: str) -> bool:
    with suppress(ValueError):  # a port above 65535
        return bool(ORIGIN.fullmatch(text)) and urlsplit(text).port != 0
    return False


def _root_path(text: str) -> str:
    """The path or whole address in `text`, in one spelling: percent-encoded, with no `/` behind."""
    is_bare_word = not text.startswith("/") and not {":", "."} & {*text}
    found = ROOT_PATH.fullmatch(f"/{text}" if is_bare_word else text)
    path = unquote(found[4]) if found else ".."
    if {".", ".."} & {*path.split("/")}:
        raise WrongSetting(
            "GRADIO_ROOT_PATH must be a path, as /veo, or a whole address, as "
            f"https://film.example/veo; it is {text!r}."
        )
    address = (found[1] or "").lower() if found else ""
    return address + quote(path, safe="/~!$&'()*+,;=:@")
