"""A Chromium for the page's tests: Debian's without a window, else the system's, else Playwright's.

As a script it installs one.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable

SHELL = "chromium-headless-shell"
"""The same browser without a window's parts: a page takes half the CPU."""

NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# No sandbox, for root and containers; and no word to anybody outside.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def executable(names: Iterable[str] = NAMES) -> str | None:
    """The path for Playwright's `executable_path`, of the first there is; None stands for
    Playwright's own."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def install() -> None:
    if shutil.which(SHELL) or _debian_package() or executable():
        return
    # --with-deps would ask for root again; a desktop has these libraries.
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


def _debian_package() -> bool:
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "--yes", "--no-install-recommends", SHELL]):
        command = ["apt-get", "--quiet=2", *step]
        if subprocess.run(command, check=False, env=environment).returncode:
            return False
    return True


if __name__ == "__main__":
    install()
    print("Browser for the tests:", executable() or "the one that Playwright brings")
