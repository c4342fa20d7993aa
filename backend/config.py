"""What the environment says of this server: where its data lies, whose key is spent and how far.

    VEO_DATA_DIR            folder of clips and ledger (default: yours; on a Space /data)
    VEO_DATABASE_URL        another ledger, any SQLAlchemy URL (default: SQLite in the data folder)
    VEO_SERVERS             many: one of several servers, which share that ledger (default: one)
    VEO_CLIPS               a bucket for finished clips, s3://bucket/folder (default: VEO_DATA_DIR)
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
Read once, when asked for.  Nothing here opens a file or holds a key.  What every program of ours
reads, `AIMLAPI_KEY`, `VEO_CA_BUNDLE` and the like, the client itself does (`veo_client`).
"""

from __future__ import annotations

import importlib.util
import ipaddress
import math
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from platformdirs import user_data_dir
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from backend.ledger import Limits
from veo.settings import plain

NAME = "film-a-sentence"
SPACE_DISK = Path("/data")


class WrongSetting(Exception):
    """A variable of the environment that cannot be meant so; the text names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    data: Path
    database_url: str = field(repr=False)
    """It may hold a password."""
    several_servers: bool
    """Whether other servers work on the same ledger, and may drive the same jobs."""
    ledger_copy: Path | None
    """Where a ledger is kept whole that lies on a disk which is not."""
    clips: str
    """The bucket of finished clips, `s3://bucket/folder`; "" for a folder in `data`."""
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
    address: str
    """Where the server listens, a name of this machine."""
    port: int | None
    """None is the first one that is free."""
    frame_ancestors: tuple[str, ...]
    """Whose pages may show ours in a frame, each as a Content-Security-Policy spells it."""
    root_path: str
    """Where a proxy serves the page, as `/veo` or `https://film.example/veo`; "" at the root."""

    @property
    def is_at_home(self) -> bool:
        """Whether only who sits at this machine comes: the key of the environment is theirs.

        A proxy that serves the page at its root, and asks for it as who sits here does, cannot be
        seen: whoever puts one there says so by `VEO_ALLOWED_HOSTS` or `GRADIO_ROOT_PATH`.
        """
        is_local = self.address in ("localhost", "[::1]") or self.address.startswith("127.")
        ours = {self.address, self.address.strip("[]"), "localhost"}
        return is_local and not self.on_space and not self.root_path and self.hosts <= ours


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings; raises `WrongSetting`."""
    on_space = bool(environment.get("SPACE_ID"))

    def variable(name: str) -> str:
        return plain(environment.get(name))

    def number(name: str, default: float) -> float:
        return _number(name, text) if (text := variable(name)) else default

    def limit(name: str, on_a_space: float) -> float:
        return number(name, on_a_space if on_space else math.inf)

    def is_on(name: str) -> bool:
        return _switch(name, variable(name))

    told = variable("VEO_DATA_DIR")
    data = _folder("VEO_DATA_DIR", told, environment) if told else _default_folder(on_space)
    # A Space's kept disk is a network file system, and SQLite trusts none with its locks.
    on_network = on_space and data.is_relative_to(SPACE_DISK) and not variable("VEO_DATABASE_URL")
    ledger = (Path(user_data_dir(NAME, appauthor=False)) if on_network else data) / "ledger.sqlite"
    # Quoted, for a folder's name may hold what means something in a URL.
    default_url = f"sqlite:///{quote(str(ledger))}"
    database_url = _database_url(variable("VEO_DATABASE_URL"), environment) or default_url
    clips = _bucket(variable("VEO_CLIPS"))
    return Settings(
        data=data,
        database_url=database_url,
        several_servers=_are_several(variable("VEO_SERVERS"), database_url, clips),
        ledger_copy=data / "ledger.sqlite" if on_network else None,
        clips=clips,
        keep_bytes=number("VEO_KEEP_GB", 5) * 1e9,
        key_seconds=number("VEO_KEY_MINUTES", 60) * 60,
        may_share_key=is_on("VEO_SHARE_SERVER_KEY") or not on_space,
        limits=Limits(
            clips_a_visitor=limit("VEO_CLIPS_A_VISITOR", 3),
            dollars_a_visitor=limit("VEO_DOLLARS_A_VISITOR", 10),
            clips=limit("VEO_CLIPS_A_DAY", 30),
            dollars=limit("VEO_DOLLARS_A_DAY", 100),
        ),
        on_space=on_space,
        mcp=is_on("VEO_MCP"),
        hosts=_hosts(variable),
        address=_address(variable("GRADIO_SERVER_NAME")) or "127.0.0.1",
        port=_port("GRADIO_SERVER_PORT", variable("GRADIO_SERVER_PORT")),
        frame_ancestors=_frame_ancestors(variable("VEO_FRAME_ANCESTORS"), on_space=on_space),
        root_path=_root_path(variable("GRADIO_ROOT_PATH")),
    )


ON, OFF = ("1", "true", "yes", "on", "y", "t"), ("", "0", "false", "no", "off", "n", "f")


def _switch(name: str, text: str) -> bool:
    if text.lower() not in (*ON, *OFF):
        raise WrongSetting(f"{name} must be 1 or 0, or yes or no; it is {text!r}.")
    return text.lower() in ON


def _number(name: str, text: str) -> float:
    figures = text
    if "DOLLARS" in name:  # as $5, or 5 USD
        figures = re.sub(r"^(us)?\s*\$|^usd\b|\$$|(usd|dollars?)$", "", text, flags=re.I).strip()
    try:
        value = float(figures)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        hint = " Write it with a point, as 5.00." if "," in text else ""
        raise WrongSetting(f"{name} must be a number, 0 or more; it is {text!r}.{hint}")
    return value


def _address(text: str) -> str:
    """As it stands in an address of the web: one of IPv6 in brackets."""
    with suppress(ValueError):
        return f"[{ipaddress.IPv6Address(text.strip('[]'))}]"
    return text


def _port(name: str, text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 2**16:
        raise WrongSetting(f"{name} must be a port, 1 to 65535; it is {text!r}.")
    return int(text)


def _folder(name: str, text: str, environment: Mapping[str, str]) -> Path:
    """The folder that a shell would take `text` for, where no shell has seen it."""

    def value_of(variable: re.Match[str]) -> str:
        inner = variable[1] or variable[2]
        if not (value := environment.get(inner) or os.environ.get(inner)):
            raise WrongSetting(f"{name} is {text!r}, and ${inner} is not set.")
        return value

    if "://" in text:
        # Not shown: it may be a database's, with a password in it.
        raise WrongSetting(f"{name} must be the path of a folder, and is an address.")
    spelt_out = re.sub(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))", value_of, text)
    if found := re.search(r"\$\(|\$\{|`", spelt_out):
        raise WrongSetting(f"{name} is {text!r}; of {found[0]} nothing is made here: spell it out.")
    try:
        return Path(spelt_out).expanduser().absolute()
    except RuntimeError:
        raise WrongSetting(f"{name} is {text!r}, and nobody here has that home.") from None


def _database_url(text: str, environment: Mapping[str, str]) -> str:
    """`text` with the driver that is installed, for a host names none; and with a whole path."""
    scheme, _, rest = text.partition("://")
    backend, _, driver = scheme.lower().partition("+")
    if backend in ("postgres", "postgresql"):
        text = f"postgresql+{driver or _postgres_driver()}://{rest}"
    elif backend == "sqlite" and rest.startswith(("/~", "/$")):
        path, mark, query = rest[1:].partition("?")
        text = f"sqlite:///{quote(str(_folder('VEO_DATABASE_URL', path, environment)))}"
        text += mark + query
    if text and not _is_database_url(text):
        # Not shown, with no cause that shows it: what cannot be read may hold a password anywhere.
        raise WrongSetting(
            "VEO_DATABASE_URL must look like postgresql://user:password@host/name, with %40 for an "
            "@ in the password, or like sqlite:////folder/ledger.sqlite."
        )
    return text


def _are_several(text: str, database_url: str, clips: str) -> bool:
    if text.lower() not in ("", "one", "many"):
        raise WrongSetting(f"VEO_SERVERS must be one or many; it is {text!r}.")
    if text.lower() != "many":
        return False
    if not database_url.startswith("postgresql"):
        raise WrongSetting(
            "VEO_SERVERS=many needs a ledger that all servers reach: set VEO_DATABASE_URL to a "
            "PostgreSQL, as postgresql://user:password@host/name."
        )
    if not clips:
        raise WrongSetting(
            "VEO_SERVERS=many needs a place for clips that all servers reach: set VEO_CLIPS to a "
            "bucket, as s3://bucket/folder."
        )
    return True


def _is_database_url(text: str) -> bool:
    """Whether SQLAlchemy reads it as it was meant: with two @ it takes the first for the end of a
    password."""
    with suppress(ArgumentError, ValueError):
        return make_url(text).get_backend_name() == "sqlite" or text.count("@") < 2
    return False


def _postgres_driver() -> str:
    for driver in ("psycopg", "psycopg2"):
        if importlib.util.find_spec(driver):
            return driver
    raise WrongSetting('VEO_DATABASE_URL needs one more package: pip install "psycopg[binary]"')


BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/(?!\.+(/|$))[\w.=-]+)*/?", re.ASCII)


def _bucket(text: str) -> str:
    if not text:
        return ""
    if not BUCKET.fullmatch(text):
        # Not shown: somebody may have put the keys into it.
        raise WrongSetting(
            "VEO_CLIPS must look like s3://bucket or s3://bucket/folder; keys stand in "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, another server's address in "
            "AWS_ENDPOINT_URL."
        )
    if not importlib.util.find_spec("obstore"):
        raise WrongSetting("VEO_CLIPS needs one more package: pip install obstore")
    return text.rstrip("/")


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


def _default_folder(on_space: bool) -> Path:
    if on_space and os.access(SPACE_DISK, os.W_OK):
        return SPACE_DISK
    return Path(user_data_dir(NAME, appauthor=False)).absolute()


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
    return bool(ORIGIN.fullmatch(text)) and _has_place(text)


def _has_place(address: str) -> bool:
    """Whether an address names a port and an IPv6 address that can be, if it names one."""
    with suppress(ValueError):
        return urlsplit(address).port != 0
    return False


def _root_path(text: str) -> str:
    """The path or whole address in `text`, in one spelling: percent-encoded, with no `/` behind."""
    is_bare_word = not text.startswith("/") and not {":", "."} & {*text}
    found = ROOT_PATH.fullmatch(f"/{text}" if is_bare_word else text)
    path = unquote(found[4], errors="replace") if found else "/.."
    parts = path.split("/")[1:]
    if {"", ".", ".."} & {*parts} or "\N{REPLACEMENT CHARACTER}" in path or not _has_place(text):
        raise WrongSetting(
            "GRADIO_ROOT_PATH must be a path, as /veo, or a whole address, as "
            f"https://film.example/veo; it is {text!r}."
        )
    address = (found[1] or "").lower() if found else ""
    return address + quote(path, safe="/~!$&'()*+,;=:@")
