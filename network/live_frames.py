"""Live frames as an event loop reads them: from the feed's own thread into a bounded queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from network.address import Address
from network.mqtt import LiveFeed
from network.topics import LIVE_FILTER

QUEUED = 256
"""Frames that wait at most; an event loop that lags behind loses the newest, and pages notice by their number."""


async def live_frames(address: Address) -> AsyncIterator[tuple[str, bytes]]:
    """Yield (city, frame) as they come, until the iterator is closed."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(QUEUED)

    def offer(topic: str, payload: bytes) -> None:
        if not queue.full():
            queue.put_nowait((topic.rpartition("/")[2], payload))

    def hand_over(topic: str, payload: bytes) -> None:
        with suppress(RuntimeError):  # the loop has just ended
            loop.call_soon_threadsafe(offer, topic, payload)

    feed = LiveFeed(address, LIVE_FILTER, hand_over)
    try:
        while True:
            yield await queue.get()
    finally:
        await asyncio.to_thread(feed.close)
