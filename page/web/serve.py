"""Serves the page until the process is told to stop: Gradio's web server, with ours before it."""

from __future__ import annotations

import errno
import importlib.util
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.middleware import Middleware

from backend import config
from backend.data_folder import InUse
from backend.engine import NoEngine
from backend.service import NoBucket, NoLedger, Service
from page import examples, theme
from page.gradio_patches import named_files, routes, shared_clips
from page.gradio_patches.blocks import PageBlocks
from page.gradio_patches.patient_start import wait_for_the_server
from page.gradio_patches.queue import MAX_STATES
from page.gradio_patches.stream_ends import StreamEnds
from page.handlers import mode
from page.web.address import NoAddress, free_port
from page.web.clips_zip import ClipsZip
from page.web.errors import HANDLERS, ShortErrors
from page.web.first_paint import FirstPaint
from page.web.guard import PROXIES_OF_A_SPACE, Guard
from page.web.pictures import PictureRoutes
from page.web.ranges import Ranges
from page.web.shared_clips import SharedClipFiles
from page.web.under_path import FromRoot, UnderPath, path_of
from veo.files import reason
from veo.terminal import at_stop
from veo_client import InvalidRequest, VeoClient

VISITORS_AT_ONCE = 500


class CannotStart(Exception):
    """Something is not there that a start needs; the text says which setting is about it."""


def run(build_page: Callable[[Service], PageBlocks]) -> None:
    """Serve the page that `build_page` makes; a wrong setting ends the process in one sentence."""
    os.umask(0o077)  # nobody else on this machine reads prompts, clips or what Gradio keeps
    at_stop(_stop_once)
    with suppress(KeyboardInterrupt):
        try:
            VeoClient()
            settings = config.read()
            free_port(settings.address, settings.port)
            require_temp_folder()
            with opened(settings) as service:
                serve(build_page(service), service)
        except InvalidRequest as error:
            about_the_service = error.field in ("api_key", "base_url")
            check = "Check AIMLAPI_KEY and AIMLAPI_BASE_URL in the environment. "
            sys.exit(f"{check if about_the_service else ''}{error}")
        except (
            config.WrongSetting,
            InUse,
            NoLedger,
            NoEngine,
            NoBucket,
            NoAddress,
            CannotStart,
        ) as error:
            sys.exit(str(error))
        except BrokenPipeError:
            sys.exit("Nobody reads what the server prints any more, so it has ended.")
        except OSError as error:
            if error.errno in (None, errno.EADDRINUSE):  # between our look and the start
                sys.exit(f"The port was taken just now: set GRADIO_SERVER_PORT to another. {error}")
            sys.exit(f"The server cannot go on: {reason(error)}.")


def _stop_once(*_: object) -> None:
    """End in order at the first signal; a second one must not cut off what the first began."""
    at_stop(signal.SIG_IGN)
    raise KeyboardInterrupt


def require_temp_folder() -> None:
    """See that Gradio and the demo service can keep there what they make, or do not start."""
    try:
        tempfile.gettempdir()
    except OSError:
        raise CannotStart(
            "No folder for temporary files can be written: set TMPDIR to one that can."
        ) from None
    folder = Path(get_upload_folder())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotStart(
            f"The folder for temporary files, {folder}, cannot be used ({reason(error)}): choose "
            "another with GRADIO_TEMP_DIR."
        ) from error


@contextmanager
def opened(settings: config.Settings) -> Iterator[Service]:
    """The back end with its data folder, which is said by name if it cannot be used."""
    with ExitStack() as stack:
        try:
            service = stack.enter_context(Service(settings))
        except OSError as error:
            raise CannotStart(
                f"The data folder {settings.data} cannot be used ({reason(error)}): choose another "
                "with VEO_DATA_DIR."
            ) from error
        yield service


def serve(page: PageBlocks, service: Service) -> None:
    """Launch `page` and wait for its end; whatever ends it, what is being sent gets its id."""
    try:
        prepare(service)
        launch(page, service)
        page.server.thread.join()
        raise CannotStart("The web server has ended; what it said of that stands above.")
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be gone
            print("Stopping: a request that is being sent is waited for.", flush=True)
        raise
    finally:
        service.stop_jobs()


def prepare(service: Service) -> None:
    """Set what Gradio and uvicorn read when they start."""
    settings = service.settings
    if settings.mcp:
        if not (package := importlib.util.find_spec("mcp")):
            sys.exit('VEO_MCP needs one more package: pip install "mcp<2"')
        routes.log_only_places(package.submodule_search_locations or [])
    # Whose word for a visitor's address uvicorn takes; by itself it would take any local program's.
    os.environ.setdefault("FORWARDED_ALLOW_IPS", PROXIES_OF_A_SPACE if settings.on_space else "")
    wait_for_the_server()
    routes.look_for_ports_on_loopback()
    routes.bound_connections()
    routes.send_no_cors_headers()
    routes.compress_whole_files()
    named_files.name_downloads()
    # Clips are played from where they lie, instead of being copied.
    if service.storage.is_shared:
        shared_clips.give_out_shared_clips()
        gr.set_static_paths([examples.POSTERS])
    else:
        gr.set_static_paths([service.storage.folder, examples.POSTERS])


def launch(page: PageBlocks, service: Service) -> None:
    settings = service.settings
    page.launch(
        server_name=settings.address,
        server_port=free_port(settings.address, settings.port),
        root_path=settings.root_path,
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
        mcp_server=settings.mcp,
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
    known, is_shared = service.settings, service.storage.is_shared
    return [
        Middleware(FromRoot, root=known.root_path),
        Middleware(ShortErrors),
        Middleware(Guard, mcp=known.mcp, hosts=known.hosts, frame_ancestors=known.frame_ancestors),
        Middleware(Ranges),
        Middleware(ClipsZip, storage=service.storage),
        Middleware(PictureRoutes, service=service),
        *([Middleware(SharedClipFiles, storage=service.storage)] if is_shared else []),
        Middleware(
            FirstPaint,
            mode=lambda: mode(service),
            path=path_of(known.root_path),
        ),
        Middleware(StreamEnds, queue=page._queue),
        Middleware(UnderPath, root=known.root_path),
    ]
