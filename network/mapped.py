"""Mapped: foreign messages read by their mapping. Pure; what cannot be read is told, never raised through.

A message becomes Found readings: a device's name, a time, and the values by point. What is known
only with the device, its kind's units, is applied when the kind is known.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from network import pointer
from network.foreign_time import senml_time, time_of
from network.mapped_values import conversion_of, converted, number_alone, senml_pack, shown, text_at
from network.mapping import EVERYTHING_ELSE, Form, MappedPoint, MappedTopic, PayloadForm
from network.pointer import ABSENT, Pointer
from network.topics import NAME
from perception import payload as codec
from perception.payload import MOST_READINGS, PayloadError
from perception.readings import Reason
from perception.sensor_kind import SensorKind
from perception.units import Linear

T = TypeVar("T")
_HOLE = re.compile(r"\{([^{}]*)\}")
_DEVICE = re.compile(NAME)
_UNFIT = re.compile(r"[^a-z0-9-]+")
MOST_REMEMBERED = 65_536


@dataclass(slots=True)
class Found:
    """A reading as its sender meant it. `ts` is epoch microseconds, None: time of receipt."""

    device: str
    ts: int | None
    values: list[tuple[MappedPoint, object]] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    """What the sender calls values that the mapping neither takes nor ignores."""
    fault: PayloadError | None = None
    """Why nothing can be taken of it, although its device is known."""


class MappedMessages:
    """One [[topic]] made ready: its pointers parsed, its points by source, its units by kind."""

    def __init__(self, topic: MappedTopic) -> None:
        self.topic = topic
        self._at = pointer.parse(topic.at)
        self._value = pointer.parse(topic.value)
        self._ts = None if topic.ts is None else pointer.parse(topic.ts.pointer)
        self._points = [(pointer.parse(p.pointer or ""), p) for p in topic.points]
        self._sources = {p.source: p for p in topic.points}
        self._device, self._source = _parts(topic.device), _parts(topic.source)
        self._conversions: dict[str, dict[str, Linear]] = {}

    def read(self, captures: Sequence[str], payload: bytes) -> list[Found | PayloadError]:
        """Return the readings of a message. Raises PayloadError when nothing in it can be read."""
        if self.topic.payload is PayloadForm.NUMBER:
            return self._gathered([(number_alone(payload), {})], captures, None)
        root = codec.parse(payload)
        if self.topic.form is Form.VALUE:
            return self._gathered([(pointer.resolve(self._value, root), root)], captures, root)
        elements = self._elements(root)
        if self.topic.form is Form.READING:
            return [_tried(self._reading, element, captures, root) for element in elements]
        if self.topic.form is Form.SENML:
            return self._gathered(senml_pack(elements), captures, root)
        return self._gathered([(pointer.resolve(self._value, e), e) for e in elements], captures, root)

    def device_of(self, captures: Sequence[str]) -> str | None:
        """Return the device that a topic alone tells, None when it takes the payload to know."""
        try:
            return self._named(_filled(self._device, captures, ()))
        except PayloadError:
            return None

    def values(self, found: Found, kind: SensorKind) -> dict[str, object]:
        """Return the values of a reading in the units of a kind. What is no number stays, to be refused by name."""
        conversions = self._conversions.get(kind.name)
        if conversions is None:
            conversions = self._conversions[kind.name] = {p.name: conversion_of(p, kind) for p in self.topic.points}
        values = {point.name: converted(value, point, conversions[point.name]) for point, value in found.values}
        return values | {f"unmapped:{name}": 0 for name in found.strange}  # no point is named so: refused by name

    def _elements(self, root: object) -> list[object]:
        found = pointer.resolve(self._at, root)
        if found is ABSENT:
            raise PayloadError(Reason.UNMAPPED, f"nothing stands at {self.topic.at!r:.80}")
        elements = found if isinstance(found, list) else [found]
        if not elements:
            raise PayloadError(Reason.EMPTY, "an empty list says nothing")
        if len(elements) > MOST_READINGS:
            raise PayloadError(Reason.MALFORMED, f"{len(elements)} elements; at most {MOST_READINGS} are taken")
        return elements

    def _reading(self, element: object, captures: Sequence[str], root: object) -> Found:
        if not isinstance(element, dict | list):
            raise PayloadError(Reason.UNMAPPED, f"a reading is an object, not {shown(element)}")
        values = [(point, pointer.resolve(at, element)) for at, point in self._points]
        present = [(point, value) for point, value in values if value is not ABSENT and value is not None]
        if not present:
            raise PayloadError(Reason.EMPTY, "nothing stands at any pointer of its points")
        device = self._named(_filled(self._device, captures, (element, root)))
        return self._timed(Found(device, None, present), element, root)

    def _gathered(
        self, records: Sequence[tuple[object, object]], captures: Sequence[str], root: object
    ) -> list[Found | PayloadError]:
        """Join records, each (value, element), of one device and instant; a name that comes again begins anew."""
        done: list[Found | PayloadError] = []
        open_: dict[tuple[str, int | None], Found] = {}
        taken: dict[tuple[str, int | None], set[str]] = {}
        for value, element in records:
            one = _tried(self._record, value, element, captures, root)
            if one is None:
                continue
            if isinstance(one, PayloadError) or one.fault is not None:
                done.append(one)
                continue
            key = (one.device, one.ts)
            names = {point.name for point, _ in one.values}
            into = open_.get(key)
            if into is None or taken[key] & names:
                open_[key], taken[key] = one, names
                done.append(one)
            else:
                into.values += one.values
                into.strange += one.strange
                taken[key] |= names
        return done

    def _record(self, value: object, element: object, captures: Sequence[str], root: object) -> Found | None:
        places = (element, root)
        source = _filled(self._source, captures, places) if self.topic.form is not Form.SENML else text_at(element, "n")
        point = self._sources.get(source)
        if point is None and self.topic.form is Form.SENML:
            point = self._sources.get(text_at(element, "name"))
        if point is None and ({source, EVERYTHING_ELSE} & set(self.topic.ignore)):
            return None
        found = Found(self._named(_filled(self._device, captures, places)), None)
        if point is None:
            found.strange.append(source)
        elif value is ABSENT:
            where = "" if self.topic.form is Form.SENML else f" at {self.topic.value!r:.80}"
            found.fault = PayloadError(Reason.UNMAPPED, f"{shown(source)} has no value{where}")
            return found
        else:
            found.values.append((point, value))
        return self._timed(found, element, root)

    def _timed(self, found: Found, element: object, root: object) -> Found:
        try:
            found.ts = self._time(element, root)
        except PayloadError as err:
            found.fault = err
        return found

    def _time(self, element: object, root: object) -> int | None:
        if self.topic.form is Form.SENML:
            return senml_time(element)
        if self._ts is None or self.topic.ts is None:
            return None
        value = pointer.resolve(self._ts, element)
        if value is ABSENT:
            value = pointer.resolve(self._ts, root)
        if value is ABSENT or value is None:
            raise PayloadError(Reason.BAD_TIME, f"no time stands at {self.topic.ts.pointer!r:.80}")
        return time_of(value, self.topic.ts)

    def _named(self, raw: str) -> str:
        """Return our name for a device: as the table says, else in small letters, all else becoming hyphens."""
        listed = self.topic.devices.get(raw)
        if listed is not None:
            return listed
        name = _UNFIT.sub("-", raw.lower()).strip("-")
        if _DEVICE.fullmatch(name) is None:
            raise PayloadError(Reason.UNMAPPED, f"{shown(raw)} gives no name of a device: list it in devices")
        return name


@dataclass(frozen=True, slots=True)
class Match:
    """A topic that a mapping has, with what stood at its wildcards, and its last level."""

    messages: MappedMessages
    captures: tuple[str, ...]

    def read(self, payload: bytes) -> list[Found | PayloadError]:
        """Return the readings of a message. Raises PayloadError when nothing in it can be read."""
        return self.messages.read(self.captures, payload)

    def named(self) -> str | None:
        """Return the device that the topic alone tells, None when it takes the payload to know."""
        return self.messages.device_of(self.captures)

    def values(self, found: Found, kind: SensorKind) -> dict[str, object]:
        """Return the values of a reading in the units of a kind."""
        return self.messages.values(found, kind)


class Mappings:
    """Every mapping, found by topic. Remembers the topics that it has seen matched."""

    def __init__(self, topics: Sequence[MappedTopic]) -> None:
        self._entries = [(_pattern(t.filter), MappedMessages(t)) for t in topics]
        self._seen: dict[str, Match] = {}
        self.filters = tuple(t.filter for t in topics)

    def match(self, topic: str) -> Match | None:
        """Return the mapping of a topic, None when there is none."""
        seen = self._seen.get(topic)
        if seen is not None:
            return seen
        for pattern, messages in self._entries:
            found = pattern.fullmatch(topic)
            if found is not None and not topic.startswith("$"):
                captures = tuple(c or "" for c in found.groups())
                if len(self._seen) >= MOST_REMEMBERED:
                    self._seen.clear()
                self._seen[topic] = match = Match(messages, (*captures, topic.rpartition("/")[2]))
                return match
        return None


def _pattern(topic_filter: str) -> re.Pattern[str]:
    """Return the filter as a regular expression with a group for each wildcard."""
    head, many, _ = topic_filter.partition("#")
    levels = head.removesuffix("/").split("/") if head else []
    text = "/".join("([^/]*)" if level == "+" else re.escape(level) for level in levels)
    if many:
        text = f"{text}(?:/(.*))?" if levels else "(.*)"
    return re.compile(text, re.DOTALL)


def _parts(template: str) -> list[str | int | Pointer]:
    """Take a template apart: literal text, the place of a capture (-1: the last level), or a pointer."""
    parts: list[str | int | Pointer] = []
    for place, text in enumerate(_HOLE.split(template)):
        if place % 2 == 0:
            parts += [text] if text else []
        elif text.startswith("/"):
            parts.append(pointer.parse(text))
        else:
            parts.append(-1 if text == "last" else int(text) - 1)
    return parts


def _filled(parts: Sequence[str | int | Pointer], captures: Sequence[str], places: Sequence[object]) -> str:
    return "".join(
        part if isinstance(part, str) else captures[part] if isinstance(part, int) else _text(part, places)
        for part in parts
    )


def _text(at: Pointer, places: Sequence[object]) -> str:
    for place in places:
        value = pointer.resolve(at, place)
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return str(value)[:200]
    raise PayloadError(Reason.UNMAPPED, f"no name stands at {'/' + '/'.join(at)!r:.80}")


def _tried(read: Callable[..., T], *arguments: object) -> T | PayloadError:
    try:
        return read(*arguments)
    except PayloadError as err:
        return err
