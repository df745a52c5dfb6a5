"""Foreign: one door for every message whose topic is not ours: Sparkplug, Home Assistant, then the mapping files."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from network.discovery.hearing import Discovery
from network.heard import Heard, Names, SheetOf
from network.link import Delivery, Signal
from network.mapped import Mappings
from network.mapped_rows import write_mapped
from network.mapping import overlap
from network.mapping_files import MappingError
from network.settings import BrokerSettings
from network.sparkplug.hearing import Sparkplug
from network.sparkplug.order import Order
from perception.foreigner import Grammar
from perception.roster import Roster

Kept = tuple[str, str, str, Mapping[str, Any]]
"""Grammar, address, name, and what was born: as it was kept."""


class Foreign:
    """Everything that is foreign and understood. May be used by two threads."""

    def __init__(
        self, mappings: Mappings, sparkplug: Sparkplug | None = None, discovery: Discovery | None = None,
        names: Names | None = None,
    ) -> None:  # fmt: skip
        self.filters = mappings.filters
        self._mappings, self._sparkplug, self._discovery = mappings, sparkplug, discovery
        self._names, self._order = names or Names(), Order()

    def hear(self, delivery: Delivery, origin: int, roster: Roster, sheet_of: SheetOf) -> Heard | None:
        """Return what a message came to, None when nobody understands its topic. Never raises for what is in it."""
        if self._sparkplug is not None and self._sparkplug.speaks(delivery.topic):
            return self._sparkplug.hear(delivery, origin, roster, sheet_of)
        match = self._mappings.match(delivery.topic)  # before states: an announcement must not take what is mapped
        if match is None:
            return None if self._discovery is None else self._discovery.hear(delivery, origin, roster, sheet_of)
        outcome = write_mapped(match, delivery, origin, roster, sheet_of)
        return Heard(outcome.rejected, [] if outcome.reject is None else [outcome.reject])

    def remember(self, kept: Iterable[Kept]) -> None:
        """Know what was born before this process began."""
        for grammar, address, name, born in kept:
            self._names.remember((grammar, address), name, born)
            if grammar == Grammar.SPARKPLUG and self._sparkplug is not None:
                self._sparkplug.remember(address, born)
            elif grammar == Grammar.HOME_ASSISTANT and self._discovery is not None:
                self._discovery.remember(address, born)

    def topics(self, roster: Roster) -> Sequence[str]:
        """Return the topics that approved devices use beside those that are always heard."""
        return () if self._discovery is None else self._discovery.topics(roster)

    def newcomers(self, before: Roster, roster: Roster, now: int) -> Sequence[tuple[str, bytes]]:
        """Return the requests to those that were approved since: they report what changes, so ask for all of it."""
        new = [f for key, f in roster.foreigners.items() if before.foreigners.get(key) != f]
        nodes = {"/".join(f.address.split("/")[:2]) for f in new if f.grammar == Grammar.SPARKPLUG}
        return self._order.ask(sorted(nodes), "it was approved", now)

    def replies(self, signals: Sequence[Signal], now: int) -> Sequence[tuple[str, bytes]]:
        """Return (topic, payload) of what a host has to say to these signals at `now` (epoch microseconds)."""
        return self._order.heed(signals, now)


def foreign_of(settings: BrokerSettings, mappings: Mappings) -> Foreign:
    """Return what the settings ask to be understood. Raises MappingError when two would hear the same topics."""
    names = Names()
    sparkplug = Sparkplug(settings.sparkplug_host, names) if settings.sparkplug else None
    discovery = Discovery(settings.discovery_prefix, names) if settings.discovery else None
    for heard in settings.foreign_filters:
        for mapped in mappings.filters:
            if overlap(heard, mapped):
                raise MappingError(
                    f"the mapping of {mapped} overlaps {heard}, which broker.sparkplug or broker.discovery listens to: "
                    "take the mapping away, or switch that off"
                )
    return Foreign(mappings, sparkplug, discovery, names)


def as_foreign(understood: "Mappings | Foreign | None") -> Foreign | None:
    """Return what mappings alone understand in the same shape."""
    return Foreign(understood) if isinstance(understood, Mappings) else understood
