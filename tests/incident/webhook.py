"""A chat's incoming webhook on this machine, with the quirks that Slack's have."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATH = "/services/T000/B000/" + "x7Qm" * 6


class Webhook:
    """Takes ``{"text": …}`` and says ``ok``; or what it was told to say."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.answers: list[tuple[int, str, dict[str, str]]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, said, more = hook.answers.pop(0) if hook.answers else (200, "ok", {})
                if self.path != PATH:
                    status, said, more = 404, "no_service", {}
                elif status == 200:
                    hook.taken.append(json.loads(body))
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}{PATH}"


@contextlib.contextmanager
def listening() -> Iterator[Webhook]:
    """One that listens until the end of the block."""
    hook = Webhook()
    thread = threading.Thread(target=hook.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield hook
    finally:
        hook.server.shutdown()
        hook.server.server_close()
        thread.join()
