"""A small reverse proxy on loopback that serves one page under a path, as somebody's nginx does."""

import contextlib
import http.client
import http.server
import threading
from collections.abc import Iterator

# Of one connection, and so not passed on.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}

HANG_UPS = (ConnectionError, http.client.HTTPException)
"""The visitor's, and the page's when it is stopped within a stream."""


class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes on what is under `path`; what else is asked goes to `lost`, and gets a 404."""

    target: int
    path: str
    strips: bool
    lost: list[str]

    def pass_on(self) -> None:
        inside = self.path.removeprefix(self.server_path)
        if not f"{self.path}/?".startswith((f"{self.server_path}/", f"{self.server_path}?")):
            self.lost.append(self.path)
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = inside if self.strips else self.path
        page = http.client.HTTPConnection("127.0.0.1", self.target, timeout=60)
        with contextlib.closing(page), contextlib.suppress(*HANG_UPS):
            path = path if path.startswith("/") else f"/{path}"
            page.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    page.putheader(name, value)
            page.endheaders(body)
            self.answer(page.getresponse())

    def answer(self, answer: http.client.HTTPResponse) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.end_headers()
        while piece := answer.read1(65536):
            self.wfile.write(piece)

    do_GET = do_HEAD = do_POST = do_DELETE = pass_on  # noqa: N815  # the library's names

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serving(path: str, *, strips: bool, target: int = 0) -> Iterator[type[Proxy]]:
    """A proxy at `path`; its `url` is where a visitor goes, `target` the page's port."""
    lost: list[str] = []
    handler = type(
        "Serving",
        (Proxy,),
        {"target": target, "server_path": path, "strips": strips, "lost": lost},
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        handler.port = server.server_port
        handler.url = f"http://127.0.0.1:{server.server_port}{path}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield handler
        server.shutdown()
