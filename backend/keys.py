"""Which client asks for whom: visitors' keys are in memory for a while, and nowhere else.

A key lives inside a `VeoClient` and is never read here.  Nothing of this is written down, so a
restart forgets every visitor's key, and their jobs wait until they give it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from backend.ledger import Payer
from veo_client import Refused, VeoClient


class Keys:
    """The clients of one event loop; a visitor's is forgotten `kept_for` seconds after `set`.

    `client_of` gives the client for the demo or for the server's key, or None if there is none.
    """

    def __init__(
        self, client_of: Callable[[Payer], VeoClient | None], *, kept_for: float = 3600.0
    ) -> None:
        self.kept_for = kept_for
        self._client_of = client_of
        self._clients: dict[str, VeoClient] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def set(self, owner: str, client: VeoClient) -> None:
        """Keep `client`, in place of the one `owner` had, and count the time anew."""
        self.forget(owner)
        self._clients[owner] = client
        loop = asyncio.get_running_loop()
        self._timers[owner] = loop.call_later(self.kept_for, self.forget, owner)

    def forget(self, owner: str) -> None:
        if self._clients.pop(owner, None):
            # A timer that goes on would hold the owner's name for as long as it has left.
            self._timers.pop(owner).cancel()

    def has(self, owner: str) -> bool:
        return owner in self._clients

    def client_for(self, owner: str, payer: Payer) -> VeoClient | None:
        """The client that pays, while its key is known."""
        return self._clients.get(owner) if payer == "visitor" else self._client_of(payer)

    @contextmanager
    def lend(self, owner: str, payer: Payer) -> Iterator[VeoClient | None]:
        """The client that asks for `owner`; a visitor's that the service refuses is forgotten."""
        client = self.client_for(owner, payer)
        try:
            yield client
        except Refused as error:
            # Unless the visitor gave another one while this one was in use.
            if error.is_about_the_key and self._clients.get(owner) is client:
                self.forget(owner)
            raise
