"""Heard: what one foreign message came to, and how such devices are called. Shared by the foreign grammars."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from network.link import Birth, Delivery, Introduction, Signal, StateChange
from network.topics import NAME
from perception.foreigner import Address, Foreigner
from perception.payload import PayloadError
from perception.readings import Reason, Reject
from perception.roster import Member, Roster
from perception.validate import Sheet

SheetOf = Callable[[Member], Sheet]
MOST_INTRODUCED = 2_000
MOST_BYTES = 32 * 2**20
"""Foreign devices that are remembered, and bytes of what they said of themselves, as JSON. A flood of made-up names
ends there; those that are approved are always remembered."""

_UNFIT = re.compile(r"[^a-z0-9]+")
_LONGEST = 63
_MARK = 6  # hexadecimal digits that tell two names apart which would be spelled alike
_NAME = re.compile(NAME)


@dataclass(slots=True)
class Heard:
    """What became of a message: rejected readings by device, Rejects, and what was said beside readings."""

    rejected: Counter[str] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    births: list[Birth] = field(default_factory=list)
    states: list[StateChange] = field(default_factory=list)
    introductions: list[Introduction] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)

    def refuse(
        self, delivery: Delivery, origin: int, error: PayloadError, device: str | None = None, *, counted: str = ""
    ) -> "Heard":
        """Keep the whole delivery as a Reject that counts as one reading."""
        self.rejected[counted] += 1
        self.rejects.append(
            Reject(
                error.reason, str(error), delivery.topic, delivery.payload, delivery.received_at, device, origin=origin
            )
        )
        return self


def awaited(name: str, what: str) -> PayloadError:
    """Return why what a device says is kept and not stored while nobody has approved it."""
    return PayloadError(
        Reason.UNKNOWN_DEVICE, f"{what} waits for approval: hearthline foreign show {name}, then foreign approve {name}"
    )


class Names:
    """What foreign devices are called: plainly where that is free, else with a mark made of their address."""

    def __init__(self) -> None:
        self._given: dict[Address, str] = {}
        self._taken: set[str] = set()
        self._sizes: dict[Address, int] = {}
        self._size = 0

    def remember(self, address: Address, name: str, born: Mapping[str, Any]) -> None:
        """Know a device, its name and what it said of itself."""
        self._given[address] = name
        self._taken.add(name)
        size = len(msgspec.json.encode(born))
        self._size += size - self._sizes.get(address, 0)
        self._sizes[address] = size

    def of(self, address: Address, spoken: Sequence[str], roster: Roster) -> str:
        """Return the name of a device. `spoken` are the words it is to be made of when it has none yet."""
        approved = roster.foreigners.get(address)
        if approved is not None:
            return approved.device
        name = self._given.get(address)
        if name is None:
            name = spelled(spoken)
            if _NAME.fullmatch(name) is None or name in self._taken or name in roster.members:
                name = marked(spoken, " ".join(address))
        return name

    def meet(self, address: Address, spoken: Sequence[str], born: Mapping[str, Any], roster: Roster) -> str:
        """Remember what a device says of itself, and return its name. Raises PayloadError when there is no room."""
        if address not in roster.foreigners:
            size = self._size - self._sizes.get(address, 0) + len(msgspec.json.encode(born))
            if (address not in self._given and len(self._given) >= MOST_INTRODUCED) or size > MOST_BYTES:
                raise PayloadError(
                    Reason.BAD_BIRTH,
                    f"{len(self._given)} foreign devices are remembered, and that is enough: "
                    "hearthline foreign list, then foreign forget, and start ingest again",
                )
        name = self.of(address, spoken, roster)
        self.remember(address, name, born)
        return name


def spelled(words: Sequence[str]) -> str:
    """Return words as one name: small letters, digits, hyphens between."""
    return "-".join(part for word in words if (part := _UNFIT.sub("-", word.lower()).strip("-")))[:_LONGEST].strip("-")


def marked(words: Sequence[str], address: str) -> str:
    """Return the same with a mark that no other address has."""
    mark = hashlib.sha256(address.encode("utf-8", "replace")).hexdigest()[:_MARK]
    head = spelled(words)[: _LONGEST - _MARK - 1].strip("-") or "foreign"
    return f"{head}-{mark}"


def member_of(foreigner: Foreigner | None, roster: Roster) -> Member | None:
    """Return the device of an approved foreigner, None when there is none."""
    return None if foreigner is None else roster.members.get(foreigner.device)
