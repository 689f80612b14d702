"""A hub on this machine: serves a folder's files below their hub addresses, counts requests, and fails on demand."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Hub:
    """What the hub is asked, and how it is to fail."""

    def __init__(self, prefix: str, folder: Path) -> None:
        self.prefix = prefix
        self.folder = folder
        self.asked: list[str] = []
        self.refuse: dict[str, int] = {}
        """Path -> HTTP status."""
        self.cut: set[str] = set()
        """Paths whose body breaks off half-way."""
        self.address = ""


@contextmanager
def running_hub(prefix: str, folder: Path) -> Iterator[Hub]:
    hub = Hub(prefix, folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(self.path)
            if path.startswith("/moved/"):
                path = path.removeprefix("/moved")
            elif path.startswith(hub.prefix):
                self.reply(302, b"", {"Location": "/moved" + self.path})
                return
            path = path.removeprefix(hub.prefix)
            hub.asked.append(path)
            file = hub.folder / path
            if path in hub.refuse:
                self.reply(hub.refuse[path], b"no")
            elif not file.is_file():
                self.reply(404, b"not found")
            else:
                body = file.read_bytes()
                self.reply(200, body[: len(body) // 2] if path in hub.cut else body, {}, len(body))

        def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None, length: int = -1) -> None:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body) if length < 0 else length))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = length > len(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
