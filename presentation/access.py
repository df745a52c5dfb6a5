"""Access: who may write in the console, and that it is their own page that asks.

Until there are accounts, `hearthline run` prints an address with a one-time word. The page gives it in exchange for a
session, whose key is a cookie that no script can read and no other site can send. Whoever writes must have the session,
come from a page of this very address (Origin), and show a second word, which only such a page can read. Without all
three the console is read only.
"""

import hashlib
import time
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from fastapi import HTTPException, Request, Response

from application.accounts.permission import ROLES, Permission, Role

COOKIE = "hearthline_console"
PROOF = "x-hearthline-proof"
"""The header that carries the second word."""
HOW = "open the address that `hearthline run` printed, or let `hearthline sign-in` print a new one"


class Holding(Protocol):
    """Whose session it is, and until when (epoch seconds)."""

    @property
    def name(self) -> str:
        """The name that stands beside what is written."""

    @property
    def until(self) -> float:
        """When the session ends."""


class Sessions(Protocol):
    """Where invitations and sessions are kept. Every method blocks for a file or two."""

    def redeem(self, word: str) -> str | None:
        """Take an invitation; return the key of a new session, None when it is unknown, taken or too old."""

    def holder(self, key: str) -> Holding | None:
        """Return whose session a key opens."""

    def leave(self, key: str) -> None:
        """End a session."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Somebody who has signed in."""

    name: str
    key: str
    until: float
    role: Role = Role.ADMINISTRATOR
    """Until there are accounts: who reads what the machine prints is its administrator."""
    body: str | None = None
    """The code of the body that somebody belongs to; None: of the operator's own house."""
    area: str = ""
    """Where somebody may act: `city:<name>`, `district:<name>`; empty: everywhere."""

    def may(self, permission: Permission) -> bool:
        """Return whether the role allows it."""
        return permission in ROLES[self.role]

    @property
    def actor(self) -> str:
        """Who stands in journal and audit."""
        return f"console:{self.name}"

    @property
    def proof(self) -> str:
        """The second word of this session."""
        return hashlib.sha256(f"proof of {self.key}".encode()).hexdigest()


class Door:
    """Opens and closes sessions. `secure`: the cookie goes over TLS alone."""

    def __init__(self, sessions: Sessions | None, *, secure: bool) -> None:
        self._sessions = sessions
        self._secure = secure

    def signed(self, request: Request) -> Signed | None:
        """Return who asks, None: nobody who has signed in. Reads a small file."""
        key = request.cookies.get(COOKIE)
        holder = None if key is None or self._sessions is None else self._sessions.holder(key)
        return None if holder is None or key is None else Signed(holder.name, key, holder.until)

    def writer(self, request: Request, permission: Permission) -> Signed:
        """Return who writes.

        Raises HTTPException: 401 without a session, 403 without the proof of an own page or without the permission.
        """
        who = self._proven(request)
        if not who.may(permission):
            raise HTTPException(403, f"your role, {who.role}, does not include the permission {permission}")
        return who

    def _proven(self, request: Request) -> Signed:
        require_same_origin(request)
        who = self.signed(request)
        if who is None:
            raise HTTPException(401, f"the console is read only for you: {HOW}")
        if request.headers.get(PROOF) != who.proof:
            raise HTTPException(403, f"the proof of an own page is missing: send {PROOF} as GET /api/v1/session has it")
        return who

    def open(self, word: str, response: Response) -> Signed:
        """Take an invitation and hand out the cookie. Raises HTTPException 403."""
        key = None if self._sessions is None else self._sessions.redeem(word)
        holder = None if key is None or self._sessions is None else self._sessions.holder(key)
        if key is None or holder is None:
            raise HTTPException(403, "this sign-in is taken, too old or unknown: `hearthline sign-in` prints a new one")
        lasts = max(1, round(holder.until - time.time()))
        response.set_cookie(
            COOKIE, key, max_age=lasts, path="/", secure=self._secure, httponly=True, samesite="strict"
        )  # fmt: skip
        return Signed(holder.name, key, holder.until)

    def close(self, request: Request, response: Response) -> None:
        """End the session of who asks. Raises HTTPException as `writer` does."""
        who = self._proven(request)
        if self._sessions is not None:
            self._sessions.leave(who.key)
        response.delete_cookie(COOKIE, path="/", secure=self._secure, httponly=True, samesite="strict")


def require_same_origin(request: Request) -> None:
    """Raise HTTPException 403 unless the page that asks is one of this very address."""
    origin = request.headers.get("origin")
    if origin is None or _host_of(origin) != request.headers.get("host"):
        raise HTTPException(403, "writing is for the console's own pages: send the header Origin with its address")


def _host_of(origin: str) -> str | None:
    """Return host and port of an origin, None for what is no address."""
    try:
        return urlsplit(origin).netloc or None
    except ValueError:  # brackets that hold no IPv6 address
        return None
