"""The first import of Gradio, with what it reads only then.

`app.py` imports this before anything else that imports Gradio.
"""

from __future__ import annotations

import inspect
import os
from unittest import mock

from page.gradio_patches.other_proxies import forget_other_proxies
from veo.settings import as_in_a_shell

# Without it every page load tells Gradio's makers.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

# After each event Gradio makes a table of the last 10,000 for a page of its own, which is closed
# here: 8 ms of CPU for each event of a busy server, and their sessions' names stay in memory.
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000000")

# Gradio's own client, which stands behind the tools for agents, asks the Hub for a list.
if "SPACE_ID" not in os.environ:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")

# Gradio reads these as they are, and its import fails at a port that is none; `backend.config` says
# what is wrong with them, and hands them on.
ADDRESS = ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT")
address = {name: os.environ.pop(name) for name in ADDRESS if name in os.environ}

if "GRADIO_TEMP_DIR" in os.environ:
    os.environ["GRADIO_TEMP_DIR"] = as_in_a_shell(os.environ["GRADIO_TEMP_DIR"])

forget_other_proxies(os.environ)

# At every import Gradio writes type stubs of its components beside their files, for editors: 1.4 of
# 3.5 s of CPU.  It has no switch for that, but leaves out a component that has no file.
with mock.patch.object(inspect, "getfile", side_effect=OSError):
    import gradio.http_server  # noqa: F401  # for its import alone

os.environ.update(address)
