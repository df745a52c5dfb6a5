"""A web server that takes events, as well or as badly as a test wants it, and what it was told."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Hook:
    """`status` is what it answers; `drip`: it answers a byte of the headers every so many seconds, for ever."""

    status: int = 204
    location: str | None = None
    drip: float = 0
    port: int = 0
    calls: list = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)

    def events(self):
        return [json.loads(body) for _, body in self.calls]


@contextmanager
def hook(tls=None, **how):
    """Run a web server for the length of the block."""
    box = Hook(**how)

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            box.calls.append((dict(self.headers.items()), body))
            box.arrived.set()
            if box.drip:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not box.closing.wait(box.drip):
                    self.wfile.write(b"x")
                return
            self.send_response(box.status)
            if box.location:
                self.send_header("Location", box.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):
            pass

    server = Server(("127.0.0.1", 0), Answer)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    box.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield box
    finally:
        box.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
