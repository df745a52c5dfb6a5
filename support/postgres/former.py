"""Former: a server that outlived its supervisor, found by its data folder and brought to an end."""

import os
import signal
import time
from pathlib import Path

from support.store import ServerStartError

_STOP_LIMIT_S = 30.0
_GRACE_S = 2.0
"""So long does an orphan have to notice that its supervisor is gone (it is told by a signal)."""


def clear_away(data: Path) -> None:
    """Wait for a server that is stopping; stop one whose supervisor is gone. Raises ServerStartError for a live one."""
    limit = time.monotonic() + _STOP_LIMIT_S
    grace = time.monotonic() + _GRACE_S
    while (pid := _running(data)) is not None:
        if time.monotonic() > limit:
            os.kill(pid, signal.SIGQUIT)
            raise ServerStartError(f"the former PostgreSQL (pid {pid}) did not stop in time: try again in a moment")
        if time.monotonic() > grace and not _stopping(data):
            if _parent(pid) != 1 or os.getppid() == 1:
                raise ServerStartError(f"PostgreSQL already runs on {data} (pid {pid}): another `run` has this home")
            os.kill(pid, signal.SIGINT)
        time.sleep(0.05)


def _running(data: Path) -> int | None:
    """Return the pid of the live server of this data folder."""
    try:
        pid = int((data / "postmaster.pid").read_text("utf-8").split("\n", 1)[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(data) in command.split(b"\0") else None


def _stopping(data: Path) -> bool:
    try:
        return "stopping" in (data / "postmaster.pid").read_text("utf-8")
    except OSError:
        return True


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[1])
    except OSError:
        return 1
