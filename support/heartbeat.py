"""Heartbeat: each process says once a second, in a file of its own, that it lives and how it does."""

import json
import os
import time
from pathlib import Path

STALE_S = 10.0
"""A process that said nothing for so long hangs, or is starved."""


class Heartbeat:
    """Writes <home>/run/<name>.json: {"pid", "at" (epoch s), "ready", "detail", ...facts}; at most once a second."""

    def __init__(self, run: Path, name: str) -> None:
        self._file = run / f"{name}.json"
        self._next = 0.0
        self._last: tuple[bool, str] | None = None

    def beat(self, detail: str = "", *, ready: bool = True, **facts: object) -> None:
        """Say how we do. Cheap to call often: only the first of a second, or a change, reaches the disk."""
        now = time.monotonic()
        if now < self._next and self._last == (ready, detail):
            return
        self._next, self._last = now + 1.0, (ready, detail)
        told = {"pid": os.getpid(), "at": time.time(), "ready": ready, "detail": detail, **facts}
        write_json(self._file, told)


def write_json(file: Path, told: object) -> None:
    """Replace a file in one step, so that nobody ever reads half of it. Readable by its owner alone."""
    fresh = file.with_suffix(f".{os.getpid()}.tmp")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(told, out, default=str)
    fresh.replace(file)


def read_json(file: Path) -> dict[str, object]:
    """Return what a file says; empty when it is not there or not whole."""
    try:
        told = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
