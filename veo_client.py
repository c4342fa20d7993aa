"""Text-to-video with Google's Veo 3.1 through the AI/ML API.

Waiting for a video is a generator of typed updates: `VeoClient.generate` yields an `Update` each
time something is learned and returns the finished `Video`.  It decides *when* to look again; the
driver waits.  A script lets it sleep, a test passes a recorder, a web page awaits in between.

    client = VeoClient()
    for update in client.generate(VideoRequest("a fox in the snow, low sun")):
        print(f"{update.elapsed:4.0f} s  {update.status}")
    client.download(update.video, "fox.mp4")

What is asked and answered, and every error, stands in `veo.types`; when to look again in
`veo.polling`; how one call goes over the wire in `veo.session`.  This module says what is asked,
and what costs money.  It knows no user interface and no asyncio.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from pathlib import Path

from veo.models import MODELS, Model, filled, nearest
from veo.network import read_network
from veo.pieces import Attach, request_body
from veo.polling import (
    FRESH_ADDRESS_PAUSES,
    LONGEST_RETRY_AFTER,
    SHORTEST_RETRY_AFTER,
    USUALLY_EXPECTED,
    PollState,
    counted,
)
from veo.session import REJECTED, Answer, Session
from veo.settings import key_in, plain
from veo.trace import Exchange
from veo.types import (
    Busy,
    DownloadFailed,
    Failed,
    Generation,
    InvalidRequest,
    Price,
    Refused,
    SubmissionUncertain,
    TookTooLong,
    Unreachable,
    Update,
    VeoError,
    Video,
    VideoRequest,
    names_lost_model,
    read_catalogue,
    read_generation,
    read_number,
    read_price,
)

__all__ = [
    "MODELS",
    "Busy",
    "DownloadFailed",
    "Failed",
    "Generation",
    "InvalidRequest",
    "Model",
    "Price",
    "Refused",
    "SubmissionUncertain",
    "TookTooLong",
    "Unreachable",
    "Update",
    "VeoClient",
    "VeoError",
    "Video",
    "VideoRequest",
]

BASE_URL = "https://api.aimlapi.com"
# One path for both: POST creates a generation, GET with `generation_id` looks at it.
GENERATIONS = "/v2/video/generations"
# The vendor's pages use all three; the first is the one that we tell people to set.
KEY_VARIABLES = ("AIMLAPI_KEY", "AIML_API_KEY", "AIMLAPI_API_KEY")

SUBMIT_TRIES = 3
A_MOMENT = 0.001


class VeoClient:
    """One account at one service.  Keep one and share it; threads may.

    `api_key` comes from the argument, else from `AIMLAPI_KEY`, `AIML_API_KEY` or
    `AIMLAPI_API_KEY`; `base_url` from the argument, else from `AIMLAPI_BASE_URL`.  `timeout` is
    how many seconds one read may take; a whole exchange gets a quarter more.  In a company's
    network: `ca_bundle`, else `VEO_CA_BUNDLE`, is the path of a PEM file with its authorities, and
    `proxy`, else `VEO_PROXY`, the address of its proxy.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 60.0,
        ca_bundle: str | os.PathLike[str] | None = None,
        proxy: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # The clock is a parameter so that a test of an hour's waiting takes no hour.
        self._clock = clock
        self._session = Session(
            api_key or _first_set(KEY_VARIABLES),
            base_url or plain(os.environ.get("AIMLAPI_BASE_URL")) or BASE_URL,
            timeout=timeout,
            network=read_network(ca_bundle, proxy),
            clock=clock,
        )

    def generate(
        self,
        request: VideoRequest,
        *,
        attach: Attach | None = None,
        expected: float | None = None,
        sleep: Callable[[float], object] = time.sleep,
        give_up_after: float = 1200.0,
    ) -> Generator[Update, None, Video]:
        """Submit `request` and follow it to its video.  The first update carries the id."""
        generation_id = self.submit(request, attach=attach, sleep=sleep)
        # `yield from` hands on the updates of `follow` and gives back what it returns: the video
        # (PEP 380).  A `for` loop drops it, and reads it off the last update instead.
        return (
            yield from self.follow(
                generation_id,
                expected=expected or request.expected_seconds,
                submitted_ago=0.0,
                sleep=sleep,
                give_up_after=give_up_after,
            )
        )

    def submit(
        self,
        request: VideoRequest,
        *,
        attach: Attach | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> str:
        """Ask for a video and return its `generation_id`.  This is the call that costs money.

        It is sent again only when the service certainly did not take it: nothing had left, or it
        answered 429 with a short `Retry-After`.  A lost answer is `SubmissionUncertain`.  `attach`
        makes a picture's name, as `request` has it, into its bytes or an address; `clip:` and the
        id of an earlier generation becomes that clip's address now.
        """
        self._require_key()
        body = request_body(request, lambda name: self._attached(name, attach))
        for tries_left in reversed(range(SUBMIT_TRIES)):
            try:
                # The API has no idempotency key: the same request twice is two clips, and two
                # bills.  `post_once` raises `Unreachable` only if it did not go out as a whole.
                answer = self._session.post_once(GENERATIONS, body, shown=request.noted())
                return _read_id(answer, request)
            except (Busy, Unreachable) as error:
                wait = error.retry_after
                if not tries_left or wait is None or wait > LONGEST_RETRY_AFTER:
                    raise
                sleep(max(wait, SHORTEST_RETRY_AFTER))
        raise AssertionError("the last try returns or raises")

    def _attached(self, name: str, attach: Attach | None) -> str | bytes:
        found = attach(name) if attach else name
        if not isinstance(found, str) or not found.startswith("clip:"):
            return found
        return self.earlier(found.removeprefix("clip:")).url

    def earlier(self, generation_id: str, *, field: str = "video_url") -> Video:
        """The clip to go on from; `InvalidRequest` about `field` where the service has none."""
        try:
            video = self.check(generation_id).video
        except VeoError as error:
            if isinstance(error, Refused) and error.reason in ("request", "not_found"):
                video = None
            else:
                error.generation_id = None  # that of the new clip, which was not asked for yet
                raise
        if video is None:
            raise InvalidRequest("The service has no such clip to go on from.", field=field)
        return video

    def check(self, generation_id: str) -> Generation:
        """Look once, without waiting.  Every error carries the id."""
        self._require_key()
        try:
            answer = self._session.get(GENERATIONS, generation_id=generation_id)
        except VeoError as error:
            # The id is the only way back to a clip that is paid for.
            error.generation_id = generation_id
            raise
        return read_generation(generation_id, answer)

    def follow(
        self,
        generation_id: str,
        *,
        expected: float | None = None,
        submitted_ago: float | None = None,
        sleep: Callable[[float], object] = time.sleep,
        give_up_after: float = 1200.0,
    ) -> Generator[Update, None, Video]:
        """Look until the video is there.  Closing the generator stops the looking, not the work.

        `expected` and `submitted_ago` are seconds, as far as known: a generation takes 120 by
        default, an id of unknown age is looked up at once.  `give_up_after` counts from now.
        Raises `Failed`, `Refused`, `Unreachable`, `Busy`, `TookTooLong` or `DownloadFailed`, each
        with the id.
        """
        state = PollState(
            generation_id, expected=expected or USUALLY_EXPECTED, submitted_ago=submitted_ago
        )
        followed = 0.0
        while True:
            # Never past the end that the caller set: the last look comes at that very time.
            left = give_up_after - followed
            wait = min(state.wait(followed), left)
            # A clock's last digit is no time to look in once more.
            if state.video is None and left < A_MOMENT:
                raise TookTooLong(
                    f"No video after {followed / 60:.0f} minutes of looking. It may still come.",
                    generation_id=generation_id,
                )
            # Before the wait, so that whoever drives this sees how long it will be; a driver that
            # waits in its own way passes a `sleep` that does nothing.
            began = self._clock()
            yield state.update(followed, wait)
            if state.video:
                return state.video
            sleep(wait)
            try:
                seen = self.check(generation_id)
            except (Busy, Unreachable, Refused) as error:
                # One lost look is no reason to lose a clip: `record_miss` forgives some in a row,
                # and raises what cannot get better.
                followed += counted(self._clock() - began, wait)
                state.record_miss(error, followed)
            else:
                followed += counted(self._clock() - began, wait)
                state.record(seen, followed)

    def download(
        self,
        video: Video,
        path: str | os.PathLike[str],
        *,
        sleep: Callable[[float], object] = time.sleep,
    ) -> Path:
        """Save the finished video at `path`: resumed when cut off, checked, put there whole.

        The address may have expired, or the file may not be there yet: the service is then asked
        for a fresh address, for a minute.  The key goes to the service only, never to the host that
        serves the file.
        """
        for pause in (*FRESH_ADDRESS_PAUSES, None):
            try:
                return self._session.fetch(video.url, Path(path))
            except DownloadFailed as error:
                error.generation_id = video.generation_id
                if not error.expired:
                    raise
                if pause is None:
                    # The service has the video, for it gives addresses: nobody need pay again.
                    words = f"{error} We asked for fresh addresses for a minute."
                    raise DownloadFailed(words, generation_id=video.generation_id) from error
            sleep(pause)
            # Addresses are signed for a while; each look at the generation signs a new one.
            with suppress(Busy, Unreachable):  # no news; the old one may be good by then
                video = self.check(video.generation_id).video or video
        raise AssertionError("the last try returns or raises")

    def price(self, model: str) -> Price:
        """The price list of `model`, from the service.  Needs no key."""
        answer = self._session.get("/v1/models", key=False, id=model, include="pricing")
        return read_price(model, answer)

    def offered(self, models: Iterable[str] = MODELS) -> frozenset[str]:
        """Which of `models` the service lists now, by their name or another.  Needs no key."""
        asked = [*models]
        answer = self._session.get("/v1/models", key=False, id=",".join(asked))
        listed = read_catalogue(answer)
        if listed is None:
            raise Unreachable("The service gave no list of its models.")
        return listed.intersection(asked)

    def balance(self) -> float:
        """US dollars left in the account: a cheap way to check a key."""
        self._require_key()
        balance = read_number(self._session.get("/v2/billing").get("current_balance"))
        if balance is None:
            raise Unreachable("The service did not tell the balance.")
        return balance

    def with_trace(self, on_exchange: Callable[[Exchange], object]) -> VeoClient:
        """The same client on the same connections, which tells of every exchange as it ends.

        An `Exchange` holds no key and is fit to show.  It is told in the thread that asks; an error
        of `on_exchange` is dropped, for the answer must not be lost with it.
        """
        traced = copy.copy(self)
        traced._session = self._session.with_trace(on_exchange)
        return traced

    @property
    def base_url(self) -> str:
        return self._session.base_url

    @property
    def has_key(self) -> bool:
        return self._session.has_key

    def _require_key(self) -> None:
        # Said before anything is sent: a request without a key would cost a round trip, and its
        # refusal would not say which variable to set.
        if not self.has_key:
            raise Refused(f"No API key: set {KEY_VARIABLES[0]} or give one.", reason="no_key")


def _read_id(answer: Answer, request: VideoRequest) -> str:
    """The id in the answer to a create request.  Without one, was the request taken or not?"""
    # Only these answers say that it was not.  A 500 or a 502 may come from a gateway in front of a
    # service that took it.
    if answer.status == 429 or answer.status in REJECTED:
        raise _refusal(answer.as_error(), request)
    taken = (answer.json_object() if answer.is_success else None) or {}
    # In another form it is an id all the same: thrown away, it is a clip that is paid for and lost.
    for told in (taken.get("id"), taken.get("generation_id")):
        generation_id = str(told) if type(told) in (int, str) else ""
        if generation_id:
            return generation_id
    raise SubmissionUncertain.after(f"The service answered {answer.status} without an id")


def _refusal(error: VeoError, request: VideoRequest) -> VeoError:
    """What refused `request`: that its model is gone is a thing of its own."""
    may_be = isinstance(error, Refused) and error.reason in ("request", "not_found")
    if not may_be or not names_lost_model(str(error), request.model):
        return error
    other = nearest(request.model, filled(request))
    return Refused(str(error), reason="model_gone", model=request.model, nearest=other)


def _first_set(names: tuple[str, ...]) -> str | None:
    # A variable that is there but blank, as in a form left empty, counts as not set.
    return next((os.environ[name] for name in names if key_in(os.environ.get(name))), None)
