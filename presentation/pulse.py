"""Pulse: tells open pages that alarms, incidents or work orders have changed, whoever changed them.

Live frames carry what the rules find. What people and tend do to alarms stands in the database alone, so that one
question every two seconds, however many browsers are open, looks whether anything of it is new.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from presentation.alarm_metrics import AlarmMetrics
from presentation.desk import Desk, now_us
from presentation.live import Hub
from support.store import StoreDownError

EVERY_S, METRICS_S = 2.0, 30.0
CHANGED = b'{"v":1,"changed":true}'


async def beat(desk: Desk, hub: Hub, metrics: AlarmMetrics, clock: Callable[[], int] = now_us) -> None:
    """Look again and again, until cancelled. A database that is away is asked again the next time.

    The first look finds what nobody had compared with: who is already there may have a page that is older.
    """
    known: tuple[int, ...] | None = None
    measured_at = 0
    while True:
        desk.changed.clear()
        with suppress(StoreDownError):
            found = await desk.ask(lambda v: v.pulse())
            if found != known:
                hub.tell_all(CHANGED)
            known = found
            if clock() - measured_at > METRICS_S * 1e6:
                measured_at = clock()
                metrics.show(await desk.ask(lambda v: v.numbers_now(clock())))
        with suppress(TimeoutError):
            await asyncio.wait_for(desk.changed.wait(), EVERY_S)
