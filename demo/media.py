"""Take the pictures and the clip of an order out of it, into files.

Nobody's address is fetched. A clip of our own is found by its name; whatever lies elsewhere is
stood in for by a drawing that says so.
"""

import base64
import binascii
import secrets
from collections.abc import Callable
from pathlib import Path

from demo.clip import Clip, NoClip, inspect
from demo.given import Given, NoPicture, Picture, look_at
from demo.orders import Order, WrongOrder, expected

__all__ = ["read_given"]

LARGEST_PICTURE = 8 * 2**20
LARGEST_CLIP = 20 * 2**20


def read_given(order: Order, folder: Path, find_clip: Callable[[str], Path | None]) -> Given | None:
    """Put what `order` gives into files in `folder`; raise `WrongOrder` if it cannot be used.

    `find_clip` knows a clip of our own by its address or its id.
    """
    reader = Reader(folder, find_clip)
    try:
        return reader.read(order)
    except BaseException:
        for path in reader.written:
            path.unlink(missing_ok=True)
        raise


class Reader:
    """Reads one order's media, and knows which files it wrote."""

    def __init__(self, folder: Path, find_clip: Callable[[str], Path | None]) -> None:
        self.folder, self.find_clip, self.written = folder, find_clip, list[Path]()

    def read(self, order: Order) -> Given | None:
        if order.task == "image_to_video":
            several = order.image_urls if not order.image_url else []
            first, last = [*several, order.image_url, order.last_image_url][:2]
            return Given(
                first=self.picture("image_url", first),
                last=self.picture("last_image_url", last) if last else None,
            )
        if order.task == "reference_to_video":
            references = [*filter(None, [order.image_url]), *order.image_urls]
            return Given(references=tuple(self.picture("image_urls", a) for a in references))
        if order.task in ("edit", "extend"):
            return self.going_on(order)
        return None

    def going_on(self, order: Order) -> Given:
        """What `video_url` names; a stand-in's length is unknown, so only what is new comes."""
        goes_on = order.task == "extend"
        if not order.video_url and not self.find_clip(order.previous_interaction_id):
            what, received = "the id of an earlier clip", order.previous_interaction_id
            raise WrongOrder(expected("previous_interaction_id", what, received))
        clip = self.clip(order.video_url or order.previous_interaction_id)
        if clip is None:
            return Given(first=Picture(address=order.video_url))
        return Given(clip=clip, goes_on=goes_on, only_new="#only-new" in order.faults)

    def picture(self, name: str, address: str) -> Picture:
        if not address.startswith("data:"):
            return Picture(address=address)
        try:
            data = decoded(address, LARGEST_PICTURE)
            upright = look_at(data)
        except NoPicture as error:
            raise WrongOrder(expected(name, str(error), address)) from None
        return Picture(path=self.keep(data), upright=upright)

    def clip(self, address: str) -> Clip | None:
        """The clip at an address of our own or in a data URI; None for another's address."""
        try:
            if address.startswith("data:"):
                return inspect(self.keep(decoded(address, LARGEST_CLIP)))
            ours = self.find_clip(address)
            return inspect(self.link(ours)) if ours else None
        except (NoClip, NoPicture) as error:
            raise WrongOrder(expected("video_url", str(error), address)) from None

    def keep(self, data: bytes) -> Path:
        path = self.new_path()
        path.write_bytes(data)
        return path

    def link(self, ours: Path) -> Path:
        """The same file under a name of its own: the clip may go before its turn comes."""
        path = self.new_path()
        path.hardlink_to(ours)
        return path

    def new_path(self) -> Path:
        self.written.append(self.folder / f"given-{secrets.token_hex(8)}")
        return self.written[-1]


def decoded(address: str, largest: int) -> bytes:
    """The content of a data URI."""
    content = address[address.index(",") + 1 :]
    if len(content) > largest * 4 // 3 + 4:
        raise NoPicture(f"at most {largest:,} bytes")
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise NoPicture("a data URI whose base64 is whole") from None
