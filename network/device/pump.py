"""Pump: carries a device's queue to the broker, connection after connection, until the platform has stored it.

On each connection: birth, state, then the readings of now one by one and beside them, in order,
what is older: lists on `backfill` for everything older than three minutes. A reading is forgotten
only when a `stored` receipt of this run (`boot`) covers it, so whatever a broker acknowledged and
then lost is still here: the next connection sends again from the oldest one on.

When receipts stay away the device says its birth again, which asks for one. If the answer comes
and leaves readings open, they were lost on the way and are sent again; while no answer comes,
nobody is there who could use them, and nothing is sent twice.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import structlog

from network.address import Address
from network.device.messages import BACKFILL_AFTER_US, MOST_PER_LIST, birth_message, state_message
from network.device.queue import DiskQueue, Kept, QueueError
from network.device.vocabulary import Command, answer, command_of
from network.link import LinkDownError
from network.mqtt import DeviceSession, LinkLog
from network.topics import Channel, Topic
from perception.sensor_kind import SensorKind

AHEAD = 5_000
"""So many readings of the past may be under way before the platform has stored the oldest of them."""
PATIENCE_S, LONGEST_PATIENCE_S = 30.0, 600.0
SHORTEST_BREAK_S, LONGEST_BREAK_S = 0.5, 10.0
_NAP_S = 0.5
_GOODBYE_S = 2.0
_MOST_COMMANDS = 100
_log = structlog.get_logger("network.device")


@dataclass(frozen=True, slots=True)
class Self:
    """Who a device is, and how it is reached."""

    address: Address
    name: str
    kind: SensorKind
    interval_s: float | None
    window: int
    patience_s: float = PATIENCE_S


@dataclass(slots=True)
class _Course:
    """How far a connection has come: numbers from `back` to `back_end` are due again, and those from `live` on."""

    back: int
    back_end: int
    live: int
    patience_s: float
    quiet_since: float = field(default_factory=time.monotonic)
    asked: bool = False


class Pump:
    """The thread of a DeviceClient with a queue. `close` it before the queue."""

    def __init__(self, device: Self, queue: DiskQueue) -> None:
        self._device, self._queue = device, queue
        self._told: int | None = None  # the highest receipt
        self._answered = False
        self._commands: deque[Command] = deque(maxlen=_MOST_COMMANDS)
        self._done: deque[str] = deque(maxlen=_MOST_COMMANDS)
        self._bell = threading.Event()
        self._closing = threading.Event()
        self._freed = threading.Condition()
        self._link = LinkLog(device.address, f"hearthline-device-{device.name}")
        self._session: DeviceSession | None = None
        self._thread = threading.Thread(target=self._run, name=f"device {device.name}", daemon=True)
        self._thread.start()

    def ring(self) -> None:
        """Say that there is something new in the queue."""
        self._bell.set()

    def alive(self) -> bool:
        """Return whether the thread still works: only a bug ends it before `close`."""
        return self._thread.is_alive()

    def connected(self) -> bool:
        """Return whether the link is up."""
        session = self._session
        return session is not None and session.up()

    def wait_stored(self, timeout_s: float) -> bool:
        """Wait until everything that is in the queue now is stored; False when time ran out first."""
        boot, upto = self._queue.boot, self._queue.next() - 1
        with self._freed:
            return self._freed.wait_for(lambda: self._queue.is_free_of(boot, upto), timeout_s)

    def close(self) -> None:
        """Say offline and goodbye, and end the thread. What is not stored stays in the queue."""
        self._closing.set()
        self._bell.set()
        self._thread.join()

    # What follows runs in the pump's own thread, except `_hear`.

    def _run(self) -> None:
        pause_s = SHORTEST_BREAK_S
        while not self._closing.is_set():
            try:
                self._session = self._connected()
            except LinkDownError as err:
                self._link.lost(err)
                self._closing.wait(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - spreads the devices of a city
                pause_s = min(pause_s * 2, LONGEST_BREAK_S)
                continue
            self._link.up()
            if self._session.refused:  # without receipts nothing leaves the queue
                self._link.refused(self._session.refused)
            pause_s = SHORTEST_BREAK_S
            away_s = self._serve_while_queue_works(self._session)
            if not self._closing.is_set():
                self._link.lost(self._session.why)
                self._closing.wait(away_s)
            self._session.close()

    def _serve_while_queue_works(self, session: DeviceSession) -> float:
        """Serve a connection; a queue that cannot be read or written ends it, and is tried again."""
        try:
            return self._serve(session)
        except QueueError as err:
            _log.error("queue_unusable", device=self._device.name, cause=str(err))
            return LONGEST_BREAK_S

    def _connected(self) -> DeviceSession:
        device = self._device
        return DeviceSession(
            device.address,
            f"hearthline-device-{device.name}",
            will=state_message(device.name, online=False),
            hears=[str(Topic(device.name, c)) for c in (Channel.STORED, Channel.COMMAND, Channel.REJECTED)],
            on_heard=self._hear,
            on_change=self._bell.set,
        )

    def _serve(self, session: DeviceSession) -> float:
        """Send until the connection ends, or is to end; return for how long to stay away."""
        self._say_birth(session)
        session.publish(*state_message(self._device.name, online=True), retain=True)
        now = time.time_ns() // 1000
        first, live = self._queue.first(), self._queue.tail_since(now - BACKFILL_AFTER_US)
        course = _Course(first, live, live, self._device.patience_s)
        dropped = self._queue.dropped
        while session.up():
            self._bell.clear()
            away_s = self._obey(session)
            if away_s is not None:
                session.break_off()
                return away_s
            if self._closing.is_set():
                self._leave(session)
                return 0.0
            if self._is_outdated():
                session.break_off()
                return SHORTEST_BREAK_S
            self._forget(course)
            if self._queue.dropped != dropped:
                dropped = self._queue.dropped
                self._say_birth(session)  # or the platform would wait for what is dropped
            if not self._send_some(session, course):
                self._look_for_receipts(session, course)
                self._bell.wait(_NAP_S)
        return SHORTEST_BREAK_S * random.uniform(0.5, 1.5)  # noqa: S311 - spreads the devices of a city

    def _send_some(self, session: DeviceSession, course: _Course) -> bool:
        """Send some of what is new and a list of what is old; False when there is nothing, or no room."""
        sent = False
        room = self._device.window - session.unacked()
        fresh = self._queue.peek(course.live, min(room, MOST_PER_LIST)) if room > 0 else []
        if fresh and not (_is_late(fresh[0]) and self._is_far_ahead(course.live)):
            course.live = fresh[-1].seq + 1
            self._publish(session, fresh)
            sent = True
        course.back = max(course.back, self._queue.first())
        due = min(course.back_end - course.back, MOST_PER_LIST)
        if due > 0 and room > len(fresh) and not self._is_far_ahead(course.back):
            old = [kept for kept in self._queue.peek(course.back, due) if kept.seq < course.back_end]
            course.back = old[-1].seq + 1 if old else course.back_end
            self._publish(session, old)
            sent = True
        return sent

    def _is_far_ahead(self, seq: int) -> bool:
        return seq - self._queue.first() >= AHEAD

    def _publish(self, session: DeviceSession, several: Sequence[Kept]) -> None:
        """Send readings in their order: those of the last three minutes one by one, older ones in lists."""
        late: list[Kept] = []
        for kept in several:
            if _is_late(kept):
                late.append(kept)
                continue
            self._publish_list(session, late)
            late = []
            session.publish(str(Topic(self._device.name, Channel.READINGS)), kept.body)
        self._publish_list(session, late)

    def _publish_list(self, session: DeviceSession, late: Sequence[Kept]) -> None:
        if late:
            session.publish(
                str(Topic(self._device.name, Channel.BACKFILL)), b"[" + b",".join(kept.body for kept in late) + b"]"
            )

    def _say_birth(self, session: DeviceSession) -> None:
        device, queue = self._device, self._queue
        birth = birth_message(device.name, device.kind, device.interval_s, boot=queue.boot, first_seq=queue.first())
        session.publish(*birth, retain=True)

    def _is_outdated(self) -> bool:
        """Begin a new run when the platform has numbers of this one that were never given here.

        Then the file is an older copy, of a backup perhaps, and its next numbers are taken: a
        receipt for the readings that had them first would let us forget others.
        """
        told = self._told
        if told is None or told < self._queue.next():
            return False
        _log.warning("the queue is an older copy of itself; a new run begins", device=self._device.name)
        self._queue.begin_anew(told)
        self._told = None
        return True

    def _forget(self, course: _Course) -> None:
        """Free what the platform has stored."""
        told = self._told
        if told is None or told < self._queue.first():
            return
        if self._queue.free(told):
            course.quiet_since, course.patience_s, course.asked = time.monotonic(), self._device.patience_s, False
            with self._freed:
                self._freed.notify_all()

    def _look_for_receipts(self, session: DeviceSession, course: _Course) -> None:
        """Ask for a receipt when none came for long; send again when the answer leaves readings open."""
        now = time.monotonic()
        if not len(self._queue):
            course.quiet_since = now
        elif course.asked and self._answered:
            course.asked = False
            course.back, course.back_end, course.quiet_since = self._queue.first(), course.live, now
            _log.info("sending again what the platform has not stored", device=self._device.name, first=course.back)
        elif now - course.quiet_since >= course.patience_s:
            course.quiet_since, course.patience_s = now, min(course.patience_s * 2, LONGEST_PATIENCE_S)
            course.asked, self._answered = True, False
            self._say_birth(session)

    def _obey(self, session: DeviceSession) -> float | None:
        """Answer commands; return for how long to go away, when one says so."""
        while self._commands:
            command = self._commands.popleft()
            if command.id in self._done:
                continue  # it came twice, as QoS 1 allows
            self._done.append(command.id)
            payload, away_s = answer(command, time.time_ns() // 1_000_000)
            session.publish(str(Topic(self._device.name, Channel.REPLY)), payload)
            if away_s is not None:
                self._drain(session)
                return away_s
        return None

    def _leave(self, session: DeviceSession) -> None:
        session.publish(*state_message(self._device.name, online=False), retain=True)
        self._drain(session)

    def _drain(self, session: DeviceSession) -> None:
        """Wait until the broker has acknowledged what is under way; not for long."""
        until = time.monotonic() + _GOODBYE_S
        while session.up() and session.unacked() and (left := until - time.monotonic()) > 0:
            self._bell.clear()
            if session.unacked():
                self._bell.wait(min(left, _NAP_S))

    def _hear(self, topic: str, payload: bytes) -> None:
        """Note what comes to the device. In a thread of the session's."""
        channel = topic.rpartition("/")[2]
        if channel == Channel.STORED:
            seq = _receipt(payload, self._queue.boot)
            if seq is not None:
                self._told, self._answered = max(seq, self._told or 0), True
        elif channel == Channel.COMMAND:
            command = command_of(payload)
            if command is None:
                _log.warning("not a command", device=self._device.name, payload=payload[:200])
            else:
                self._commands.append(command)
        else:
            _log.warning("rejected", device=self._device.name, why=payload[:500].decode(errors="replace"))
        self._bell.set()


def _is_late(kept: Kept) -> bool:
    return kept.ts < time.time_ns() // 1000 - BACKFILL_AFTER_US


def _receipt(payload: bytes, boot: str) -> int | None:
    """Return the number in a receipt, None when it is of another run, or no receipt."""
    try:
        body = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(body, dict) or body.get("boot") != boot:
        return None
    seq = body.get("seq")
    return seq if isinstance(seq, int) and not isinstance(seq, bool) else None
