"""`gr.Blocks` that repeats nothing of what was sent: neither to the visitor nor in the log.

Gradio's own errors quote the inputs, and one of them may be a key.  This module knows neither
keys nor jobs.
"""

from __future__ import annotations

import copy
import logging
import traceback
from typing import Any

import gradio as gr
from gradio.blocks import BlocksConfig

from ledger import OutOfReach
from page import texts

_log = logging.getLogger(__name__)


class Undescribed(BlocksConfig):
    """The page's components, of which no visitor's session keeps a description.

    Gradio makes one of each for every session, for its deep links, which are closed here: a quarter
    of the CPU when 300 visitors come.
    """

    def __copy__(self) -> Undescribed:
        sessions: Undescribed = super().__copy__()  # type: ignore[no-untyped-call]  # as it is there
        sessions.__class__ = Undescribed
        return sessions

    @staticmethod
    def config_for_block(
        _id: int, rendered_ids: list[int], block: Any, renderable: Any = None
    ) -> dict[str, Any]:
        """Gradio's own when the page is laid out; a session asks with nothing laid out."""
        if not rendered_ids:
            return {}
        return BlocksConfig.config_for_block(_id, rendered_ids, block, renderable)


class DiscreetBlocks(gr.Blocks):
    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.default_config = Undescribed(self)

    async def postprocess_data(
        self, block_fn: Any, predictions: list[Any] | dict[Any, Any], state: Any
    ) -> list[Any]:
        """Gradio's own, but for outputs that are skipped: it would build each anew, to no end."""
        if not isinstance(predictions, list | tuple) or gr.skip() not in predictions:
            return await super().postprocess_data(block_fn, predictions, state)
        changed = {at: value for at, value in enumerate(predictions) if value != gr.skip()}
        asked = copy.copy(block_fn)
        asked.outputs = [block_fn.outputs[at] for at in changed]
        # The value of an only output is no list of one.
        given = [*changed.values()] if len(changed) != 1 else changed.popitem()[1]
        shown = iter(await super().postprocess_data(asked, given, state))
        return [value if value == gr.skip() else next(shown) for value in predictions]

    async def process_api(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        """Run one event; an error that nobody foresaw is logged by its place alone."""
        try:
            return await super().process_api(*arguments, **named)
        except gr.Error as error:
            error.print_exception = False
            raise
        except OutOfReach as error:
            _log.error("The ledger is out of reach. %s", error)
            raise gr.Error(texts.OUT_OF_REACH, print_exception=False) from None
        except Exception as error:
            frames = "".join(traceback.format_tb(error.__traceback__))
            _log.error("An event ended in %s, raised here:\n%s", type(error).__name__, frames)
            raise gr.Error(texts.NOT_HANDLED, print_exception=False) from None
