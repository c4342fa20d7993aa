"""Serves the page until the process is told to stop: Gradio's web server, with ours before it."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Callable

import gradio as gr
from starlette.middleware import Middleware

from backend import config
from backend.service import InUse, NoLedger, Service
from page import examples, theme
from page.gradio_patches import routes
from page.gradio_patches.blocks import PageBlocks
from page.gradio_patches.queue import MAX_STATES
from page.gradio_patches.stream_ends import StreamEnds
from page.handlers import mode
from page.web.errors import HANDLERS, ShortErrors
from page.web.first_paint import FirstPaint
from page.web.guard import PROXIES_OF_A_SPACE, Guard
from page.web.ranges import Ranges
from veo_client import InvalidRequest, VeoClient

VISITORS_AT_ONCE = 500


def run(build_page: Callable[[Service], PageBlocks]) -> None:
    """Serve the page that `build_page` makes; a wrong setting ends the process in one sentence."""
    os.umask(0o077)  # nobody else on this machine reads prompts, clips or what Gradio keeps
    try:
        VeoClient()
        with Service(config.read()) as service:
            serve(build_page(service), service)
    except InvalidRequest as error:
        about_the_service = error.field in ("api_key", "base_url")
        check = "Check AIMLAPI_KEY and AIMLAPI_BASE_URL in the environment. "
        sys.exit(f"{check if about_the_service else ''}{error}")
    except (config.WrongSetting, InUse, NoLedger) as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"The data folder cannot be used ({error}): choose another with VEO_DATA_DIR.")


def serve(page: PageBlocks, service: Service) -> None:
    """Launch `page`, and stop the jobs in order at Ctrl-C or SIGTERM."""
    prepare(service)
    launch(page, service)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("Stopping: a request that is being sent is waited for.")
    finally:
        service.stop_jobs()


def prepare(service: Service) -> None:
    """Set what Gradio and uvicorn read when they start."""
    settings = service.settings
    if settings.mcp:
        if not (package := importlib.util.find_spec("mcp")):
            sys.exit('VEO_MCP needs one more package: pip install "mcp<2"')
        routes.log_only_places(package.submodule_search_locations or [])
    # As Ctrl-C does: what is being sent gets its id, and the demo service clears its folder away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    # Whose word for a visitor's address uvicorn takes; by itself it would take any local program's.
    os.environ.setdefault("FORWARDED_ALLOW_IPS", PROXIES_OF_A_SPACE if settings.on_space else "")
    routes.bound_connections()
    routes.send_no_cors_headers()
    # Clips are played from where they lie, instead of being copied.
    gr.set_static_paths([service.storage.folder, examples.POSTERS])


def launch(page: PageBlocks, service: Service) -> None:
    page.launch(
        css=theme.CSS,
        theme=theme.THEME,
        # Well above the visitors at once: at exactly as many, they would share the web server's
        # own threads and everybody would wait.
        max_threads=4 * VISITORS_AT_ONCE,
        state_session_capacity=MAX_STATES,
        # Gradio's history keeps every input in the browser, passwords in clear.
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        # Else Gradio asks itself for the page, and ends when that takes more than three seconds:
        # a crowd at the door would keep the page from starting.
        _frontend=False,
        mcp_server=service.settings.mcp,
        footer_links=["api"],
        app_kwargs={
            "lifespan": service.lifespan,
            "middleware": middleware(page, service),
            "exception_handlers": HANDLERS,
        },
        prevent_thread_lock=True,
    )


def middleware(page: PageBlocks, service: Service) -> list[Middleware]:
    """What stands before Gradio's `page`, the outermost first."""
    known = service.settings
    return [
        Middleware(ShortErrors),
        Middleware(Guard, on_space=known.on_space, mcp=known.mcp, hosts=known.hosts),
        Middleware(Ranges),
        Middleware(FirstPaint, mode=lambda: mode(service.payer_for(None))),
        Middleware(StreamEnds, queue=page._queue),
    ]
