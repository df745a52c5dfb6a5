"""Hearing Sparkplug: one message of a node into readings of approved devices, births that wait, and states.

What is remembered between messages is what the last births said (network.sparkplug.births). A message
that is heard twice comes to the same: which birth holds for it is told by its own time.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from network.heard import Heard, Names, SheetOf, awaited, member_of
from network.link import Birth, Delivery, Introduction, Signal, StateChange
from network.mapped import Found
from network.mapped_rows import write_mapped
from network.sparkplug.births import BD_SEQ, Born, Named, Past, born_of, in_force, past_of, succeeded, told_of
from network.sparkplug.payload import DataType, decode, number_of, text_of, value_of
from network.sparkplug.topics import BIRTHS, COMMANDS, ROOT, SparkplugTopic, What, parse
from network.taking import TakenMessage, Taking, Takings
from perception.foreigner import Foreigner, Grammar
from perception.payload import PayloadError
from perception.readings import Reason
from perception.roster import Roster

_GRAMMAR = Grammar.SPARKPLUG
_SESSIONS = 256
""""bdSeq" counts to 255 and begins anew."""


class Sparkplug:
    """Everything that a host knows of nodes and devices. `host` is our own id."""

    def __init__(self, host: str, names: Names) -> None:
        self._host = host
        self._names = names
        self._past: dict[str, Past] = {}
        self._devices: defaultdict[str, set[str]] = defaultdict(set)
        self._takings = Takings()
        self._turn = threading.Lock()

    def remember(self, address: str, told: Mapping[str, Any]) -> None:
        """Know what was kept of an address."""
        self._past[address] = past_of(told)
        self._note(address)

    def speaks(self, topic: str) -> bool:
        """Return whether a topic is of this grammar."""
        return topic.startswith(f"{ROOT}/")

    def hear(self, delivery: Delivery, origin: int, roster: Roster, sheet_of: SheetOf) -> Heard:
        """Return what a message came to. Never raises for anything in it."""
        heard, device = Heard(), None
        try:
            topic = parse(delivery.topic)
            foreigner = roster.foreigners.get((_GRAMMAR, topic.address))
            device = None if foreigner is None else foreigner.device
            if topic.what in COMMANDS:  # hosts say that, and we may be the one
                return heard
            if topic.what is What.STATE:
                heard.signals += self._state(topic.node, delivery.payload)
                return heard
            told = decode(delivery.payload)
            with self._turn:
                self._interpret(topic, told, delivery, origin, roster, sheet_of, heard)
        except PayloadError as err:
            return heard.refuse(delivery, origin, err, device, counted=device or "")
        return heard

    def _interpret(
        self, topic: SparkplugTopic, told: Any, delivery: Delivery, origin: int, roster: Roster, sheet_of: SheetOf,
        heard: Heard,
    ) -> None:  # fmt: skip
        seq, at = number_of(told, "seq"), number_of(told, "timestamp")
        if topic.what is What.NDEATH:
            self._die(topic, told, delivery, roster, heard)
            return
        lacks = "" if seq is None or seq < _SESSIONS else f"seq is {seq}: expected 0 to 255"
        if topic.what is What.DDEATH:
            self._state_of([topic.address], delivery, roster, heard, online=False)
        elif topic.what in BIRTHS:
            self._be_born(topic, told, delivery, roster, heard)
            self._take(topic, told, delivery, origin, roster, sheet_of, heard)
        else:
            lacks = self._take(topic, told, delivery, origin, roster, sheet_of, heard) or lacks
        heard.signals.append(Signal(topic.node, topic.what, None if lacks else seq, at, lacks))

    def _be_born(self, topic: SparkplugTopic, told: Any, delivery: Delivery, roster: Roster, heard: Heard) -> None:
        address = topic.address
        past = succeeded(self._past.get(address, ()), born_of(told, delivery.received_at // 1000))
        told_of_it = told_of(past)
        name = self._names.meet((_GRAMMAR, address), address.split("/"), told_of_it, roster)
        self._past[address] = past
        self._note(address)
        if topic.what is What.NBIRTH:  # its devices are born again too, or they are gone
            self._state_of(sorted(self._devices[topic.node]), delivery, roster, heard, online=False)
        seen_at = delivery.received_at
        heard.introductions.append(Introduction(_GRAMMAR, address, name, seen_at, told_of_it, online=True))
        member = member_of(roster.foreigners.get((_GRAMMAR, address)), roster)
        if member is not None:
            manifest = msgspec.json.encode({"grammar": _GRAMMAR, "address": address})
            heard.births.append(Birth(member.name, member.kind.name, None, seen_at, manifest))
            heard.states.append(StateChange(member.name, online=True, seen_at=seen_at))

    def _die(self, topic: SparkplugTopic, told: Any, delivery: Delivery, roster: Roster, heard: Heard) -> None:
        """Believe a death unless it is that of a session before the one that was born last: a will may come late."""
        past = self._past.get(topic.address, ())
        bd_seq = next((value_of(m, DataType.INT64) for m in told.metrics if text_of(m, "name") == BD_SEQ), None)
        if not isinstance(bd_seq, int):
            raise PayloadError(Reason.BAD_STATE, 'a death of a node needs the metric "bdSeq", a whole number')
        born = past[0].bd_seq if past else None
        if born is not None and (bd_seq - born) % _SESSIONS >= _SESSIONS // 2:
            return
        gone = [topic.node, *sorted(self._devices[topic.node])]
        self._state_of(gone, delivery, roster, heard, online=False)
        heard.signals.append(Signal(topic.node, topic.what))

    def _state_of(
        self, addresses: Iterable[str], delivery: Delivery, roster: Roster, heard: Heard, *, online: bool
    ) -> None:
        for address in addresses:
            if address not in self._past:
                continue
            name = self._names.of((_GRAMMAR, address), address.split("/"), roster)
            heard.introductions.append(
                Introduction(_GRAMMAR, address, name, delivery.received_at, online=online)
            )  # fmt: skip
            member = member_of(roster.foreigners.get((_GRAMMAR, address)), roster)
            if member is not None:
                heard.states.append(StateChange(member.name, online, delivery.received_at))

    def _take(
        self, topic: SparkplugTopic, told: Any, delivery: Delivery, origin: int, roster: Roster, sheet_of: SheetOf,
        heard: Heard,
    ) -> str:  # fmt: skip
        """Take the values of a message; return what would have to be born again to understand all of it."""
        address, at = topic.address, number_of(told, "timestamp")
        past = self._past.get(address, ())
        born = in_force(past, at)
        foreigner = roster.foreigners.get((_GRAMMAR, address))
        lacks = "" if born is not None else f"no birth of {address} is known that this relies on"
        if foreigner is None:
            if topic.what not in BIRTHS:
                name = self._name(topic, roster)
                heard.refuse(delivery, origin, awaited(name, f"{_GRAMMAR} {address}"), name)
            return lacks
        taking = self._takings.of(foreigner)
        found, unknown = _found(told, born, taking, foreigner, at)
        outcome = write_mapped(TakenMessage(taking, found), delivery, origin, roster, sheet_of)
        heard.rejected.update(outcome.rejected)
        if outcome.reject is not None:
            heard.rejects.append(outcome.reject)
        return lacks or unknown

    def _state(self, host: str, payload: bytes) -> list[Signal]:
        """Return a signal when somebody says that we are offline: the will of a connection that is over."""
        if host != self._host:
            return []
        try:
            told = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            told = None
        offline = not isinstance(told, dict) or told.get("online") is not True
        return [Signal("", What.STATE, lacks="our own state")] if offline else []

    def _name(self, topic: SparkplugTopic, roster: Roster) -> str:
        return self._names.of((_GRAMMAR, topic.address), topic.address.split("/"), roster)

    def _note(self, address: str) -> None:
        group_node = "/".join(address.split("/")[:2])
        if group_node != address:
            self._devices[group_node].add(address)


def _found(
    told: Any, born: Born | None, taking: Taking, foreigner: Foreigner, at: int | None
) -> tuple[list[Found | PayloadError], str]:
    """Return the readings of a message, one for each time in it, and what is lacking to understand the rest."""
    done: list[Found] = []
    open_: dict[int, tuple[Found, set[str]]] = {}
    lacks, points = "", taking.points
    for metric in told.metrics:
        facts = _facts(metric, born)
        if facts is None:
            lacks = f"alias {metric.alias} of {foreigner.address} is in no birth that is known"
            point = None
        elif (point := points.get(facts.name)) is None:
            continue
        ts = metric.timestamp or at or 0
        into = open_.get(ts)
        if into is None or (point is not None and point.name in into[1]):
            into = open_[ts] = Found(foreigner.device, ts * 1000 or None), set()
            done.append(into[0])
        if point is None or facts is None:
            into[0].strange.append(f"alias {metric.alias}")
        else:
            into[0].values.append((point, value_of(metric, metric.datatype or facts.datatype)))
            into[1].add(point.name)
    return [one for one in done if _says_something(one)], lacks


def _facts(metric: Any, born: Born | None) -> Named | None:
    """Return what is known of a metric: by its name, even where no birth told it, else by its alias."""
    try:
        name = metric.name
    except UnicodeDecodeError as err:
        raise PayloadError(Reason.MALFORMED, "name is no UTF-8") from err
    if name:
        known = None if born is None else born.names.get(name)
        return Named(name, None, None) if known is None else known
    return born.aliases.get(metric.alias) if born is not None and metric.HasField("alias") else None


def _says_something(found: Found) -> bool:
    return bool(found.strange) or any(value is not None for _, value in found.values)
