"""A Firefox for the tests, driven by Marionette, the protocol that is built into it.

Playwright drives a Firefox of its own alone, and Selenium needs one more program.  A message of
Marionette is JSON behind its length: [0, number, command, parameters], and for an answer
[1, number, error, result].

As a script it installs Debian's Firefox, and what it decodes H.264 with.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from ctypes.util import find_library
from pathlib import Path
from typing import Any

NAMES = ("firefox-esr", "firefox")

PACKAGES = ("firefox-esr", "^libavcodec[0-9]+$")
"""Firefox brings no decoder for H.264.  The number in the name of Debian's differs from release to
release."""

ARGUMENTS = ["--headless", "--marionette", "--remote-allow-system-access", "--no-remote"]

PREFERENCES: dict[str, object] = {
    "marionette.port": 0,
    # No word to anybody outside: whatever is not on this machine goes to a proxy that is not there.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    # What a page says by `console.error` is printed.
    "devtools.console.stdout.content": True,
    # One page: a process for each site only takes time.
    "fission.autostart": False,
    "dom.ipc.processCount": 1,
}

ERRORS = """
return Services.console.getMessageArray()
  .filter(each => each instanceof Ci.nsIScriptError)
  .filter(each => !(each.flags & Ci.nsIScriptError.warningFlag))
  .filter(each => /^https?:/.test(each.sourceName))
  .map(String);
"""


SAID_BY_A_PAGE = r"^console\.error: (?!\w+: *$).*"
"""Firefox's own parts put their name first: not all of them can be kept from asking outside."""


class NoFirefox(Exception):
    """There is no Firefox here, or it does not start; the text says what to do."""


def executable() -> str | None:
    return os.environ.get("FIREFOX") or next(filter(None, map(shutil.which, NAMES)), None)


class Firefox:
    """A Firefox without a window, with one page and a new profile."""

    def __enter__(self) -> "Firefox":
        found = executable()
        if not found:
            raise NoFirefox(
                "This test needs Firefox. Install it (on Debian: apt install firefox-esr), or let "
                "tests/firefox.py do that as root."
            )
        self._number = 0
        self._profile = Path(tempfile.mkdtemp(prefix="firefox-"))
        preferences = (
            f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items()
        )
        (self._profile / "user.js").write_text("\n".join(preferences))
        self._log = (self._profile / "log").open("w+")
        # As in a person's session: its helpers are in its group, and end with it.
        self._process = subprocess.Popen(
            [found, *ARGUMENTS, "--profile", str(self._profile)],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "HOME": str(self._profile)},
        )
        self._connect()
        self.tell("WebDriver:NewSession")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def tell(self, command: str, **parameters: object) -> Any:
        """What Firefox answers to a command of WebDriver's."""
        self._number += 1
        message = json.dumps([0, self._number, command, parameters]).encode()
        self._connection.sendall(b"%d:%b" % (len(message), message))
        _, _, error, result = self._answer()
        assert not error, error
        return result

    def run(self, script: str, *arguments: object) -> Any:
        """What `script` returns in the page."""
        result = self.tell("WebDriver:ExecuteScript", script=script, args=[*arguments])
        return result["value"]

    def wait_for(self, condition: str, *, seconds: float = 60) -> Any:
        """The value of an expression, once it is one that is true."""
        end = time.monotonic() + seconds
        while not (value := self.run(f"return {condition};")):
            assert time.monotonic() < end, f"{condition} did not come true. {self.log()}"
            time.sleep(0.05)
        return value

    def click(self, xpath: str) -> None:
        self.tell("WebDriver:ElementClick", id=self._find(xpath))

    def type(self, xpath: str, text: str) -> None:
        self.tell("WebDriver:ElementSendKeys", id=self._find(xpath), text=text)

    def _find(self, xpath: str) -> str:
        found = self.tell("WebDriver:FindElement", using="xpath", value=xpath)
        return next(iter(found["value"].values()))

    def errors(self) -> list[str]:
        """What went wrong in scripts, and what a policy kept from being done; what pages said."""
        self.tell("Marionette:SetContext", value="chrome")
        of_scripts = self.run(ERRORS)
        self.tell("Marionette:SetContext", value="content")
        return [*of_scripts, *re.findall(SAID_BY_A_PAGE, self.log(), re.MULTILINE)]

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def _connect(self) -> None:
        port = self._profile / "MarionetteActivePort"
        for _ in range(900):
            if port.exists() and (number := port.read_text().strip()):
                break
            if self._process.poll() is not None:
                raise NoFirefox(f"Firefox did not start: {self.log()}")
            time.sleep(0.1)
        else:
            raise NoFirefox(f"Firefox opened no port within 90 s: {self.log()}")
        self._connection = socket.create_connection(("127.0.0.1", int(number)), timeout=90)
        self._answer()

    def _answer(self) -> Any:
        length = b""
        while (digit := self._connection.recv(1)) != b":":
            assert digit, f"Firefox hung up: {self.log()}"
            length += digit
        answer = b""
        while piece := self._connection.recv(int(length) - len(answer)):
            answer += piece
            if len(answer) == int(length):
                break
        return json.loads(answer)


def install() -> None:
    """As root on Debian; elsewhere it is for a person to do, and the test says so."""
    if (
        (executable() and find_library("avcodec"))
        or not shutil.which("apt-get")
        or os.geteuid() != 0
    ):
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        subprocess.run(["apt-get", "--quiet=2", *step], check=False, env=environment)


if __name__ == "__main__":
    install()
    print("Firefox for the tests:", executable() or "none", file=sys.stdout)
