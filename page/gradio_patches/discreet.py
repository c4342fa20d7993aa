"""`gr.Blocks` that repeats nothing of what was sent, neither to the visitor nor in the log, and
takes no files.

Gradio's own errors quote the inputs, and one of them may be a key.  This module knows neither
keys nor jobs.
"""

from __future__ import annotations

import logging
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction

from backend.ledger import OutOfReach
from page import texts
from page.gradio_patches.blocks import LeanBlocks
from page.gradio_patches.no_files import names_a_file
from page.web.errors import told

_log = logging.getLogger(__name__)


class DiscreetBlocks(LeanBlocks):
    async def process_api(
        self, block_fn: BlockFunction | int, inputs: list[Any], *more: Any, **named: Any
    ) -> dict[str, Any]:
        """Run one event, whichever way it came; what goes wrong in it is a `gr.Error`.

        Gradio prints what a validator raises, so that is given back as what it has found.
        """
        try:
            return await self._process(block_fn, inputs, *more, **named)
        except gr.Error as error:
            error.print_exception = False
            if isinstance(block_fn, int) or not block_fn.is_validator_function:
                raise
            return {"data": {"is_valid": False, "message": error.message}}

    async def _process(
        self, block_fn: BlockFunction | int, inputs: list[Any], *more: Any, **named: Any
    ) -> dict[str, Any]:
        """Run one event that names no file; an error that nobody foresaw is logged by its place."""
        if names_a_file([inputs, getattr(named.get("event_data"), "_data", None)]):
            raise gr.Error(texts.NO_FILES, print_exception=False)
        try:
            return await super().process_api(block_fn, inputs, *more, **named)
        except gr.Error:
            raise
        except OutOfReach as error:
            _log.error("The ledger is out of reach. %s", error)
            raise gr.Error(texts.OUT_OF_REACH, print_exception=False) from None
        except Exception as error:
            _log.error("An event ended in %s", told(error))
            raise gr.Error(texts.NOT_HANDLED, print_exception=False) from None
