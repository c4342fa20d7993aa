"""`gr.Blocks` that repeats nothing of what was sent: neither to the visitor nor in the log.

Gradio's own errors quote the inputs, and one of them may be a key.  This module knows neither
keys nor jobs.
"""

from __future__ import annotations

import logging
import traceback
from typing import Any

import gradio as gr

from ledger import OutOfReach
from page import texts
from page.lean import LeanBlocks

_log = logging.getLogger(__name__)


class DiscreetBlocks(LeanBlocks):
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
