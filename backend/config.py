"""What the environment says of this server: where its data lies, whose key is spent and how far.

    VEO_DATA_DIR            folder of clips and ledger (default: yours; on a Space /data)
    VEO_DATABASE_URL        another ledger, any SQLAlchemy URL (default: SQLite in the data folder)
    VEO_KEEP_GB             GB for finished clips; demo clips go first, then the oldest (default: 5)
    VEO_KEY_MINUTES         how long a visitor's key is kept in memory (default: 60)
    VEO_MCP                 1: the endpoints are tools for agents, too (MCP)
    VEO_ALLOWED_HOSTS       names that lead here, with commas (default: none but localhost)
    VEO_SHARE_SERVER_KEY    1: visitors of a Space may spend the server's key
    VEO_CLIPS_A_VISITOR     of the server's key in 24 hours (default: 3 on a Space, else no limit)
    VEO_DOLLARS_A_VISITOR   likewise (default: 10 on a Space)
    VEO_CLIPS_A_DAY         all visitors together in 24 hours (default: 30 on a Space)
    VEO_DOLLARS_A_DAY       likewise (default: 100 on a Space)

Read once, when asked for.  Nothing here opens a file or holds a key.  What every program of ours
reads, `AIMLAPI_KEY`, `VEO_CA_BUNDLE` and the like, the client itself does (`veo_client`).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

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
    )


def _hosts(variable: Callable[[str], str]) -> frozenset[str]:
    """What the person names, the name that Gradio is told to listen at, and a Space's own."""
    named = _names(variable("VEO_ALLOWED_HOSTS"))
    for name in named:
        if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", name):
            raise WrongSetting(
                "VEO_ALLOWED_HOSTS must be host names with commas between them, without http:// "
                f"and without a port; one is {name!r}."
            )
    of_the_space = variable("SPACE_HOST") if variable("SPACE_ID") else ""
    return named | _names(variable("GRADIO_SERVER_NAME")) | _names(of_the_space)


def _names(text: str) -> frozenset[str]:
    names = (name.strip().lower().removesuffix(".") for name in text.split(","))
    return frozenset(filter(None, names))


def _default_folder(on_space: bool) -> str:
    if on_space and os.access(SPACE_DISK, os.W_OK):
        return str(SPACE_DISK)
    return user_data_dir(NAME, appauthor=False)
