"""`gr.Blocks` that does nothing in vain: what nobody reads is not made, nor looked for.

It knows Gradio's inside, and nothing of what the events do.
"""

from __future__ import annotations

import copy
import sys
from typing import Any

import gradio as gr
from gradio.blocks import BlocksConfig


class Undescribed(BlocksConfig):
    """The page's components, of which no visitor's session keeps a description.

    Gradio makes one of each for every session, for its deep links, which are closed here: a quarter
    of the CPU when 300 visitors come.
    """

    def __copy__(self) -> Undescribed:
        sessions: Undescribed = super().__copy__()  # type: ignore[no-untyped-call]  # Gradio's
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


class LeanBlocks(gr.Blocks):
    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.default_config = Undescribed(self)

    def queue(self, **named: Any) -> LeanBlocks:
        """Gradio's own, but it looks 50 times a second for something to do and not 1,000, and not
        100 times for progress, which nothing here reports: a twentieth of a core for a page that
        nobody visits."""
        super().queue(**named)
        self._queue.sleep_when_free = 0.02
        self._queue.progress_update_sleep_when_free = 60
        # After each event Gradio would make a table of the last 10,000 for a page of its own, which
        # is closed here; their sessions' names stay in memory.
        self._queue.ANALYTICS_MAX_EVENTS = 0
        self._queue.ANAYLTICS_CACHE_FREQUENCY = sys.maxsize
        return self

    async def postprocess_data(
        self, block_fn: Any, predictions: list[Any] | dict[Any, Any], state: Any
    ) -> list[Any]:
        """Gradio's own, but only for the outputs that a handler names.

        Gradio builds each of the others anew, for nothing: of the eight that follow a job that is
        3.4 ms of 3.5 for each of its changes.
        """
        outputs = block_fn.outputs
        if predictions == gr.skip():
            return [gr.skip() for _ in outputs]
        if not isinstance(predictions, dict) or not {*predictions} & {*outputs}:
            return await super().postprocess_data(block_fn, predictions, state)
        named = copy.copy(block_fn)
        named.outputs = [output for output in outputs if output in predictions]
        shown = iter(await super().postprocess_data(named, predictions, state))
        return [next(shown) if output in predictions else gr.skip() for output in outputs]
