"""Live: one feed in, many viewers out. The bytes of a frame are passed on as they came, never built anew.

A viewer is a WebSocket on `/live?city=NAME`. Each has a short queue of its own; when a slow one lags
behind, its oldest frames are dropped. Frames carry an epoch and a running number, so the page notices
the gap and asks for a snapshot. The hub never waits for a viewer.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from anyio import create_task_group
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from prometheus_client import CollectorRegistry, Counter, Gauge

from presentation.ports import LiveFrames

QUEUE_FRAMES = 16
"""Frames that wait for one viewer: four seconds at the highest rate."""

FULL, FOREIGN = 4013, 4003
"""WebSocket close codes: too many viewers; a page of another origin."""


class Viewer:
    """One browser's queue: bounded, dropping the oldest."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque(maxlen=QUEUE_FRAMES)
        self._some = asyncio.Event()

    def put(self, frame: bytes) -> bool:
        """Queue a frame; False when an older one had to go."""
        room = len(self._frames) < QUEUE_FRAMES
        self._frames.append(frame)
        self._some.set()
        return room

    async def next(self) -> bytes:
        """Wait for the oldest queued frame and take it."""
        while not self._frames:
            self._some.clear()
            await self._some.wait()
        return self._frames.popleft()


class Hub:
    """Passes frames of a feed to the viewers of their city. `clock` gives monotonic seconds."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float], viewers_max: int) -> None:
        self._viewers: dict[str, set[Viewer]] = {}
        self._clock = clock
        self._viewers_max = viewers_max
        self._last: float | None = None
        self.connected = False
        self._watching = Gauge("hearthline_console_viewers", "Browsers on the live feed", registry=registry)
        self._passed = Counter("hearthline_console_frames", "Live frames received", registry=registry)
        self._dropped = Counter(
            "hearthline_console_frames_dropped", "Frames dropped for viewers that lag", registry=registry
        )

    async def run(self, frames: LiveFrames) -> None:
        """Pass frames on until the feed ends."""
        self.connected = True
        try:
            async for city, frame in frames:
                self._last = self._clock()
                self._passed.inc()
                self._fan_out(city, frame)
        finally:
            self.connected = False

    def age_s(self) -> float | None:
        """Return the seconds since the last frame of any city, None before the first."""
        return None if self._last is None else self._clock() - self._last

    def full(self) -> bool:
        """Say whether another viewer would be too many."""
        return sum(map(len, self._viewers.values())) >= self._viewers_max

    @contextmanager
    def joined(self, city: str) -> Iterator[Viewer]:
        """Join as a viewer of a city for the length of the block."""
        viewer = Viewer()
        self._viewers.setdefault(city, set()).add(viewer)
        self._watching.inc()
        try:
            yield viewer
        finally:
            self._watching.dec()
            self._viewers[city].discard(viewer)
            if not self._viewers[city]:
                del self._viewers[city]

    def tell_all(self, frame: bytes) -> None:
        """Queue a frame of our own for every viewer. It has no epoch and no number: the stream goes on around it."""
        for city in self._viewers:
            self._fan_out(city, frame)

    def _fan_out(self, city: str, frame: bytes) -> None:
        for viewer in self._viewers.get(city, ()):
            if not viewer.put(frame):
                self._dropped.inc()


def live_router(hub: Hub) -> APIRouter:
    """Return the one live route. Pages of other origins are refused."""
    router = APIRouter()

    @router.websocket("/live")
    async def live(socket: WebSocket, city: str) -> None:
        if not _same_origin(socket):
            await socket.close(FOREIGN, "a page of another origin")
            return
        await socket.accept()
        if hub.full():
            await socket.close(FULL, "too many viewers")
            return
        with hub.joined(city) as viewer:
            await _serve(socket, viewer)

    return router


async def _serve(socket: WebSocket, viewer: Viewer) -> None:
    """Send until the viewer leaves: reading notices that, even when nothing is sent."""
    async with create_task_group() as tasks:
        tasks.start_soon(_send, socket, viewer)
        await _read_until_gone(socket)
        tasks.cancel_scope.cancel()


async def _read_until_gone(socket: WebSocket) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return


async def _send(socket: WebSocket, viewer: Viewer) -> None:
    try:
        while True:
            await socket.send_text((await viewer.next()).decode())
    except (WebSocketDisconnect, RuntimeError):  # the peer left between two frames
        return


def _same_origin(socket: WebSocket) -> bool:
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")
