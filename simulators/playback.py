"""Playback: a tape once more, over connections like those that it was recorded from."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from network.mqtt import Message
from network.topics import Channel, TopicError, parse
from simulators.fleet import Link, Stop
from simulators.tape import Line, Played, Speaking, shifted
from simulators.tempo import MAX

_MOST_WAITING = 5_000
_LONGEST_NAP_S = 0.2


class Reel:
    """A speaker that says what the tape has for it, and nothing of its own."""

    hears: Sequence[str] = ()

    def __init__(self, who: Speaking) -> None:
        self.client_id = who.client_id
        self.will = None if who.will is None else (who.will.topic, who.will.payload.encode())
        self.waiting: deque[Message] = deque()
        self.done = 0

    def greetings(self) -> Iterable[Message]:
        """Return nothing: births are on the tape."""
        return ()

    def say(self, most: int) -> list[Message]:
        """Return what is due."""
        return [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]

    def settled(self, message: Message) -> None:
        """Count what the broker has taken."""
        del message
        self.done += 1

    def unsettled(self, messages: Sequence[Message]) -> None:
        """Say again what was not acknowledged, in its order."""
        self.waiting.extendleft(reversed(messages))

    def heard(self, topic: str, payload: bytes) -> None:
        """Hear nothing."""


@dataclass(slots=True)
class PlaybackCounts:
    """Messages handed over so far, and those that the broker has acknowledged."""

    handed: int = 0
    acknowledged: int = 0


Progress = Callable[[PlaybackCounts], None]


def run_playback(
    tape: Played,
    reels: Sequence[Reel],
    link: Link,
    *,
    speed: float,
    shift_us: int = 0,
    clock: Callable[[], int],
    stop: Stop,
    progress: Progress,
) -> PlaybackCounts:
    """Say every message of a tape, `speed` times as fast as it was said (MAX: as fast as it is taken).

    With `shift_us` readings are moved in time by so many microseconds, otherwise every byte is as it was. Ends when
    the broker has acknowledged everything, or at `stop`. Raises TapeError.
    """
    counts = PlaybackCounts()
    begun = clock()
    first: int | None = None
    for line in tape.lines():
        first = line.at if first is None else first
        due = 0 if speed == MAX else begun + round((line.at - first) / speed)
        while not stop.is_set() and (clock() < due or counts.handed - counts.acknowledged > _MOST_WAITING):
            _turn(reels, link, min(max(due - clock(), 0) / 1e6, _LONGEST_NAP_S), counts, progress)
        if stop.is_set():
            return counts
        reels[line.by].waiting.append(_message(line, shift_us))
        link.ring(line.by)
        counts.handed += 1
    while counts.acknowledged < counts.handed and not stop.is_set():
        _turn(reels, link, _LONGEST_NAP_S, counts, progress)
    return counts


def _turn(reels: Sequence[Reel], link: Link, nap_s: float, counts: PlaybackCounts, progress: Progress) -> None:
    link.turn(nap_s)
    counts.acknowledged = sum(reel.done for reel in reels)
    progress(counts)


def _message(line: Line, shift_us: int) -> Message:
    message = line.message()
    if not shift_us:
        return message
    try:
        channel = parse(message.topic).channel
    except TopicError:
        return message
    if channel not in {Channel.READINGS, Channel.BACKFILL}:
        return message
    return message._replace(payload=shifted(message.payload, shift_us))
