"""Judging: what was heard of a device, to one verdict per step, each with a remedy. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from network import self_told
from network.link import Birth, Delivery, Numbering
from network.receive import receive
from network.topics import Channel
from perception.payload import PayloadError, RawReading, decode
from perception.roster import Roster

LIVE_WITHIN_US = 180 * 1_000_000
CLOCK_WITHIN_US = 60 * 1_000_000


class Verdict(StrEnum):
    """What a step found."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the tour: what was found, and what to do about it (empty when it passed)."""

    step: str
    verdict: Verdict
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """What happened on the tour. `heard`: everything on the device's topics, in order.

    `waited_s`: how long for readings. `ping`: the id of the command. `broke_at`: how many messages
    had been heard when the device was asked to reconnect. `repeated`: how many readings were sent
    a second time, None when that was not tried, and `duplicates`: how many the ledger then
    counted as such.
    """

    device: str
    heard: Sequence[Delivery]
    roster: Roster
    waited_s: float
    ping: str
    broke_at: int
    repeated: int | None = None
    duplicates: int = 0

    def on(self, *channels: Channel) -> list[Delivery]:
        """Return what was heard on these channels."""
        return [d for d in self.heard if _channel(d) in channels]

    def after(self, *channels: Channel) -> list[Delivery]:
        """Return what was heard on these channels since the device was asked to reconnect."""
        return [d for d in self.heard[self.broke_at :] if _channel(d) in channels]


def judge(course: Course) -> list[Step]:
    """Return the verdict of every step, in the order of the tour."""
    steps: tuple[Callable[[Course], Step], ...] = (
        _birth, _numbering, _state, _readings, _times, _numbers, _duplicate, _command, _will, _backfill, _stored,
    )  # fmt: skip
    return [step(course) for step in steps]


def _birth(course: Course) -> Step:
    births = course.on(Channel.BIRTH)
    how = "publish the manifest on birth, retained, QoS 1, at every connect"
    if not births:
        return Step("birth", Verdict.FAIL, "no birth was heard", how)
    if not births[0].retained:
        return Step("birth", Verdict.FAIL, "the birth is not retained: who comes later does not see it", how)
    try:
        birth, _ = _told(births[-1], course.device)
    except PayloadError as err:
        return Step("birth", Verdict.FAIL, str(err), "correct the manifest")
    problem = _wrong_kind(birth, course)
    if problem is not None:
        return Step("birth", Verdict.FAIL, *problem)
    return Step("birth", Verdict.PASS, f"kind {birth.kind}, retained")


def _wrong_kind(birth: Birth, course: Course) -> tuple[str, str] | None:
    """Return what is wrong with the kind, and the remedy."""
    member, known = course.roster.members.get(course.device), ", ".join(course.roster.kinds)
    if birth.kind not in course.roster.kinds:
        return f"kind {birth.kind} is not known here", f"use one of {known}, or add the kind"
    if member is None:
        return "the device is not known here", f"hearthline devices approve {course.device}"
    if member.kind.name != birth.kind:
        found = f"it says {birth.kind}, it is registered as {member.kind.name}"
        return found, "correct the manifest, or register the device anew"
    return None


def _numbering(course: Course) -> Step:
    told = _numbering_of(course.on(Channel.BIRTH), course.device)
    if told is None or told.first_seq is None:
        return Step(
            "numbering",
            Verdict.FAIL,
            "the birth has no boot and first_seq: nobody can say what never arrived, and there are no receipts",
            'add "boot" (a name of this run of the queue, kept with it) and "first_seq" (the oldest number in it)',
        )
    return Step("numbering", Verdict.PASS, f"boot {told.boot}, first_seq {told.first_seq}")


def _state(course: Course) -> Step:
    states = course.on(Channel.STATE)
    how = "publish online on state, retained, after the birth"
    if not states or not states[0].retained:
        found = "no state was heard" if not states else "the state is not retained"
        return Step("state", Verdict.FAIL, found, how)
    try:
        online = self_told.online(states[0].payload)
    except PayloadError as err:
        return Step("state", Verdict.FAIL, str(err), how)
    if not online:
        return Step("state", Verdict.FAIL, "the retained state is offline while the device is here", how)
    return Step("state", Verdict.PASS, "online, retained")


def _readings(course: Course) -> Step:
    came = course.on(Channel.READINGS, Channel.BACKFILL)
    if not came:
        found = f"no readings within {course.waited_s:.0f} s"
        return Step(
            "readings", Verdict.FAIL, found, "look at its link, its cadence and its topic; give more time: --within"
        )
    batch = receive(came, course.roster, came[-1].received_at)
    if batch.rejects:
        first = batch.rejects[0]
        return Step(
            "readings", Verdict.FAIL, f"{first.reason}: {first.detail}", "hearthline devices watch shows each one"
        )
    if any(d.qos == 0 for d in came):
        found = "readings are sent with QoS 0: a break loses them"
        return Step("readings", Verdict.FAIL, found, "publish readings and backfill with QoS 1")
    return Step("readings", Verdict.PASS, f"{len(came)} messages, all understood")


def _times(course: Course) -> Step:
    live = [(d, r) for d in course.on(Channel.READINGS) for r in _read(d)]
    if not live:
        return Step("times", Verdict.CANNOT_TELL, "no readings to look at", "see the step before")
    if any(r.ts is None for _, r in live):
        found = "readings without ts get the time of receipt: what comes twice may be stored twice"
        return Step("times", Verdict.FAIL, found, 'give every reading its own "ts"')
    ages = [d.received_at - r.ts for d, r in live if r.ts is not None]
    if max(ages) > LIVE_WITHIN_US:
        found = f"a reading on readings is {max(ages) / 1e6:.0f} s old"
        return Step("times", Verdict.FAIL, found, "set its clock (NTP); send what is older than 3 minutes on backfill")
    if min(ages) < -CLOCK_WITHIN_US:
        return Step("times", Verdict.FAIL, f"its clock is {-min(ages) / 1e6:.0f} s ahead", "set its clock (NTP)")
    return Step("times", Verdict.PASS, f"at most {max(ages) / 1e6:.1f} s old")


def _numbers(course: Course) -> Step:
    numbers = [r.seq for d in course.heard[: course.broke_at] if _channel(d) is Channel.READINGS for r in _read(d)]
    if not numbers:
        return Step("seq", Verdict.CANNOT_TELL, "no readings to look at", "see readings")
    if None in numbers:
        how = 'give every reading a "seq" that rises by one and is kept over restarts'
        return Step("seq", Verdict.FAIL, "readings without seq: nobody can say what never arrived", how)
    news = list(dict.fromkeys(n for n in numbers if n is not None))
    if news != list(range(news[0], news[0] + len(news))):
        found = f"seq went {', '.join(map(str, news[:8]))}"
        return Step("seq", Verdict.FAIL, found, "count every reading, up by one, in the order of measuring")
    if len(news) < 2:
        return Step("seq", Verdict.CANNOT_TELL, "one reading only", "give more time: --within")
    return Step("seq", Verdict.PASS, f"{news[0]} to {news[-1]}, none left out")


def _duplicate(course: Course) -> Step:
    told: dict[int, RawReading] = {}
    for reading in (r for d in course.on(Channel.READINGS, Channel.BACKFILL) for r in _read(d)):
        if reading.seq is not None and told.setdefault(reading.seq, reading) != reading:
            found = f"seq {reading.seq} came twice with different content"
            return Step("duplicate", Verdict.FAIL, found, "never change a reading once it has its number")
    if course.repeated is None:
        return Step("duplicate", Verdict.CANNOT_TELL, "nothing could be sent twice", "see readings")
    if course.duplicates >= course.repeated:
        return Step("duplicate", Verdict.PASS, "a message that came twice was stored once")
    if any(r.ts is None for d in course.on(Channel.READINGS) for r in _read(d)):
        found = "its last message, sent twice, was stored twice: without ts nobody can see that it is the same"
        return Step("duplicate", Verdict.FAIL, found, 'give every reading its own "ts"')
    found = "its last message, sent twice, did not appear in the ledger"
    return Step("duplicate", Verdict.CANNOT_TELL, found, "is ingest running, and may this account publish for devices?")


def _command(course: Course) -> Step:
    how = "subscribe to command (QoS 1) and answer on reply with the id of the command; see the how-to"
    replies = [body for d in course.on(Channel.REPLY) if (body := _object(d.payload)).get("id") == course.ping]
    if not any(_object(d.payload).get("id") == course.ping for d in course.on(Channel.COMMAND)):
        found = "the command did not reach the broker"
        return Step("command", Verdict.CANNOT_TELL, found, "is ingest running? It sends what waits in the outbox")
    if not replies:
        return Step("command", Verdict.FAIL, "ping was not answered", how)
    if replies[0].get("ok") is not True:
        return Step("command", Verdict.FAIL, "ping was answered, but not with ok", how)
    return Step("command", Verdict.PASS, "ping was answered")


def _will(course: Course) -> Step:
    if not _broke(course):
        return Step(
            "will",
            Verdict.CANNOT_TELL,
            "it did not reconnect",
            "cut its network during the tour, or let it know reconnect",
        )
    states = [d.payload for d in course.after(Channel.STATE)]
    if b"offline" not in states and not any(_object(p).get("online") is False for p in states):
        how = "set a last will at connect: offline on state, retained, QoS 1"
        return Step("will", Verdict.FAIL, "it went away and nobody said that it is offline", how)
    if _says_offline(states[-1]):
        return Step("will", Verdict.FAIL, "it is back and still offline", "publish online on state after every connect")
    return Step("will", Verdict.PASS, "offline while it was away, online since")


def _backfill(course: Course) -> Step:
    if not _broke(course):
        return Step("backfill", Verdict.CANNOT_TELL, "it did not reconnect", "see will")
    first, second = (_numbering_of(part, course.device) for part in _births_around(course))
    if first is not None and second is not None and first.boot != second.boot:
        how = "keep boot with the queue: it changes only when the queue is lost"
        return Step("backfill", Verdict.FAIL, "it has another boot since the reconnect", how)
    numbers = {r.seq for d in course.on(Channel.READINGS, Channel.BACKFILL) for r in _read(d) if r.seq is not None}
    if not numbers:
        return Step("backfill", Verdict.CANNOT_TELL, "without seq nobody can say what is missing", "see seq")
    if not course.after(Channel.READINGS, Channel.BACKFILL):
        return Step("backfill", Verdict.FAIL, "no reading since the reconnect", "send again once connected")
    missing = max(numbers) - min(numbers) + 1 - len(numbers)
    if missing:
        first_missing = next(n + 1 for n in sorted(numbers) if n + 1 not in numbers)
        found = f"{missing} readings of the time away are missing, the first has seq {first_missing}"
        how = "keep readings while the link is down and send them afterwards, oldest first"
        return Step("backfill", Verdict.FAIL, found, how)
    return Step("backfill", Verdict.PASS, f"nothing is missing between seq {min(numbers)} and {max(numbers)}")


def _stored(course: Course) -> Step:
    told = _numbering_of(course.on(Channel.BIRTH), course.device)
    if told is None:
        return Step("stored", Verdict.CANNOT_TELL, "there are no receipts without boot", "see numbering")
    receipts = [_object(d.payload) for d in course.on(Channel.STORED)]
    seqs = [seq for r in receipts if r.get("boot") == told.boot and isinstance(seq := r.get("seq"), int)]
    if not seqs:
        return Step(
            "stored", Verdict.CANNOT_TELL, "no receipt was heard", "is ingest running, and the device approved?"
        )
    first, second = (_numbering_of(part, course.device) for part in _births_around(course))
    if first is None or second is None or first.first_seq is None or second.first_seq is None:
        return Step("stored", Verdict.CANNOT_TELL, f"receipts up to {max(seqs)}; no second birth", "see will")
    if second.first_seq <= first.first_seq:
        how = "subscribe to stored and forget what is numbered up to its seq, if its boot is yours"
        return Step("stored", Verdict.FAIL, f"receipts up to {max(seqs)}, but first_seq stays {second.first_seq}", how)
    return Step("stored", Verdict.PASS, f"receipts up to {max(seqs)}; the queue begins at {second.first_seq}")


def _broke(course: Course) -> bool:
    return bool(course.after(Channel.BIRTH)) or any(_says_offline(d.payload) for d in course.after(Channel.STATE))


def _births_around(course: Course) -> tuple[Sequence[Delivery], Sequence[Delivery]]:
    before = [d for d in course.heard[: course.broke_at] if _channel(d) is Channel.BIRTH]
    return before, course.after(Channel.BIRTH)


def _told(delivery: Delivery, device: str) -> tuple[Birth, Numbering | None]:
    return self_told.birth(delivery, device)


def _numbering_of(births: Sequence[Delivery], device: str) -> Numbering | None:
    try:
        return _told(births[-1], device)[1] if births else None
    except PayloadError:
        return None


def _says_offline(payload: bytes) -> bool:
    return payload == b"offline" or _object(payload).get("online") is False


def _read(delivery: Delivery) -> list[RawReading]:
    try:
        return [r for r in decode(delivery.payload) if isinstance(r, RawReading)]
    except PayloadError:
        return []


def _object(payload: bytes) -> dict[str, object]:
    try:
        body = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _channel(delivery: Delivery) -> Channel | None:
    word = delivery.topic.rpartition("/")[2]
    return Channel(word) if word in set(Channel) else None
