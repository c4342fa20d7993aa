"""Gradio's Blocks for a page that takes no files and repeats nothing of what was sent to it.

Gradio's own errors quote the inputs, to the visitor and in the log, and an input may be a key.
`Blocks.process_api` runs every event, whether it came from the page, a program or an agent, and has
no hook before or after it: `PageBlocks` overrides it.
"""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Sequence
from typing import Any
from unittest import mock

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.blocks import BlocksConfig
from gradio.routes import App

from backend.ledger import OutOfReach
from page import texts
from page.gradio_patches.no_files import names_a_file
from page.gradio_patches.queue import PageQueue
from page.web.errors import describe

_log = logging.getLogger(__name__)


class PageBlocks(gr.Blocks):
    _queue: PageQueue

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.default_config = PageConfig(self)

    def queue(self, *, max_size: int | None = None, **options: Any) -> PageBlocks:
        """Give it a `PageQueue`; Gradio calls this for every page, and its own makes a web app."""
        self._queue = PageQueue(self, max_size=max_size, **options)
        return self

    def __exit__(self, *raised: Any) -> None:
        """Gradio's own, without its web app: the start makes one that has all, and each takes a
        quarter of a second."""
        with mock.patch.object(App, "create_app"):
            super().__exit__(*raised)

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """Gradio's own, for the outputs that change: it would build each skipped one anew.

        That takes 3 ms of CPU for one status of the page, a quarter of all that the server does
        while 300 visitors follow their clips.
        """
        outputs = block_fn.outputs
        if predictions == gr.skip():
            return [gr.skip() for _ in outputs]
        if isinstance(predictions, list | tuple) and len(outputs) == len(predictions) > 1:
            predictions = dict(zip(outputs, predictions, strict=True))
        if not _is_by_component(predictions, outputs) or block_fn.is_validator_function:
            return await super().postprocess_data(block_fn, predictions, state)
        changed = {output: new for output, new in predictions.items() if new != gr.skip()}
        asked = copy.copy(block_fn)
        asked.outputs = [output for output in outputs if output in changed]
        built = await super().postprocess_data(asked, changed, state) if changed else []
        shown = dict(zip(asked.outputs, built, strict=True))
        return [shown.get(output, gr.skip()) for output in outputs]

    async def process_api(
        self, block_fn: BlockFunction | int, inputs: list[Any], *more: Any, **named: Any
    ) -> dict[str, Any]:
        """Run one event; whatever goes wrong in it is a `gr.Error` that quotes nothing.

        Gradio prints what a validator raises, so a validator's error is returned as its finding.
        """
        try:
            return await self._process(block_fn, inputs, *more, **named)
        except gr.Error as error:
            error.print_exception = False
            self._queue.has_failed = True
            if isinstance(block_fn, int) or not block_fn.is_validator_function:
                raise
            return {"data": {"is_valid": False, "message": error.message}}

    async def _process(
        self, block_fn: BlockFunction | int, inputs: list[Any], *more: Any, **named: Any
    ) -> dict[str, Any]:
        """Run one event that names no file; an error that nobody foresaw is logged by its place."""
        if names_a_file([inputs, getattr(named.get("event_data"), "_data", None)]):
            raise gr.Error(texts.NO_FILES, print_exception=False)
        known = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        try:
            return await super().process_api(
                block_fn, [*inputs, *_not_given(known, inputs)], *more, **named
            )
        except gr.Error:
            raise
        except OutOfReach as error:
            _log.error("The ledger is out of reach. %s", error)
            raise gr.Error(texts.OUT_OF_REACH, print_exception=False) from None
        except Exception as error:
            _log.error("An event ended in %s", describe(error))
            raise gr.Error(texts.NOT_HANDLED, print_exception=False) from None


def _not_given(block_fn: BlockFunction, inputs: Sequence[Any]) -> list[None]:
    """None for each of the last parameters that may be left out.

    Gradio wants all of them of a program that sends a list, and so one that was written before an
    endpoint got one more would fail.
    """
    lacking = len(block_fn.inputs) - len(inputs)
    if lacking <= 0 or block_fn.fn is None:
        return []
    last = [*inspect.signature(block_fn.fn).parameters.values()][-lacking:]
    return [None] * lacking if all(each.default is None for each in last) else []


def _is_by_component(predictions: Any, outputs: Sequence[Any]) -> bool:
    """Whether a handler has named the outputs that change; another dict is the only one's value."""
    return isinstance(predictions, dict) and bool(predictions) and {*predictions} <= {*outputs}


class PageConfig(BlocksConfig):
    """The page's components, described for the page and not again for each visitor's session.

    Gradio describes every component anew for every session, 8 ms of CPU each, for its deep links,
    which are closed here.
    """

    def __copy__(self) -> PageConfig:
        """Gradio copies the page's for each session, into a plain `BlocksConfig`."""
        copied: PageConfig = super().__copy__()  # type: ignore[no-untyped-call]  # Gradio's
        copied.__class__ = PageConfig
        return copied

    @staticmethod
    def config_for_block(
        _id: int, rendered_ids: list[int], block: Any, renderable: Any = None
    ) -> dict[str, Any]:
        """Gradio's own when the page is laid out; a session asks with nothing laid out."""
        if not rendered_ids:
            return {}
        return BlocksConfig.config_for_block(_id, rendered_ids, block, renderable)
