"""Foreigner: a device that speaks another grammar than ours, and which of its values are taken as which points."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Grammar(StrEnum):
    """What such a device speaks."""

    SPARKPLUG = "sparkplug"
    HOME_ASSISTANT = "homeassistant"


@dataclass(frozen=True, slots=True)
class Taken:
    """One value that is taken. Stored = value * scale + offset, turned from `unit` into the point's own.

    `value` is what the sender calls it: the name of a metric, or the key of an entity. `source`
    is where it stands, where that takes more than the name, as it was when somebody approved it.
    """

    value: str
    point: str
    scale: float = 1.0
    offset: float = 0.0
    unit: str | None = None
    source: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Foreigner:
    """An approved one: who it is in its own grammar, the name of our device, and what is taken of it."""

    grammar: Grammar
    address: str
    device: str
    taken: tuple[Taken, ...]


Address = tuple[str, str]
"""Grammar and address: what a foreign device is known by."""
