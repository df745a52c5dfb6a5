"""Receive: deliveries in, a Batch out. The only place where bytes are interpreted; pure."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from network import topics
from network.link import Batch, Birth, Delivery, StateChange
from network.topics import Channel, Topic, TopicError
from perception import payload as codec
from perception.catalogue import DeviceStatus
from perception.payload import PayloadError, RawReading
from perception.readings import Readings, Reason, Reject
from perception.roster import Member, Roster
from perception.validate import Refusal, Sheet

_WHOLE = -1  # the place of a payload that could not be read at all
MOST_REJECTS = 20  # of one delivery; more become a single one, so that rubbish cannot multiply itself
MOST_MANIFEST_BYTES = 64 * 1024
_KIND_NAME = re.compile(r"[a-z][a-z0-9_]{2,39}")
MOST_INTERVAL_S = 7 * 86_400
_STATES = {b"online": True, b"offline": False}


def receive(deliveries: Sequence[Delivery], roster: Roster, now: int) -> Batch:
    """Return what deliveries meant. Never raises for anything in them: what cannot be taken in is a Reject.

    `now` (epoch microseconds) bounds the times that are accepted. Replies of devices are
    acknowledged and not used yet.
    """
    tray = _Tray(roster, now)
    for origin, delivery in enumerate(deliveries):
        tray.put(origin, delivery)
    return tray.batch(deliveries)


def unstamped_again(readings: Readings, deliveries: Sequence[Delivery]) -> NDArray[np.bool_]:
    """bool[n]: rows of redelivered messages whose readings carry no time of their own.

    Their key differs at each receipt, so the database cannot see that they came before: whoever
    stores them drops those that are the device's last such rows again.
    """
    found = {int(o) for o in np.unique(readings.origin) if deliveries[o].redelivered and _unstamped(deliveries[o])}
    return np.isin(readings.origin, list(found))


def _unstamped(delivery: Delivery) -> bool:
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

    def __init__(self, roster: Roster, now: int) -> None:
        self._roster = roster
        self._now = now
        self._sheets: dict[str, Sheet] = {}
        self._rejects: list[Reject] = []
        self._births: list[Birth] = []
        self._states: list[StateChange] = []
        self._rejected: Counter[str] = Counter()
        self._by_channel: dict[Channel, Callable[[int, Delivery, str], None]] = {
            Channel.READINGS: self._put_readings,
            Channel.BACKFILL: self._put_readings,
            Channel.BIRTH: self._put_birth,
            Channel.STATE: self._put_state,
        }

    def put(self, origin: int, delivery: Delivery) -> None:
        topic = _taken_apart(delivery.topic)
        if isinstance(topic, TopicError):
            self._refuse(origin, delivery, Reason.BAD_TOPIC, str(topic), counted="")
        elif topic.channel in self._by_channel:
            self._by_channel[topic.channel](origin, delivery, topic.device)

    def batch(self, deliveries: Sequence[Delivery]) -> Batch:
        sheets = {kind: sheet.readings() for kind, sheet in self._sheets.items()}
        return Batch(
            deliveries=deliveries,
            readings={kind: readings for kind, readings in sheets.items() if len(readings)},
            rejects=self._rejects,
            births=self._births,
            states=self._states,
            rejected=self._rejected,
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

    def _read(self, origin: int, delivery: Delivery, member: Member) -> None:
        sheet = self._sheets.get(member.kind.name)
        if sheet is None:
            sheet = self._sheets[member.kind.name] = Sheet(member.kind, self._now)
        refused: dict[int, Refusal] = {}
        plain = codec.decode_plain(delivery.payload)
        if plain is not None:
            received_at = delivery.received_at
            for place, reading in enumerate(plain):
                ts = reading.ts * 1000
                if not sheet.add_plain(member, ts, reading.values, received_at, origin):
                    refusal = sheet.add(member, RawReading(ts, reading.values), received_at, origin)
                    if refusal is not None:
                        refused[place] = refusal
        else:
            refused = _read_tolerantly(origin, delivery, member, sheet)
        if refused:
            self._keep(origin, delivery, member.name, refused)

    def _keep(self, origin: int, delivery: Delivery, device: str, refused: dict[int, Refusal]) -> None:
        """Make Rejects of refusals, each with the bytes of its own element."""
        whole = sum(not r.partial for r in refused.values())
        if whole:
            self._rejected[device] += whole
        if len(refused) > MOST_REJECTS:
            refused = {_WHOLE: _summed_up(refused)}
        parts = [] if _WHOLE in refused else codec.pieces(delivery.payload)
        self._rejects.extend(
            Reject(
                reason=refusal.reason,
                detail=refusal.detail,
                topic=delivery.topic,
                payload=delivery.payload if place == _WHOLE else parts[place],
                received_at=delivery.received_at,
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
            birth = _birth(delivery, device)
        except PayloadError as err:
            self._refuse(origin, delivery, err.reason, str(err), device=device)
            return
        if birth.kind not in self._roster.kinds:
            known = ", ".join(self._roster.kinds)
            detail = f"kind {birth.kind} is not installed; known: {known}"
            self._refuse(origin, delivery, Reason.UNKNOWN_KIND, detail, device=device)
            return
        self._births.append(birth)

    def _put_state(self, origin: int, delivery: Delivery, device: str) -> None:
        if not delivery.payload:
            return
        try:
            self._states.append(StateChange(device, _online(delivery.payload), delivery.received_at))
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


def _read_tolerantly(origin: int, delivery: Delivery, member: Member, sheet: Sheet) -> dict[int, Refusal]:
    """Add what is good of any payload, and return what is not, by place in the list."""
    try:
        elements = codec.decode(delivery.payload)
    except PayloadError as err:
        return {_WHOLE: Refusal(err.reason, str(err))}
    refused: dict[int, Refusal] = {}
    for place, raw in enumerate(elements):
        refusal = _add(raw, origin, delivery, member, sheet, place)
        if refusal is not None:
            refused[place] = refusal
    return refused


def _add(
    raw: RawReading | PayloadError, origin: int, delivery: Delivery, member: Member, sheet: Sheet, place: int
) -> Refusal | None:
    if isinstance(raw, PayloadError):
        return Refusal(raw.reason, str(raw))
    if raw.ts is None:
        if delivery.retained:
            return Refusal(Reason.BAD_TIME, 'a retained reading needs "ts": an old value must not be stored as new')
        # Elements of one list were not all read in one instant: a microsecond each keeps them apart, in order.
        raw = RawReading(delivery.received_at + place, raw.values)
    return sheet.add(member, raw, delivery.received_at, origin)


def _summed_up(refused: dict[int, Refusal]) -> Refusal:
    place, first = next(iter(refused.items()))
    return Refusal(
        reason=first.reason,
        detail=f"{len(refused)} elements of the list could not be taken in; the first, number {place}: {first.detail}",
        points=first.points,
        partial=all(r.partial for r in refused.values()),
    )


def _readings_in(payload: bytes) -> int:
    """Return how many readings a payload claims to hold; one that cannot be read counts one."""
    try:
        body = codec.parse(payload)
    except PayloadError:
        return 1
    return max(1, len(body)) if isinstance(body, list) else 1


def _birth(delivery: Delivery, device: str) -> Birth:
    """Return the birth that a manifest tells. Raises PayloadError (bad_birth)."""
    body = _object(delivery.payload, Reason.BAD_BIRTH)
    kind, interval_s = body.get("kind"), body.get("interval_s")
    if not (isinstance(kind, str) and _KIND_NAME.fullmatch(kind)):
        raise PayloadError(Reason.BAD_BIRTH, 'a birth needs "kind": the name of a sensor kind')
    if isinstance(interval_s, bool) or not (
        interval_s is None or (isinstance(interval_s, int | float) and 0 < interval_s <= MOST_INTERVAL_S)
    ):
        raise PayloadError(Reason.BAD_BIRTH, f'"interval_s" is seconds between readings, not {interval_s!r:.40}')
    return Birth(
        device=device,
        kind=kind,
        interval_s=None if interval_s is None else float(interval_s),
        seen_at=delivery.received_at,
        manifest=delivery.payload,
    )


def _object(payload: bytes, reason: Reason) -> dict[str, object]:
    if len(payload) > MOST_MANIFEST_BYTES:
        raise PayloadError(reason, f"{len(payload)} bytes; at most {MOST_MANIFEST_BYTES} are taken")
    try:
        body = codec.parse(payload)
    except PayloadError as err:
        raise PayloadError(reason, str(err)) from err
    if not isinstance(body, dict):
        raise PayloadError(reason, "expected a JSON object")
    if rb"\u0000" in payload:
        raise PayloadError(reason, "a text with a NUL character cannot be stored")
    return body


def _online(payload: bytes) -> bool:
    """Return what a state says: online or offline as plain text, or {"online": true}. Raises PayloadError."""
    if payload in _STATES:
        return _STATES[payload]
    online = _object(payload, Reason.BAD_STATE).get("online")
    if not isinstance(online, bool):
        raise PayloadError(Reason.BAD_STATE, 'a state is online, offline, or {"online": true or false}')
    return online
