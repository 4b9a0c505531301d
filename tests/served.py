"""A real HTTP server on this machine that serves one file, and misbehaves as it is told to."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

Answer = Callable[["Handler"], None]


class Served:
    """``with Served(content) as server``: ``server.url``. ``script`` holds what the next requests
    get; those after it get the file, or the part of it that they ask for."""

    def __init__(self, content: bytes, script: list[Answer] | None = None) -> None:
        self.content = content
        self.script = script or []
        self.requests: list[Message] = []  # headers of each request
        self.sent: list[int] = []  # bytes of the file in each answer
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.served = self  # type: ignore[attr-defined]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/file"

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:8]}"'

    def __enter__(self) -> Served:
        # its end is looked for every 10 ms, not every half second
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.server.shutdown()
        self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def served(self) -> Served:
        served: Served = self.server.served  # type: ignore[attr-defined]
        return served

    def do_GET(self) -> None:
        self.served.requests.append(self.headers)
        answer = self.served.script.pop(0) if self.served.script else file()
        answer(self)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # who asked may be killed
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        pass


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """An answer that is not the file. ``Retry_After="1"`` is the header Retry-After."""

    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def file(cut_after: int | None = None, sized: bool = True, ranges: bool = True) -> Answer:
    """The file, or the rest that was asked for if it is still the same.

    ``cut_after``: the connection ends after so many bytes of the file. ``sized``: False leaves out
    the length. ``ranges``: False serves the whole file whatever was asked for.
    """

    def answer(handler: Handler) -> None:
        content, etag = handler.served.content, handler.served.etag
        asked = handler.headers.get("Range", "") if ranges else ""
        same = handler.headers.get("If-Range", etag) == etag
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and same else 0
        if start >= len(content):
            return status(416, Content_Range=f"bytes */{len(content)}")(handler)
        handler.send_response(206 if start else 200)
        handler.send_header("ETag", etag)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if sized:
            handler.send_header("Content-Length", str(len(content) - start))
        else:
            handler.send_header("Connection", "close")
            handler.close_connection = True
        handler.end_headers()
        body = content[start:] if cut_after is None else content[start : start + cut_after]
        handler.served.sent.append(len(body))
        handler.wfile.write(body)
        if cut_after is not None:
            handler.wfile.flush()
            handler.close_connection = True
        return None

    return answer
