"""A mail server on a socket, as strict or as strange as a test wants it, and what it was handed."""

import base64
import socket
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default


@dataclass
class Mailbox:
    """`answers` overrules what is said to a command: `RCPT` -> b"550 no such box". `mute`: the commands never answered.

    `drip`: says a byte every so many seconds, for ever. `broken_off`: ends the call after this command.
    """

    tls: ssl.SSLContext | None = None
    implicit: bool = False
    password: str | None = None
    answers: dict = field(default_factory=dict)
    mute: frozenset = frozenset()
    drip: float = 0
    messages: list = field(default_factory=list)
    calls: int = 0
    port: int = 0
    said: list = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)

    def texts(self):
        return [m.get_content() for m in self.messages]

    def ids(self):
        return [m["Message-ID"] for m in self.messages]

    def serve(self, listener):
        while not self.closing.is_set():
            try:
                link, _ = listener.accept()
            except OSError:
                return
            self.calls += 1
            threading.Thread(target=self._talk, args=(link,), daemon=True).start()

    def _talk(self, link):
        try:
            with link:
                link.settimeout(20)
                self._session(self.tls.wrap_socket(link, server_side=True) if self.implicit else link)
        except (OSError, ValueError, EOFError):
            pass

    def _session(self, link):
        if self.drip:
            link.sendall(b"220-")
            while not self.closing.wait(self.drip):
                link.sendall(b"x")
            return
        lines = link.makefile("rb")
        self._say(link, "HELLO", b"220 here")
        secure = self.implicit
        while line := lines.readline():
            word = line.split(maxsplit=1)[0].upper().decode() if line.strip() else ""
            self.said.append(line.decode(errors="replace").strip())
            if word in self.mute:
                self.closing.wait(30)
                return
            if word == "EHLO":
                offers = [b"here", *([b"STARTTLS"] if self.tls and not secure else []), *self._auth(secure)]
                self._say(link, word, b"\r\n".join(b"250-" + o for o in offers[:-1]) + b"\r\n250 " + offers[-1])
            elif word == "STARTTLS":
                self._say(link, word, b"220 go on")
                link = self.tls.wrap_socket(link, server_side=True)
                lines, secure = link.makefile("rb"), True
            elif word == "AUTH":
                told = base64.b64decode(line.split()[2]).split(b"\0")
                good = told[2].decode() == self.password
                self._say(link, word, b"235 welcome" if good else b"535 wrong password")
            elif word == "DATA":
                self._data(link, lines)
            elif word == "QUIT":
                self._say(link, word, b"221 bye")
                return
            else:
                self._say(link, word, b"250 fine")

    def _auth(self, secure):
        return [b"AUTH PLAIN"] if self.password and secure else [b"8BITMIME"]

    def _data(self, link, lines):
        self._say(link, "DATA", b"354 go on")
        if "DATA" in self.answers:
            return
        body = b""
        while (line := lines.readline()) not in {b".\r\n", b""}:
            body += line[1:] if line.startswith(b".") else line
        self.messages.append(message_from_bytes(body, policy=default))
        self.arrived.set()
        self._say(link, "TEXT", b"250 taken")

    def _say(self, link, word, usual):
        link.sendall(self.answers.get(word, usual) + b"\r\n")


@contextmanager
def mail_server(**how):
    """Run a mail server for the length of the block."""
    box = Mailbox(**how)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        box.port = listener.getsockname()[1]
        thread = threading.Thread(target=box.serve, args=(listener,), daemon=True)
        thread.start()
        yield box
        box.closing.set()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
