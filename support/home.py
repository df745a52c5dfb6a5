"""Home: the data folder of one installation, and who owns it at this moment."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.set_up import AlreadyRunningError, HomeError

FOR_ROOT = Path("/var/lib/hearthline")


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one installation. `run` and `secrets` are for their owner alone."""

    root: Path

    @property
    def run(self) -> Path:
        """Heartbeats, the state of the run, its lock."""
        return self.root / "run"

    @property
    def log(self) -> Path:
        """The log that `hearthline run` writes."""
        return self.root / "log" / "hearthline.log"

    @property
    def state(self) -> Path:
        """What runs, as `hearthline status` reads it."""
        return self.run / "state.json"


def default_home(checkout: Path) -> Path:
    """Return HEARTHLINE_HOME, or root's state folder, or var/ in the checkout."""
    chosen = os.environ.get("HEARTHLINE_HOME")
    if chosen:
        return Path(chosen).expanduser().resolve()
    return FOR_ROOT if os.geteuid() == 0 else checkout / "var"


def open_home(root: Path) -> Home:
    """Make the folders that are missing. Raises HomeError when the home cannot be used."""
    home = Home(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        home.run.mkdir(mode=0o700, exist_ok=True)
        home.log.parent.mkdir(exist_ok=True)
    except OSError as err:
        raise HomeError(f"{root} cannot be used as home: {err.strerror}. Choose another with HEARTHLINE_HOME.") from err
    if not os.access(home.run, os.W_OK):
        raise HomeError(f"{home.run} belongs to somebody else: choose another home with HEARTHLINE_HOME.")
    return home


@contextmanager
def owned(home: Home) -> Iterator[None]:
    """Own the home while the block runs. Raises AlreadyRunningError when somebody else does.

    The lock is the kernel's: it goes with its process, however that ends.
    """
    with (home.run / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise AlreadyRunningError(_who(home)) from err
        yield


def is_owned(home: Home) -> bool:
    """Return whether a `hearthline run` owns this home right now."""
    try:
        with (home.run / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _who(home: Home) -> str:
    try:
        told = json.loads(home.state.read_text())
        whose = f" (pid {told['supervisor']['pid']}, console at {told['addresses'].get('console', '?')})"
    except (OSError, ValueError, KeyError):
        whose = ""
    return (
        f"hearthline already runs on {home.root}{whose}. See it with `hearthline status`, end it with Ctrl-C "
        "or SIGTERM, or give this one a home and ports of its own (HEARTHLINE_HOME, HEARTHLINE_CONSOLE__PORT, ...)."
    )
