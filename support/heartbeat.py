"""Heartbeat: each process says once a second, in a file of its own, that it lives and how it does."""

import json
import os
import time
from pathlib import Path
from typing import Protocol

_LOOK_S = 0.05
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


class Stop(Protocol):
    """An event that says when to end; `threading.Event` is one."""

    def is_set(self) -> bool:
        """Return whether it is time to end."""

    def wait(self, timeout: float) -> bool:
        """Wait for it so many seconds at most."""


def await_beat(run: Path, name: str, stop: Stop) -> None:
    """Wait until a process says that it is ready, or `stop` is set."""
    while not stop.is_set():
        told = read_json(run / f"{name}.json")
        at = told.get("at")
        if told.get("ready") and isinstance(at, float) and time.time() - at < STALE_S and _lives(told.get("pid")):
            return
        stop.wait(_LOOK_S)


def _lives(pid: object) -> bool:
    return isinstance(pid, int) and Path(f"/proc/{pid}").exists()


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
