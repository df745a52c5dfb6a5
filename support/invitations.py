"""Invitations: how somebody at this machine becomes known to the console, until there are accounts.

`hearthline run` and `hearthline sign-in` make an invitation: a word that is shown once, holds for an hour and is taken
once. Who brings it gets the key of a session. Words and keys rest in the home, for its owner alone, as files that are
named by their hashes: what lies there opens nothing. Taking an invitation is removing its file, so that of two who
bring the same word one gets in.
"""

import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

INVITED_S = 3600.0
SESSION_S = 24 * 3600.0
_NAME = re.compile(r"[\w.-]{1,40}")
_LONGEST_WORD = 200


class InvitationError(Exception):
    """Nobody can be invited by this name; the text says what a name is."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose session it is, and until when (epoch seconds)."""

    name: str
    until: float


class Invitations:
    """The invitations and sessions of one home. `clock` gives epoch seconds. Every method blocks for a file or two."""

    def __init__(self, run: Path, clock: Callable[[], float] = time.time) -> None:
        """`run` is the folder of the home that belongs to its owner alone."""
        self._invited, self._sessions = run / "invitations", run / "sessions"
        self._clock = clock

    def invite(self, name: str) -> str:
        """Return a word that lets one person in by this name, once, within the hour. Raises InvitationError."""
        if _NAME.fullmatch(name) is None:
            raise InvitationError(f"{name!r} is no name: letters, digits, '.', '_' and '-', 40 at most")
        return self._issue(self._invited, name, INVITED_S)

    def redeem(self, word: str) -> str | None:
        """Take an invitation; return the key of a new session, None when it is unknown, taken or too old."""
        holder = self._take(self._invited, word)
        return None if holder is None else self._issue(self._sessions, holder.name, SESSION_S)

    def holder(self, key: str) -> Holder | None:
        """Return whose session a key opens, None when it opens none (any more)."""
        return self._read(self._sessions / _mark(key))

    def leave(self, key: str) -> None:
        """End a session."""
        (self._sessions / _mark(key)).unlink(missing_ok=True)

    def _issue(self, folder: Path, name: str, for_s: float) -> str:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._sweep(folder)
        word = secrets.token_urlsafe(32)
        facts = json.dumps({"name": name, "until": self._clock() + for_s})
        handle = os.open(folder / _mark(word), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(facts)
        return word

    def _take(self, folder: Path, word: str) -> Holder | None:
        file = folder / _mark(word)
        holder = self._read(file)
        try:
            file.unlink()
        except FileNotFoundError:  # somebody else has taken it
            return None
        return holder

    def _read(self, file: Path) -> Holder | None:
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            holder = Holder(str(told["name"]), float(told["until"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return holder if self._clock() < holder.until else None

    def _sweep(self, folder: Path) -> None:
        """Remove what is too old, so that the folder does not grow."""
        for file in folder.iterdir():
            if self._read(file) is None:
                file.unlink(missing_ok=True)


def _mark(word: str) -> str:
    return hashlib.sha256(word[:_LONGEST_WORD].encode(errors="replace")).hexdigest()
