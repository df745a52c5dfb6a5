"""Wire: a socket to a broker, plain or TLS, read in large blocks and never waited for."""

import socket
import ssl
import time
from contextlib import ExitStack

from network.address import Address
from network.mqtt.connection import CONNECT_TIMEOUT_S
from network.mqtt.incoming import Incoming

_MOST_OWED = 1 << 20  # bytes: a broker that takes no acknowledgements gets no more to acknowledge
_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def dial(address: Address) -> socket.socket:
    """Return a connected socket; with TLS its certificate has been verified. Raises OSError."""
    try:
        sock = socket.create_connection((address.host, address.port), CONNECT_TIMEOUT_S)
    except UnicodeError as err:
        raise OSError(f"{address.host!r:.80} cannot be the name of a host") from err
    with ExitStack() as undone:
        undone.callback(sock.close)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.tls:
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=address.host)
        sock.settimeout(0)
        undone.pop_all()
    return sock


class Wire:
    """Blocks in, frames out, without ever blocking. Closed by whoever dialled."""

    def __init__(self, sock: socket.socket, incoming: Incoming) -> None:
        self.sock = sock
        self.incoming = incoming
        self.more = False  # whether another read may bring something at once
        self._owed = bytearray()
        self._tls = isinstance(sock, ssl.SSLSocket)

    def fileno(self) -> int:
        """Return the descriptor, for poll."""
        return self.sock.fileno()

    def send(self, frames: bytes) -> None:
        """Queue frames; `flush` writes them."""
        self._owed += frames

    def owes(self) -> bool:
        """Return whether frames wait to be written."""
        return bool(self._owed)

    def clogged(self) -> bool:
        """Return whether so much waits to be written that nothing more should be read."""
        return len(self._owed) > _MOST_OWED

    def flush(self) -> None:
        """Write as much as the socket takes. Raises OSError."""
        try:
            while self._owed:
                del self._owed[: self.sock.send(self._owed)]
        except _NOT_NOW:
            pass

    def read(self) -> bool:
        """Read a block; return whether anything came. Raises OSError, also when the broker has hung up.

        TLS hands out records of 16 KiB at most, and what it has decrypted is invisible to poll:
        so it is read until it has nothing more, or the block is full.
        """
        room = self.incoming.room()
        count, ended = 0, False
        try:
            while count < len(room) and not ended:
                got = self.sock.recv_into(room[count:])
                count += got
                ended = not got
                if not self._tls:
                    break
        except _NOT_NOW:
            pass
        self.more = count == len(room)
        if count:
            self.incoming.filled(count, time.time_ns() // 1000)
        elif ended:
            raise ConnectionResetError("the broker closed the connection")
        return count > 0
