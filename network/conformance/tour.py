"""Tour: listen to a device, ask it something, let it reconnect, and say what conforms."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from network.address import Address
from network.conformance.judging import Course, Step, judge
from network.link import Delivery, Tally
from network.mqtt import MqttInlet, MqttOutlet
from network.topics import ROOT, Channel
from perception.payload import PayloadError, decode
from perception.roster import Roster

RETAINED_WITHIN_S = 3.0
ANSWER_WITHIN_S = 15.0
OUTBOX_WITHIN_S = 2.0  # ingest looks into the outbox once a second
LEDGER_WITHIN_S = 6.0
ENOUGH_READINGS = 3
CONNECT_S = 10.0
_POLL_S = 0.2


class Ask(Protocol):
    """Puts a command into the outbox."""

    def __call__(self, device: str, what: str, **more: object) -> str:
        """Do so, and return its id."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What a tour works with. `say`: tells the person who waits what to do, or what is being done."""

    address: Address
    roster: Roster
    ask: Ask
    tally: Callable[[str], Tally]
    say: Callable[[str], None]


class TourError(Exception):
    """The tour cannot begin: the broker does not answer. Start it, or correct broker.url."""


def tour(ports: Ports, device: str, *, within_s: float, away_s: float) -> list[Step]:
    """Take the tour and return the verdict of every step. It lasts at most about three times `within_s`, plus a minute.

    `within_s`: how long to wait for readings; `away_s`: for how long the device is asked to stay
    away. Raises TourError.
    """
    guide = _Guide(ports, device)
    try:
        return judge(guide.guided(within_s, away_s))
    finally:
        guide.close()


class _Guide:
    """One tour of one device."""

    def __init__(self, ports: Ports, device: str) -> None:
        self._ports, self._device = ports, device
        self._heard: list[Delivery] = []
        name = f"hearthline-check-{device}"
        self._inlet = MqttInlet(ports.address, name, [f"{ROOT}/{device}/+"], session_kept=False)
        self._outlet = MqttOutlet(ports.address, f"{name}-out")

    def guided(self, within_s: float, away_s: float) -> Course:
        if not self._inlet.wait_connected(CONNECT_S):
            raise TourError(f"no broker answers at {self._ports.address}: start it, or correct broker.url")
        say = self._ports.say
        say("listening for birth and state")
        self._listen(lambda: self._count(Channel.BIRTH) and self._count(Channel.STATE), RETAINED_WITHIN_S)
        say(f"waiting up to {within_s:.0f} s for readings")
        self._listen(lambda: self._count(Channel.READINGS) >= ENOUGH_READINGS, within_s)
        say("asking it to answer a ping")
        ping = self._ports.ask(self._device, "ping")
        self._listen(lambda: self._replied(ping), min(ANSWER_WITHIN_S, within_s + OUTBOX_WITHIN_S))
        repeated, duplicates = self._repeat()
        broke_at = len(self._heard)
        self._reconnect(within_s, away_s)
        return Course(
            device=self._device,
            heard=self._heard,
            roster=self._ports.roster,
            waited_s=within_s,
            ping=ping,
            broke_at=broke_at,
            repeated=repeated,
            duplicates=duplicates,
        )

    def _repeat(self) -> tuple[int | None, int]:
        """Send its last message a second time, as QoS 1 allows; return how many readings, and how many duplicates."""
        last = next((d for d in reversed(self._heard) if _is(d, Channel.READINGS)), None)
        if last is None:
            return None, 0
        self._ports.say("sending its last message a second time")
        try:
            count = len(decode(last.payload))
        except PayloadError:
            return None, 0
        before = self._ports.tally(self._device).duplicate
        self._outlet.publish(last.topic, last.payload)
        self._listen(lambda: self._ports.tally(self._device).duplicate - before >= count, LEDGER_WITHIN_S)
        return count, self._ports.tally(self._device).duplicate - before

    def _reconnect(self, within_s: float, away_s: float) -> None:
        """Let the device vanish and come back: by itself if it knows how, else by the hand of whoever waits."""
        mark = len(self._heard)
        self._ports.say(f"asking it to drop its connection for {away_s:.0f} s")
        asked = self._ports.ask(self._device, "reconnect", away_s=away_s)
        if not self._listen(lambda: self._replied(asked, mark), min(ANSWER_WITHIN_S, within_s + OUTBOX_WITHIN_S)):
            self._ports.say(f"it does not: cut its network now, for some seconds, within {within_s:.0f} s")
        back = (Channel.BIRTH, Channel.STATE, Channel.READINGS)
        self._listen(lambda: all(self._count(c, mark) for c in back) and self._is_online(mark), within_s + away_s)
        since = len(self._heard)
        self._listen(
            lambda: self._count(Channel.READINGS, since) and self._count(Channel.STORED, since), RETAINED_WITHIN_S
        )

    def _is_online(self, mark: int) -> bool:
        states = [d.payload for d in self._heard[mark:] if _is(d, Channel.STATE)]
        return bool(states) and states[-1] != b"offline"

    def _listen(self, enough: Callable[[], object], seconds: float) -> bool:
        """Listen until it is enough; False when time ran out first."""
        until = time.monotonic() + seconds
        while not enough():
            left = until - time.monotonic()
            if left <= 0:
                return False
            deliveries = self._inlet.take(1000, min(left, _POLL_S))
            self._inlet.ack(deliveries)
            self._heard.extend(deliveries)
        return True

    def _count(self, channel: Channel, since: int = 0) -> int:
        return sum(_is(d, channel) for d in self._heard[since:])

    def _replied(self, command_id: str, since: int = 0) -> bool:
        sought = command_id.encode()
        return any(_is(d, Channel.REPLY) and sought in d.payload for d in self._heard[since:])

    def close(self) -> None:
        self._inlet.close()
        self._outlet.close()


def _is(delivery: Delivery, channel: Channel) -> bool:
    return delivery.topic.endswith(f"/{channel}")
