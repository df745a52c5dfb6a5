"""Stopping and waiting: how a process ends well, and how it heeds a supervisor. Loads next to nothing."""

import ctypes
import gc
import os
import select
import signal
import time
from queue import SimpleQueue
from threading import Event, Thread

SUPERVISOR_PID = "HEARTHLINE_SUPERVISOR_PID"
"""Set for supervised processes: whose child they are."""

TURN_ON_INPUT = "HEARTHLINE_TURN"
"""Set where a process is started ahead of its turn: the turn comes as one byte on standard input."""

_PR_SET_PDEATHSIG = 1
_LOOK_S = 0.1
_SAME_S = 0.5
_stops: list[Event] = []


def stop_event() -> Event:
    """Return an event that SIGTERM and SIGINT set; a further one, half a second later, ends the process at once.

    Main thread only. A supervisor that is killed may be heard of twice within microseconds: the kernel
    tells at the end of each of its threads. The second telling finds the first in the midst of its work,
    and an Event's lock is not to be taken twice: so a handler only leaves a word in a queue, which is made
    for that, and a thread of its own sets the event.
    """
    stop, word = Event(), SimpleQueue[None]()
    _stops.append(stop)
    first: list[float] = []

    def ask(number: int, _frame: object) -> None:
        first.append(time.monotonic())
        if first[-1] - first[0] > _SAME_S:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        word.put(None)

    def heed() -> None:
        word.get()
        stop.set()

    Thread(target=heed, name="stop", daemon=True).start()
    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return stop


def die_with_supervisor() -> None:
    """Ask the kernel for SIGTERM when the supervisor ends, however it ends. For the start of a process."""
    expected = os.environ.get(SUPERVISOR_PID)
    if expected is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(expected):
        raise SystemExit(0)


def await_turn() -> None:
    """Wait until what this process needs is ready: for one that was started early, to load while others start.

    A stop that was asked for ends the process here: it has not begun anything.

    Everything is loaded by then, and stays: the collector of garbage need not look at it again and again.
    """
    gc.freeze()
    if TURN_ON_INPUT not in os.environ:
        return
    # Not a read that blocks: Python takes it up again after a signal, and a stop would never be seen.
    while not any(stop.is_set() for stop in _stops):
        if select.select([0], [], [], _LOOK_S)[0]:
            if os.read(0, 1):
                return
            break  # the supervisor is gone
    raise SystemExit(0)


def break_off(stop: Event, within_s: float) -> None:
    """End this process so many seconds after `stop` at the latest, whatever it does then.

    For work in transactions that are safe to repeat: one that is broken off is as if it had not begun.
    """

    def leave() -> None:
        stop.wait()
        time.sleep(within_s)
        os._exit(0)

    Thread(target=leave, name="break off", daemon=True).start()
