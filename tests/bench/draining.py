"""Draining: how fast a backlog goes into a table, by the server's own record of when each row was committed.

Two ways. *Cold*: the backlog waits in a kept session, then the process is started; the rate is that between its first
commit and its last. *Held*: the process is running and subscribed, and held (SIGSTOP) while the backlog is published;
the clock runs from letting it go to its last commit, so that no start is timed and nothing is in hand before but what
the broker has already sent.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from bare import CLIENT, FILTER
from figures import say
from frames import Sender, Session
from messages import KIND

HERE = Path(__file__).resolve().parent
SILENCE_S = 30.0


@dataclass(frozen=True)
class Drain:
    """Rows per second from being let go to the last commit, and from the first commit to the last; CPU microseconds of
    the process per message."""

    rate: float
    inner: float
    cpu_us: float

    @classmethod
    def of(cls, found, went, cpu_us):
        """Return that of these commits, let go at `went` (epoch seconds)."""
        return cls(sum(n for _, n in found) / (found[-1][0] - went), inner_rate(found), cpu_us)


def commits(rig, table, since=0.0):
    """Return (seconds, rows) of every commit after `since` (epoch seconds) that left rows in a table, in order."""
    return rig.ask(
        "select at, count(*)::int from (select extract(epoch from pg_xact_commit_timestamp(xmin))::float8 as at "
        f"from {table}) as r where at > %s group by at order by at",
        since,
    )


def inner_rate(found):
    """Return rows per second from the first commit to the last; None when all came at once."""
    if len(found) < 2 or found[-1][0] <= found[0][0]:
        return None
    return sum(n for _, n in found[1:]) / (found[-1][0] - found[0][0])


def seat(rig, *, bare=False):
    """Let ingest (and the bare loop) subscribe once, so that the broker keeps for them what comes."""
    with rig.ingesting():
        pass
    if bare:
        Session(rig.port, CLIENT, FILTER).close()


def publish(rig, messages):
    """Publish and wait for every acknowledgement."""
    sender = Sender(rig.port, "bench-sender")
    sender.publish(messages)
    sender.close()
    say(f"{len(messages)} messages wait with the {rig.broker_name}")
    return len(messages)


@contextmanager
def held(*pids):
    """Hold processes (SIGSTOP) for the length of the block, and let go of those that were not let go in it."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def drain_cold(rig, messages):
    """Start ingest upon a waiting backlog; return rows per second from the first commit to the last."""
    received, stored = rig.settled()
    since = time.time()
    with rig.ingesting():
        _await(rig, received + messages)
    _expect(rig, stored + messages)
    return inner_rate(commits(rig, f"readings_{KIND.name}", since))


def drain_ours(rig, pid, messages, *, fresh=None):
    """Let go of a held ingest and wait until the ledger has received so many; `fresh` (default: all) must be stored."""
    received, stored = rig.settled()
    process = psutil.Process(pid)
    before, went = process.cpu_times(), time.time()
    os.kill(pid, signal.SIGCONT)
    _await(rig, received + messages)
    after = process.cpu_times()
    _expect(rig, stored + (messages if fresh is None else fresh))
    cpu = after.user + after.system - before.user - before.system
    return Drain.of(commits(rig, f"readings_{KIND.name}", went), went, cpu / messages * 1e6)


class Bare:
    """The bare loop as a process, with a table of the same shape that is made, counted and dropped."""

    def __init__(self, rig, count):
        self._rig, self._count = rig, count

    def __enter__(self):
        self._rig.do("drop table if exists bare")
        self._rig.do(f"create table bare (like readings_{KIND.name} including all)")
        told = json.dumps({"port": self._rig.port, "url": self._rig.url, "table": "bare", "count": self._count})
        self._since = time.time()
        self._child = subprocess.Popen([sys.executable, HERE / "bare.py", told], stdout=subprocess.PIPE, text=True)
        if self._child.stdout.readline().strip() != "ready":
            raise RuntimeError("the bare loop did not begin")
        return self

    def __exit__(self, *_):
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        self._child.stdout.close()
        self._rig.do("drop table bare")

    @property
    def pid(self):
        """Its process."""
        return self._child.pid

    def drain(self):
        """Let go of it, if it is held, and wait until it has stored all."""
        went = time.time()
        os.kill(self.pid, signal.SIGCONT)
        said = json.loads(self._child.stdout.readline() or "{}")
        [(rows,)] = self._rig.ask("select count(*) from bare")
        if rows != self._count:
            raise RuntimeError(f"the bare loop stored {rows} of {self._count}")
        return Drain.of(commits(self._rig, "bare", self._since), went, said["cpu_s"] / self._count * 1e6)


def _expect(rig, wanted):
    stored = rig.settled()[1]
    if stored != wanted:
        raise RuntimeError(f"{stored} readings are stored, not {wanted}: see {rig.folder}/ingest.log")


def _await(rig, enough):
    """Wait until the ledger has received so many. Raises RuntimeError when nothing moves any more."""
    seen, moved = -1, time.monotonic()
    while (got := rig.settled()[0]) < enough:
        if got != seen:
            seen, moved = got, time.monotonic()
        if time.monotonic() - moved > SILENCE_S:
            raise RuntimeError(f"the ledger stands still at {got}: see {rig.folder}/ingest.log")
        time.sleep(0.2)
