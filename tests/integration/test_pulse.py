"""The pulse: whoever is there when the console first looks is told, for nobody knows what came before that look."""

import asyncio
from contextlib import suppress

import pytest
from alarmed import Alarmed
from anyio.from_thread import start_blocking_portal
from prometheus_client import CollectorRegistry

from presentation.alarm_metrics import AlarmMetrics
from presentation.desk import Desk
from presentation.live import Hub
from presentation.pulse import CHANGED, beat
from tests.integration.conftest import catalogue

PATIENCE_S = 20


@pytest.fixture
def town(database, tmp_path):
    alarmed = Alarmed(database, catalogue(), tmp_path)
    yield alarmed
    alarmed.engine.dispose()


def test_a_change_between_a_page_and_the_first_look_is_told(town):
    async def scene():
        registry = CollectorRegistry()
        hub, desk = Hub(registry, lambda: 0.0, 10), Desk(town.views)
        with hub.joined("testopolis") as viewer:
            await asyncio.to_thread(town.raised)
            beating = asyncio.create_task(beat(desk, hub, AlarmMetrics(registry)))
            first = await asyncio.wait_for(viewer.next(), PATIENCE_S)
            await asyncio.to_thread(town.raised, "cool")
            desk.changed.set()
            second = await asyncio.wait_for(viewer.next(), PATIENCE_S)
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
        assert [first, second] == [CHANGED, CHANGED]

    with start_blocking_portal() as portal:  # a loop of its own: the browser tests keep one running in this thread
        portal.call(scene)
