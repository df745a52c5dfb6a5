"""Receive: deliveries in, a Batch out. The only place where bytes are interpreted; pure."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from network import self_told, topics
from network.foreign import Foreign, as_foreign
from network.link import Batch, Birth, Delivery, Introduction, Numbering, Reply, Signal, StateChange
from network.mapped import Mappings
from network.mapped_rows import is_foreign, unstamped_mapped
from network.plain import lanes_of, take_plain
from network.tolerant import WHOLE, read_tolerantly, summed_up
from network.topics import Channel, Topic, TopicError
from perception import payload as codec
from perception.catalogue import DeviceStatus
from perception.payload import PayloadError, RawReading
from perception.readings import Readings, Reason, Reject
from perception.roster import Member, Roster
from perception.validate import OLDEST_US, Refusal, Sheet

MOST_REJECTS = 20  # of one delivery; more become a single one, so that rubbish cannot multiply itself


def receive(
    deliveries: Sequence[Delivery],
    roster: Roster,
    now: int,
    mappings: Mappings | Foreign | None = None,
    *,
    kept_us: int = OLDEST_US,
) -> Batch:
    """Return what deliveries meant. Never raises for anything in them: what cannot be taken in is a Reject.

    `now` (epoch microseconds) bounds the times that are accepted, and `kept_us` (microseconds) how
    far back: what is older than readings are kept. Topics that are not ours are read by their
    mapping, or the foreign grammar they belong to, if they have one.
    """
    tray = _Tray(roster, now, kept_us, as_foreign(mappings))
    for part in lanes_of(roster).parts(len(deliveries)):
        for origin in tray.put_plain(deliveries, part):
            tray.put(origin, deliveries[origin])
    return tray.batch(deliveries)


def unstamped_again(readings: Readings, deliveries: Sequence[Delivery]) -> NDArray[np.bool_]:
    """bool[n]: rows of redelivered messages whose readings carry no time of their own.

    Their key differs at each receipt, so the database cannot see that they came before: whoever
    stores them drops those that are the device's last such rows again.
    """
    found = {int(o) for o in np.unique(readings.origin) if deliveries[o].redelivered and _unstamped(deliveries[o])}
    return np.isin(readings.origin, list(found)) | unstamped_mapped(readings, deliveries)


def _unstamped(delivery: Delivery) -> bool:
    if is_foreign(delivery):
        return False
    return any(isinstance(r, RawReading) and r.ts is None for r in codec.decode(delivery.payload))


@lru_cache(maxsize=65_536)
def _known(topic: str) -> Topic:
    return topics.parse(topic)


def _taken_apart(topic: str) -> Topic | TopicError:
    """Return the parts of a topic. Only good ones are remembered: bad ones may be long, and all different."""
    try:
        return _known(topic)
    except TopicError as err:
        return err


class _Tray:
    """What has been made of the deliveries so far."""

    def __init__(self, roster: Roster, now: int, kept_us: int, foreign: Foreign | None) -> None:
        self._roster = roster
        self._now = now
        self._kept_us = kept_us
        self._foreign = foreign
        self._sheets: dict[str, Sheet] = {}
        self._rejects: list[Reject] = []
        self._births: list[Birth] = []
        self._states: list[StateChange] = []
        self._replies: list[Reply] = []
        self._introductions: list[Introduction] = []
        self._signals: list[Signal] = []
        self._lanes = lanes_of(roster)
        self._told: list[tuple[int, str, int | Numbering]] = []  # place of the delivery, device, number
        self._rejected: Counter[str] = Counter()
        self._taken_up: dict[str, tuple[int, int]] = {}
        self._by_channel: dict[Channel, Callable[[int, Delivery, str], None]] = {
            Channel.READINGS: self._put_readings,
            Channel.BACKFILL: self._put_readings,
            Channel.BIRTH: self._put_birth,
            Channel.STATE: self._put_state,
            Channel.REPLY: self._put_reply,
        }

    def put_plain(self, deliveries: Sequence[Delivery], part: range) -> Sequence[int]:
        """Take in what of a part can go the short way; return the places of the others."""
        left, told = take_plain(deliveries, part, self._lanes, self._sheet)
        self._told += told
        return left

    def put(self, origin: int, delivery: Delivery) -> None:
        topic = _taken_apart(delivery.topic)
        if isinstance(topic, TopicError):
            self._put_foreign(origin, delivery, topic)
        elif topic.channel in self._by_channel and not self._is_derived(origin, delivery, topic):
            self._by_channel[topic.channel](origin, delivery, topic.device)

    def _is_derived(self, origin: int, delivery: Delivery, topic: Topic) -> bool:
        """Refuse what comes under the name of a device whose readings are computed here; return whether it did."""
        member = self._roster.members.get(topic.device)
        if member is None or not member.kind.derived:
            return False
        detail = f"the readings of {member.name} are computed here from those of another device: nobody sends them"
        self._refuse(origin, delivery, Reason.DERIVED_DEVICE, detail, device=member.name, counted="")
        return True

    def batch(self, deliveries: Sequence[Delivery]) -> Batch:
        sheets = {kind: sheet.readings() for kind, sheet in self._sheets.items()}
        return Batch(
            deliveries=deliveries,
            readings={kind: readings for kind, readings in sheets.items() if len(readings)},
            rejects=self._rejects,
            births=self._births,
            states=self._states,
            rejected=self._rejected,
            replies=self._replies,
            numbers=_by_device(self._told),
            introductions=self._introductions,
            signals=self._signals,
        )

    def _put_readings(self, origin: int, delivery: Delivery, device: str) -> None:
        member = self._roster.members.get(device)
        if member is None:
            detail = f"no device {device} is known: add it, or let it send a birth, and approve it"
            self._refuse(origin, delivery, Reason.UNKNOWN_DEVICE, detail, device=device, counted="")
        elif member.status is not DeviceStatus.ACTIVE:
            detail = f"device {device} is {member.status}: approve it"
            self._refuse(origin, delivery, Reason.INACTIVE_DEVICE, detail, device=device, counted=device)
        else:
            self._read(origin, delivery, member)

    def _put_foreign(self, origin: int, delivery: Delivery, why: TopicError) -> None:
        """Take in a message of another maker's topic, or refuse it as a whole with one Reject."""
        heard = None if self._foreign is None else self._foreign.hear(delivery, origin, self._roster, self._sheet)
        if heard is None:
            unmapped = ", and no mapping has it" if self._foreign is not None and self._foreign.filters else ""
            self._refuse(origin, delivery, Reason.BAD_TOPIC, f"{why}{unmapped}", counted="")
            return
        self._rejected.update(heard.rejected)
        self._rejects += heard.rejects
        self._births += heard.births
        self._states += heard.states
        self._introductions += heard.introductions
        self._signals += heard.signals

    def _sheet(self, member: Member) -> Sheet:
        sheet = self._sheets.get(member.kind.name)
        if sheet is None:
            sheet = self._sheets[member.kind.name] = Sheet(member.kind, self._now, self._kept_us)
        return sheet

    def _read(self, origin: int, delivery: Delivery, member: Member) -> None:
        sheet = self._sheet(member)
        refused: dict[int, Refusal] = {}
        plain = codec.decode_plain(delivery.payload)
        if plain is not None:
            received_at = delivery.received_at
            for place, reading in enumerate(plain):
                ts = reading.ts * 1000
                if not sheet.add_plain(member, ts, reading.values, received_at, origin, place):
                    refusal = sheet.add(member, RawReading(ts, reading.values), received_at, origin, place)
                    if refusal is not None:
                        refused[place] = refusal
            self._number(origin, delivery, member.name, [r.seq for r in plain if r.seq is not None])
            if not refused:
                self._lanes.learn(delivery.topic, plain[0].values)
        else:
            delivery = self._in_turn(delivery, member.name)
            refused = read_tolerantly(origin, delivery, member, sheet)
            self._number(origin, delivery, member.name, codec.numbers(delivery.payload))
        if refused:
            self._keep(origin, delivery, member.name, refused)

    def _in_turn(self, delivery: Delivery, device: str) -> Delivery:
        """Return the delivery, received after the readings of its device just before it when those had its time.

        Readings without a time of their own have that of their receipt, so it must be theirs alone.
        """
        received_at = delivery.received_at
        begun, ended = self._taken_up.get(device, (0, 0))
        if begun <= received_at < ended:
            received_at = ended
        else:
            begun = received_at
        is_list = delivery.payload.lstrip().startswith(b"[")
        self._taken_up[device] = begun, received_at + (delivery.payload.count(b"{") if is_list else 1)  # or some more
        return delivery if received_at == delivery.received_at else replace(delivery, received_at=received_at)

    def _number(self, origin: int, delivery: Delivery, device: str, numbers: Sequence[int]) -> None:
        """Note running numbers. Each is settled with its delivery, whatever becomes of the reading.

        A retained reading may be of a run that is over: its number says nothing.
        """
        if not delivery.retained:
            self._told.extend((origin, device, number) for number in numbers)

    def _keep(self, origin: int, delivery: Delivery, device: str, refused: dict[int, Refusal]) -> None:
        """Make Rejects of refusals, each with the bytes of its own element."""
        whole = sum(not r.partial for r in refused.values())
        if whole:
            self._rejected[device] += whole
        if len(refused) > MOST_REJECTS:
            refused = {WHOLE: summed_up(refused)}
        parts = [] if WHOLE in refused else codec.pieces(delivery.payload)
        self._rejects.extend(
            Reject(
                reason=refusal.reason,
                detail=refusal.detail,
                topic=delivery.topic,
                payload=delivery.payload if place == WHOLE else parts[place],
                received_at=delivery.received_at + max(0, place),  # its time, where it has none of its own: see _add
                device=device,
                partial=refusal.partial,
                points=refusal.points,
                origin=origin,
            )
            for place, refusal in refused.items()
        )

    def _put_birth(self, origin: int, delivery: Delivery, device: str) -> None:
        if not delivery.payload:  # a retained birth is taken back this way
            return
        try:
            birth, numbering = self_told.birth(delivery, device)
        except PayloadError as err:
            self._refuse(origin, delivery, err.reason, str(err), device=device)
            return
        if birth.kind not in self._roster.kinds:
            known = ", ".join(self._roster.kinds)
            detail = f"kind {birth.kind} is not installed; known: {known}"
            self._refuse(origin, delivery, Reason.UNKNOWN_KIND, detail, device=device)
            return
        self._births.append(birth)
        if numbering is not None and device in self._roster.members:
            self._told.append((origin, device, numbering))

    def _put_state(self, origin: int, delivery: Delivery, device: str) -> None:
        if not delivery.payload:
            return
        try:
            self._states.append(StateChange(device, self_told.online(delivery.payload), delivery.received_at))
        except PayloadError as err:
            self._refuse(origin, delivery, err.reason, str(err), device=device)

    def _put_reply(self, origin: int, delivery: Delivery, device: str) -> None:
        try:
            self._replies.append(self_told.reply(delivery, device, origin))
        except PayloadError as err:
            self._refuse(origin, delivery, err.reason, str(err), device=device)

    def _refuse(
        self,
        origin: int,
        delivery: Delivery,
        reason: Reason,
        detail: str,
        *,
        device: str | None = None,
        counted: str | None = None,
    ) -> None:
        """Keep a whole delivery as a Reject; `counted` says under which device its readings are counted."""
        if counted is not None:
            self._rejected[counted] += _readings_in(delivery.payload)
        self._rejects.append(
            Reject(reason, detail, delivery.topic, delivery.payload, delivery.received_at, device, origin=origin)
        )


def _by_device(told: list[tuple[int, str, int | Numbering]]) -> Mapping[str, Sequence[int | Numbering]]:
    """Return the running numbers by device, in order of arrival."""
    numbers: dict[str, list[int | Numbering]] = {}
    for _, device, number in sorted(told, key=itemgetter(0)):
        numbers.setdefault(device, []).append(number)
    return numbers


def _readings_in(payload: bytes) -> int:
    """Return how many readings a payload claims to hold; one that cannot be read counts one."""
    try:
        body = codec.parse(payload)
    except PayloadError:
        return 1
    return max(1, len(body)) if isinstance(body, list) else 1
