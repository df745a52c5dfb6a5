"""Crowd: many publishing connections in one thread: devices that each have their own, or the gateways of a city.

paho takes a thread and some 40 µs per message for each connection; here all share one loop, and
what a connection has to say goes out in one write.
"""

import resource
import selectors
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from network.address import Address
from network.link import LinkError
from network.mqtt.connection import LinkLog
from network.mqtt.frames import FrameError
from network.mqtt.line import Line
from network.mqtt.speaking import Message
from network.mqtt.wire import dial

SHORTEST_BREAK_S, LONGEST_BREAK_S = 0.5, 10.0
_UNDER_WAY = 64
"""Connections that wait for their welcome at a time: brokers queue 128 callers, and a call too many costs a second."""
_SWEEP_S = 1.0
_MOST_MORE_FILES = 200
_POLL_S = 0.02


class TooManyConnectionsError(LinkError):
    """The system does not let this process have so many connections; the text says how to allow it."""


class Speaker(Protocol):
    """Whoever speaks over one connection. Its methods are called from the thread that calls `turn`."""

    @property
    def client_id(self) -> str:
        """The name of the connection, unique at the broker."""

    @property
    def will(self) -> tuple[str, bytes] | None:
        """What the broker says, retained, when the connection ends without a goodbye."""

    @property
    def hears(self) -> Sequence[str]:
        """The topics that it hears."""

    def greetings(self) -> Iterable[Message]:
        """Return what is to be said first on every connection."""

    def say(self, most: int) -> Sequence[Message]:
        """Return up to so many messages to publish now, in order; fewer: there is nothing more to say now."""

    def settled(self, message: Message) -> None:
        """Note that the broker has taken responsibility for a message."""

    def unsettled(self, messages: Sequence[Message]) -> None:
        """Take back, in their order, what was not acknowledged when the connection ended: greetings too."""

    def heard(self, topic: str, payload: bytes) -> None:
        """Take what came on a topic that it hears."""


Sent = Callable[[int, Message], None]


class Crowd:
    """Connections to one broker, made again after every break. Not for several threads; closed by its maker.

    At most `window` messages of a connection are unacknowledged. `on_sent` is told each message
    that is handed to a connection, with the speaker's place. Raises TooManyConnectionsError.
    """

    def __init__(
        self,
        address: Address,
        speakers: Sequence[Speaker],
        *,
        window: int = 200,
        keepalive_s: int = 60,
        on_sent: Sent | None = None,
    ) -> None:
        _allow(len(speakers))
        self._address = address
        self._selector = selectors.DefaultSelector()
        self._lines = [
            Line(place, speaker, address, window, keepalive_s, on_sent) for place, speaker in enumerate(speakers)
        ]
        self._down = dict.fromkeys(self._lines)  # an ordered set: who waits to connect
        self._rung: dict[Line, None] = {}
        self._kept_away: dict[int, float] = {}
        self._up = 0
        self._pause_s = SHORTEST_BREAK_S
        self._again_at = 0.0
        self._swept_at = 0.0
        name = speakers[0].client_id if speakers else "nobody"
        self._log = LinkLog(address, name if len(speakers) < 2 else f"{name} and {len(speakers) - 1} more")

    def connected(self) -> bool:
        """Return whether any connection stands; of nobody it always does."""
        return self._up > 0 or not self._lines

    def up(self, place: int) -> bool:
        """Return whether the connection of one speaker stands."""
        return self._lines[place].up

    def count_up(self) -> int:
        """Return how many connections stand."""
        return self._up

    def ring(self, place: int) -> None:
        """Say that a speaker has something to say."""
        self._rung[self._lines[place]] = None

    def cut(self, place: int) -> None:
        """Break a connection off without a goodbye, and keep it away until `mend`: the broker publishes the will."""
        self._kept_away[place] = time.monotonic()
        self._end(self._lines[place], "cut off")

    def mend(self, place: int) -> None:
        """Let a connection that was cut be made again."""
        self._kept_away.pop(place, None)

    def turn(self, wait_s: float) -> None:
        """Connect, say what there is to say and take what comes; wait so long at most for something to happen."""
        now = time.monotonic()
        self._connect_some(now)
        self._speak()
        if now - self._swept_at >= _SWEEP_S:
            self._sweep(now)
        if self._could_connect():
            wait_s = min(wait_s, max(self._again_at - now, 0.0))
        if not self._selector.get_map():
            time.sleep(wait_s)
            return
        for key, events in self._selector.select(wait_s):
            self._serve(key.data, events)
        self._speak()

    def flush(self, timeout_s: float) -> bool:
        """Turn until everything said is acknowledged and nobody has more to say; False when time ran out first."""
        until = time.monotonic() + timeout_s
        while True:
            self.turn(_POLL_S)
            if not any(line.busy() for line in self._lines if line.place not in self._kept_away):
                return True
            if time.monotonic() >= until:
                return False

    def close(self) -> None:
        """Say goodbye on every connection. What was not flushed may be lost."""
        for line in self._lines:
            line.leave()
            self._forget(line)
        self._selector.close()

    def _connect_some(self, now: float) -> None:
        if now < self._again_at:
            return
        wanted = (line for line in list(self._down) if line.place not in self._kept_away)
        for line, _ in zip(wanted, range(_UNDER_WAY - self._under_way()), strict=False):
            try:
                line.connect(dial(self._address))
            except OSError as err:
                self._log.lost(err)
                self._put_off(now)
                return
            del self._down[line]
            assert line.sock is not None
            self._selector.register(line.sock, selectors.EVENT_READ, line)
            self._rung[line] = None

    def _under_way(self) -> int:
        return len(self._lines) - len(self._down) - self._up

    def _could_connect(self) -> bool:
        return len(self._down) > len(self._kept_away) and self._under_way() < _UNDER_WAY

    def _put_off(self, now: float) -> None:
        self._again_at = now + self._pause_s
        self._pause_s = min(self._pause_s * 2, LONGEST_BREAK_S)

    def _speak(self) -> None:
        while self._rung:
            rung, self._rung = self._rung, {}
            for line in rung:
                with _Ending(self, line):
                    line.speak()
                    self._watch(line)

    def _watch(self, line: Line) -> None:
        """Ask for word of room in the socket while something waits to be written."""
        if line.sock is None:
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.owes() else 0)
        if self._selector.get_key(line.sock).events != wanted:
            self._selector.modify(line.sock, wanted, line)

    def _serve(self, line: Line, events: int) -> None:
        if line.sock is None:
            return
        was_up = line.up
        with _Ending(self, line):
            if events & selectors.EVENT_READ:
                line.read()
            if line.up and not was_up:
                self._came_up()
            self._rung[line] = None

    def _came_up(self) -> None:
        self._up += 1
        self._pause_s = SHORTEST_BREAK_S
        if self._up == 1:
            self._log.up()

    def _sweep(self, now: float) -> None:
        """Ping where it is quiet, and end what gives no sign of life."""
        self._swept_at = now
        for line in self._lines:
            if line.sock is not None:
                with _Ending(self, line):
                    if line.looks_alive(now):
                        self._rung[line] = None

    def _end(self, line: Line, why: object) -> None:
        """Close a connection; what it had not settled goes back to its speaker."""
        if line.sock is None:
            return
        was_up = line.up
        self._forget(line)
        self._down[line] = None
        self._rung.pop(line, None)
        if was_up:
            self._up -= 1
            if not self._up and line.place not in self._kept_away:
                self._log.lost(why)
                self._again_at = max(self._again_at, time.monotonic() + SHORTEST_BREAK_S)
        elif line.place not in self._kept_away:
            self._log.lost(why)
            self._put_off(time.monotonic())

    def _forget(self, line: Line) -> None:
        if line.sock is not None:
            self._selector.unregister(line.sock)
            line.end()


class _Ending:
    """A stretch of work on a connection: whatever breaks it there, ends it."""

    def __init__(self, crowd: Crowd, line: Line) -> None:
        self._crowd, self._line = crowd, line

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, err: BaseException | None, _trace: object) -> bool:
        if isinstance(err, OSError | FrameError):
            self._crowd._end(self._line, err)  # noqa: SLF001 - a part of it
            return True
        return False


def _allow(connections: int) -> None:
    """Raise our own limit of open files as far as we may. Raises TooManyConnectionsError when that is too little."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _MOST_MORE_FILES
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise TooManyConnectionsError(
            f"{connections} connections need {wanted} open files and this system allows {hard} a process:"
            f" raise it (ulimit -Hn {wanted}), or let gateways speak for the devices"
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
