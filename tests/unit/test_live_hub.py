"""The hub: the same bytes to every viewer of a city, to no other; a viewer that lags loses its oldest frames."""

import asyncio

from prometheus_client import CollectorRegistry

from presentation.live import QUEUE_FRAMES, Hub


def hub(clock=lambda: 0.0, viewers_max=10):
    registry = CollectorRegistry()
    return Hub(registry, clock, viewers_max), registry


async def feed(*frames):
    for frame in frames:
        yield frame


def test_every_viewer_of_the_city_gets_the_very_bytes():
    async def scene():
        live, _ = hub()
        frame = b'{"seq":1}'
        with live.joined("north") as one, live.joined("north") as two, live.joined("south") as other:
            await live.run(feed(("north", frame), ("south", b"other")))
            assert await one.next() is frame
            assert await two.next() is frame
            assert await other.next() == b"other"

    asyncio.run(scene())


def test_a_viewer_that_lags_loses_the_oldest_and_it_is_counted():
    async def scene():
        live, registry = hub()
        frames = [("north", str(n).encode()) for n in range(QUEUE_FRAMES + 3)]
        with live.joined("north") as viewer:
            await live.run(feed(*frames))
            got = [await viewer.next() for _ in range(QUEUE_FRAMES)]
        assert got == [frame for _, frame in frames[3:]]
        assert registry.get_sample_value("hearthline_console_frames_dropped_total") == 3
        assert registry.get_sample_value("hearthline_console_viewers") == 0

    asyncio.run(scene())


def test_a_viewer_waits_for_the_next_frame():
    async def scene():
        live, _ = hub()
        with live.joined("north") as viewer:
            waiting = asyncio.create_task(viewer.next())
            await asyncio.sleep(0)
            assert not waiting.done()
            await live.run(feed(("north", b"now")))
            assert await waiting == b"now"

    asyncio.run(scene())


def test_the_hub_knows_how_old_the_feed_is_and_that_it_ended():
    now = [100.0]
    live, _ = hub(lambda: now[0])
    assert live.age_s() is None
    asyncio.run(live.run(feed(("north", b"x"))))
    now[0] = 130.0
    assert live.age_s() == 30.0
    assert live.connected is False


def test_there_is_an_end_to_how_many_may_watch():
    async def scene():
        live, _ = hub(viewers_max=1)
        assert not live.full()
        with live.joined("north"):
            assert live.full()
        assert not live.full()

    asyncio.run(scene())
