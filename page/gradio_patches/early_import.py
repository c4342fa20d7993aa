"""The first import of Gradio, with what it reads only then.

`app.py` imports this before anything else that imports Gradio.
"""

from __future__ import annotations

import inspect
import os
from unittest import mock

from page.gradio_patches.other_proxies import forget_other_proxies

# Without it every page load tells Gradio's makers.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

# After each event Gradio makes a table of the last 10,000 for a page of its own, which is closed
# here: 8 ms of CPU for each event of a busy server, and their sessions' names stay in memory.
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000000")

# Gradio's own client, which stands behind the tools for agents, asks the Hub for a list.
if "SPACE_ID" not in os.environ:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")

forget_other_proxies(os.environ)

# At every import Gradio writes type stubs of its components beside their files, for editors: 1.4 of
# 3.5 s of CPU.  It has no switch for that, but leaves out a component that has no file.
with mock.patch.object(inspect, "getfile", side_effect=OSError):
    import gradio  # noqa: F401  # for its import alone
