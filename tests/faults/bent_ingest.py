"""`hearthline ingest`, bent in one place: python bent_ingest.py HOW ingest. For tests of the check, and of clocks.

The product's own composition runs; only the port named by HOW is wrapped, or the clock of the
whole process is moved.
"""

import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

import hearthline
import network.linking
import support.postgres.writer

AFTER = 30
"""So many readings go well before one is lost. What comes again, or was retained, is of somebody before."""


class _Wrapped:
    """An inlet or a transaction that does what the one inside does."""

    def __init__(self, inside):
        self._inside = inside

    def __getattr__(self, name):
        return getattr(self._inside, name)


class Swallowing(_Wrapped):
    """Loses one delivery after its receipt: it is acknowledged, and nobody ever sees it."""

    seen = 0

    def take(self, most, wait_s):
        taken = self._inside.take(most, wait_s)
        fresh = [n for n, d in enumerate(taken) if d.topic.endswith("/readings") and not (d.redelivered or d.retained)]
        before, self.seen = self.seen, self.seen + len(fresh)
        if before <= AFTER < self.seen:
            self._inside.ack([taken.pop(fresh[AFTER - before])])
        return taken


class Unacknowledging(_Wrapped):
    """Keeps every acknowledgement to itself."""

    def ack(self, deliveries):
        """Do nothing."""


class Dropping(_Wrapped):
    """Loses one row on the way to COPY, and counts it as stored."""

    seen = 0

    def write(self, readings, roster, again=None):
        fresh = np.arange(len(readings)) if again is None else (~again).nonzero()[0]
        before, Dropping.seen = Dropping.seen, Dropping.seen + len(fresh)
        if not before <= AFTER < Dropping.seen:
            return self._inside.write(readings, roster, again)
        lost = int(fresh[AFTER - before])
        rest = [n for n in range(len(readings)) if n != lost]
        written = self._inside.write(readings.take(rest), roster, again)
        name = roster.by_id[int(readings.device_id[lost])].name
        known = written.tallies.get(name)
        tallies = dict(written.tallies)
        tallies[name] = (
            network.link.Tally(received=1, stored=1)
            if known is None
            else replace(known, received=known.received + 1, stored=known.stored + 1)
        )
        return replace(written, tallies=tallies)


def bend_inlet(kind):
    real = network.linking.linked

    @contextmanager
    def linked(*words):
        with real(*words) as (live, backfill, outlet):
            yield kind(live), backfill, outlet

    network.linking.linked = linked


def bend_store():
    real = support.postgres.writer.PostgresStore.transaction

    @contextmanager
    def transaction(self):
        with real(self) as tx:
            yield Dropping(tx)

    support.postgres.writer.PostgresStore.transaction = transaction


def bend_clock():
    """Move the wall clock of this process by an hour: forward at SIGUSR1, back at SIGUSR2. Monotonic time goes on."""
    real_ns, shift = time.time_ns, [0]
    time.time_ns = lambda: real_ns() + shift[0] * 3_600_000_000_000
    time.time = lambda: time.time_ns() / 1e9
    for number, hours in ((signal.SIGUSR1, 1), (signal.SIGUSR2, -1)):
        signal.signal(number, lambda *_, hours=hours: shift.__setitem__(0, shift[0] + hours))


WAYS = {
    "swallow": lambda: bend_inlet(Swallowing),
    "unacknowledged": lambda: bend_inlet(Unacknowledging),
    "drop-row": bend_store,
    "clock": bend_clock,
}

if __name__ == "__main__":
    WAYS[sys.argv.pop(1)]()
    hearthline.main()
