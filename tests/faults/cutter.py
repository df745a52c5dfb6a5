"""A proxy between ingest and PostgreSQL that cuts the connection at a chosen instant of the protocol."""

import contextlib
import select
import socket
import struct
import threading
from enum import Enum
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

_COPY_DATA, _COPY_DONE = b"d", b"c"
_MOST = 65_536


class Cut(Enum):
    """Where the connection breaks."""

    MID_COPY = "half of a block of rows has gone through"
    BEFORE_COMMIT = "the rows are in, and COMMIT does not arrive"
    AFTER_COMMIT = "COMMIT arrives, and its answer does not"


class Cutter:
    """Stands at `url` for the database behind it. `arm` lets it cut the next connection that comes to that point."""

    def __init__(self, folder, url):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        parts = urlsplit(url)
        host = dict(pair.split("=", 1) for pair in parts.query.split("&"))["host"]
        self._target = str(Path(unquote(host)) / ".s.PGSQL.5432")
        self.url = urlunsplit(parts._replace(query=f"host={quote(str(folder), safe='')}&port=5432"))
        self._armed = None
        self.done = threading.Event()
        self._closed = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen(50)
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, cut):
        self.done.clear()
        self._armed = cut

    def close(self):
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        server = socket.socket(socket.AF_UNIX)
        with client, server, contextlib.suppress(OSError):
            server.connect(self._target)
            frames = _Frames()
            while not self._closed.is_set():
                ready, _, _ = select.select([client, server], [], [], 0.5)
                if server in ready:
                    block = server.recv(_MOST)
                    client.sendall(block)
                if client in ready:
                    block = client.recv(_MOST)
                    for frame in frames.of(block):
                        if self._cuts(frame, server):
                            return
                if ready and not block:
                    return

    def _cuts(self, frame, server):
        """Hand a frame on, or as much of it as is to arrive; return whether the connection ends here."""
        kind, cut = frame[:1], self._armed
        commit = kind in b"QP" and b"commit" in frame.lower()
        if cut is Cut.MID_COPY and kind == _COPY_DATA and len(frame) > 40:
            server.sendall(frame[: len(frame) // 2])
        elif cut is Cut.BEFORE_COMMIT and commit:
            pass
        elif cut is Cut.AFTER_COMMIT and commit:
            server.sendall(frame)
            server.recv(_MOST)  # it has answered, so it has committed; nobody is told
        else:
            server.sendall(frame)
            return False
        self._armed = None
        self.done.set()
        return True


class _Frames:
    """Takes a client's stream apart into messages. The first has no letter."""

    def __init__(self):
        self._rest, self._greeted = b"", False

    def of(self, block):
        self._rest += block
        while True:
            lead = 1 if self._greeted else 0
            if len(self._rest) < lead + 4:
                return
            size = lead + struct.unpack_from("!i", self._rest, lead)[0]
            if len(self._rest) < size:
                return
            frame, self._rest = self._rest[:size], self._rest[size:]
            # An encryption request (80877103 or 80877104) is followed by another first message.
            self._greeted = self._greeted or frame[4:8] not in {b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"}
            yield frame
