"""The web server's start, waited for as long as it takes.

Gradio gives it five seconds by the wall's clock.  On a slow machine it then starts a second one of
the same page at the next port, and ends in an error once it has tried a hundred.
"""

from __future__ import annotations

import threading
import time

from gradio import http_server
from gradio.exceptions import ServerFailedToStartError


class PatientServer(http_server.Server):
    """Gradio's own, in a thread that is waited for until it serves, or has ended."""

    def run_in_thread(self) -> None:
        self.thread = threading.Thread(target=self.run, daemon=True)
        if self.reloader:  # on a Space
            self.watch_thread = threading.Thread(target=self.watch, daemon=True)
            self.watch_thread.start()
        self.thread.start()
        while not self.started:
            if not self.thread.is_alive():
                raise ServerFailedToStartError("The web server ended while it started.")
            time.sleep(0.001)


def wait_for_the_server() -> None:
    http_server.Server = PatientServer  # type: ignore[misc]  # Gradio makes it by this name
