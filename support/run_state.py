"""Run state: what `hearthline run` has started, in a file that `hearthline status` and the next run read."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import psutil

from support.health import Answer, Asked, Probe, ask
from support.heartbeat import read_json, write_json
from support.home import Home, is_owned

STARTED_APART_S = 0.05
"""Start times of a process, read twice, agree within this."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One supervised process. `created` (epoch s) tells it from a later one with the same pid."""

    name: str
    state: str
    pid: int | None
    created: float | None
    restarts: int
    probe: Probe


@dataclass(frozen=True, slots=True)
class Status:
    """A process as it is at this moment: health is ready, starting, waiting, failed or stopped."""

    name: str
    pid: int | None
    health: str
    detail: str
    restarts: int


def write(home: Home, entries: Sequence[Entry], addresses: Mapping[str, str], problems: Sequence[str] = ()) -> None:
    """Keep what runs, and what is wrong beside it. Entries in order of start."""
    own = psutil.Process()
    told = {
        "supervisor": {"pid": own.pid, "created": own.create_time()},
        "processes": [asdict(e) for e in entries],
        "addresses": dict(addresses),
        "problems": list(problems),
    }
    write_json(home.state, told)


def read(home: Home) -> tuple[list[Entry], dict[str, str]]:
    """Return the entries and the addresses of the last run; empty when there was none."""
    told = read_json(home.state)
    processes, addresses = told.get("processes", []), told.get("addresses", {})
    entries: list[Entry] = []
    with contextlib.suppress(TypeError, KeyError, ValueError):
        for one in processes if isinstance(processes, list) else []:
            probe = Probe(Asked(one["probe"]["how"]), one["probe"]["where"])
            entries.append(Entry(**{**one, "probe": probe}))
    return entries, addresses if isinstance(addresses, dict) else {}


def problems(home: Home) -> list[str]:
    """Return what is wrong beside the processes; nothing when nobody owns the home."""
    told = read_json(home.state).get("problems", [])
    return [str(one) for one in told] if isinstance(told, list) and is_owned(home) else []


def status(home: Home) -> list[Status]:
    """Look at every process of the run right now; all stopped when nobody owns the home."""
    entries, _ = read(home)
    running = is_owned(home)
    return [_look(e) if running else Status(e.name, None, "stopped", "", e.restarts) for e in entries]


def _look(entry: Entry) -> Status:
    if entry.pid is None or not is_alive(entry.pid, entry.created):
        health = "failed" if entry.state in {"ready", "starting", "failed"} else entry.state
        return Status(entry.name, None, health, "is being restarted" if health == "failed" else "", entry.restarts)
    answer: Answer = ask(entry.probe, entry.pid)
    health = "ready" if answer.ready else "starting" if entry.state == "starting" else "not ready"
    return Status(entry.name, entry.pid, health, answer.detail, entry.restarts)


def is_alive(pid: int, created: float | None) -> bool:
    """Return whether this very process still runs: the same pid, started at the same time."""
    try:
        process = psutil.Process(pid)
        same = created is None or abs(process.create_time() - created) < STARTED_APART_S
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def sweep(home: Home, patience_s: float = 5.0) -> list[str]:
    """End what a killed run left behind and return the names. Only processes that the state file proves ours."""
    entries, _ = read(home)
    left = [(e.name, psutil.Process(e.pid)) for e in entries if e.pid is not None and is_alive(e.pid, e.created)]
    for _, process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs([p for _, p in left], timeout=patience_s)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=patience_s)
    return [name for name, _ in left]
