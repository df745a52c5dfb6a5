"""Watching processes: the CPU and the memory of ours, and of the server processes that work for them."""

import contextlib
import threading

import psutil
import psycopg

_EVERY_S = 0.5


class CpuOf:
    """CPU seconds of a process, and of every server process that carries one of these names, while the block lasts.

    Names are those of pg_stat_activity. Server processes come and go: what one had spent before the block
    began does not count, what one that came later spent does.
    """

    def __init__(self, rig, pid, *names):
        self._url, self._pid, self._names = rig.url, pid, list(names)
        self._first, self._last = {}, {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._look(begins=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._look()

    @property
    def own(self):
        """CPU seconds of the process itself."""
        return self._last[self._pid] - self._first[self._pid]

    @property
    def server(self):
        """CPU seconds of its server processes."""
        return sum(self._last[pid] - self._first[pid] for pid in self._last if pid != self._pid)

    @property
    def total(self):
        """Both."""
        return self.own + self.server

    def _run(self):
        while not self._stop.wait(_EVERY_S):
            self._look()

    def _look(self, *, begins=False):
        with psycopg.connect(self._url) as conn:
            query = "select pid from pg_stat_activity where application_name = any(%s)"
            pids = [pid for (pid,) in conn.execute(query, (self._names,))]
        for pid in (self._pid, *pids):
            with contextlib.suppress(psutil.NoSuchProcess):
                spent = psutil.Process(pid).cpu_times()
                self._last[pid] = spent.user + spent.system
                self._first.setdefault(pid, self._last[pid] if begins else 0.0)


def rss_mib(pid):
    """Return the resident memory of a process in MiB."""
    return psutil.Process(pid).memory_info().rss / 2**20
