"""Hearing discovery: configs into births that wait, states of approved entities into readings, availability.

A state has no time of its own: that of its receipt counts. So a retained state, which a broker hands
out at each subscription, is passed over: it is no reading, and nobody knows how old it is.
"""

import re
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from network import pointer
from network.discovery.config import MOST_ENTITIES, Entity, config_of
from network.discovery.template import stepped
from network.heard import Heard, Names, SheetOf, member_of
from network.link import Delivery, Introduction, StateChange
from network.mapped import Found
from network.mapped_rows import write_mapped
from network.pointer import ABSENT
from network.taking import TakenMessage, Taking, Takings
from perception import payload as codec
from perception.foreigner import Foreigner, Grammar, Taken
from perception.payload import PayloadError
from perception.readings import Reason
from perception.roster import Roster

_GRAMMAR = Grammar.HOME_ASSISTANT
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NOTHING = frozenset({"", "None", "none", "unknown", "unavailable", "null"})
"""What Home Assistant itself takes as no state."""


class Discovery:
    """Everything that is known of announced devices. `prefix` is where configs are published."""

    def __init__(self, prefix: str, names: Names) -> None:
        self._prefix = prefix
        self._names = names
        self._known: dict[str, dict[str, Entity]] = {}
        self._titles: dict[str, str] = {}
        self._owner: dict[str, str] = {}
        self._takings = Takings()
        self._turn = threading.Lock()
        self._roster: Roster | None = None
        self._by_topic: Mapping[str, Sequence[Foreigner]] = {}

    def remember(self, address: str, told: Mapping[str, Any]) -> None:
        """Know what was kept of an address."""
        entities = [Entity.kept(one) for one in told.get("entities", ())]
        self._known[address] = {one.key: one for one in entities}
        self._titles[address] = str(told.get("title", address))
        self._owner.update(dict.fromkeys(self._known[address], address))

    def topics(self, roster: Roster) -> tuple[str, ...]:
        """Return the topics of what was approved: states and availability."""
        return tuple(sorted(self._index(roster)))

    def hear(self, delivery: Delivery, origin: int, roster: Roster, sheet_of: SheetOf) -> Heard | None:
        """Return what a message came to, None when it is none of ours. Never raises for anything in it."""
        levels = self._config_levels(delivery.topic)
        if levels is not None:
            heard = Heard()
            try:
                with self._turn:
                    self._announce(levels, delivery, roster, heard)
            except PayloadError as err:
                return heard.refuse(delivery, origin, PayloadError(Reason.BAD_BIRTH, str(err)))
            return heard
        listeners = self._index(roster).get(delivery.topic)
        if listeners is None:
            return None
        heard = Heard()
        for foreigner in listeners:
            self._hear_state(foreigner, delivery, origin, roster, sheet_of, heard)
        return heard

    def _config_levels(self, topic: str) -> list[str] | None:
        if not (topic.startswith(f"{self._prefix}/") and topic.endswith("/config")):
            return None
        levels = topic[len(self._prefix) + 1 :].split("/")[:-1]
        return levels if len(levels) in {2, 3} else None

    def _announce(self, levels: Sequence[str], delivery: Delivery, roster: Roster, heard: Heard) -> None:
        component, own_id = levels[0], "/".join(levels[1:])
        if not all(_ID.fullmatch(level) for level in levels):
            raise PayloadError(Reason.BAD_BIRTH, "expected <component>/[<node>/]<object> of letters, digits, _ and -")
        if not delivery.payload:
            self._withdraw(f"{component}/{own_id}", delivery, roster, heard)
            return
        config = config_of(component, own_id, delivery.payload)
        before = self._known.get(config.address, {})
        merged = {**before, **{one.key: _lasting(one, before.get(one.key)) for one in config.entities}}
        if len(merged) > MOST_ENTITIES:
            raise PayloadError(Reason.BAD_BIRTH, f"more than {MOST_ENTITIES} entities of {config.address!r:.60}")
        if merged != before or self._titles.get(config.address) != config.title:
            self._adopt(config.address, config.title, merged, delivery, roster, heard)

    def _withdraw(self, key: str, delivery: Delivery, roster: Roster, heard: Heard) -> None:
        """Note that a config was taken back. What was approved goes on: a person approved it, a person retires it."""
        parts = {one for one in self._owner if one == key or one.startswith(f"{key}/")}
        for address in sorted({self._owner[one] for one in parts}):
            known = self._known[address]
            merged = {k: _gone(one) if k in parts else one for k, one in known.items()}
            if merged != known:
                self._adopt(address, self._titles[address], merged, delivery, roster, heard)

    def _adopt(
        self, address: str, title: str, entities: dict[str, Entity], delivery: Delivery, roster: Roster, heard: Heard
    ) -> None:
        born = {"title": title, "entities": [one.told() for one in entities.values()]}
        name = self._names.meet((_GRAMMAR, address), (title,), born, roster)
        self._known[address], self._titles[address] = entities, title
        self._owner.update(dict.fromkeys(entities, address))
        heard.introductions.append(Introduction(_GRAMMAR, address, name, delivery.received_at, born))

    def _hear_state(
        self, foreigner: Foreigner, delivery: Delivery, origin: int, roster: Roster, sheet_of: SheetOf, heard: Heard
    ) -> None:
        heard.states += _availability(foreigner, delivery, roster)
        taken = [one for one in foreigner.taken if one.source.get("topic") == delivery.topic]
        if not taken or delivery.retained:
            return
        taking = self._takings.of(foreigner)
        try:
            found = [_found(taken, taking, foreigner, delivery.payload)]
        except PayloadError as err:
            heard.refuse(delivery, origin, err, foreigner.device, counted=foreigner.device)
            return
        if not any(value is not None for _, value in found[0].values):
            return
        outcome = write_mapped(TakenMessage(taking, found), delivery, origin, roster, sheet_of)
        heard.rejected.update(outcome.rejected)
        heard.rejects += [outcome.reject] if outcome.reject is not None else []

    def _index(self, roster: Roster) -> Mapping[str, Sequence[Foreigner]]:
        """Return who listens to which topic, made anew when the roster is another."""
        if roster is not self._roster:
            found: defaultdict[str, list[Foreigner]] = defaultdict(list)
            for foreigner in roster.foreigners.values():
                if foreigner.grammar == _GRAMMAR:
                    for topic in sorted({t for one in foreigner.taken for t in _topics(one)}):
                        found[topic].append(foreigner)
            self._by_topic, self._roster = dict(found), roster
        return self._by_topic


def _found(taken: Sequence[Taken], taking: Taking, foreigner: Foreigner, payload: bytes) -> Found:
    """Return the reading of a state. A place where nothing stands was not measured. Raises PayloadError."""
    found = Found(foreigner.device, None)
    root: object = ABSENT
    for one in taken:
        where = one.source.get("pointer")
        if isinstance(where, str):
            root = codec.parse(payload) if root is ABSENT else root
            value = pointer.resolve(pointer.parse(where), root)
        else:
            value = _plain(payload)
        if value is not ABSENT:
            steps = one.source.get("steps")
            ready = stepped(value, tuple(map(str, steps)) if isinstance(steps, list | tuple) else ())
            found.values.append((taking.points[one.value], _said(ready)))
    return found


def _said(value: object) -> object:
    return None if isinstance(value, str) and value in _NOTHING else value


def _plain(payload: bytes) -> object:
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError as err:
        raise PayloadError(Reason.MALFORMED, "expected a state in plain text, got bytes that are no text") from err
    if len(text) > 255:
        raise PayloadError(Reason.MALFORMED, f"a state has at most 255 characters, not {len(text)}")
    return None if text in _NOTHING else text


def _topics(taken: Taken) -> list[str]:
    told = taken.source.get("availability")
    listed = [one.get("topic") for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    return [topic for topic in (taken.source.get("topic"), *listed) if isinstance(topic, str) and topic]


def _availability(foreigner: Foreigner, delivery: Delivery, roster: Roster) -> list[StateChange]:
    """Return whether the device is there, when this topic says it in the words that were approved."""
    member = member_of(foreigner, roster)
    if member is None:
        return []
    said = delivery.payload.decode("utf-8", "replace")
    for taken in foreigner.taken:
        told = taken.source.get("availability")
        for one in told if isinstance(told, list) else ():
            if isinstance(one, dict) and one.get("topic") == delivery.topic and said in {one.get("on"), one.get("off")}:
                return [StateChange(member.name, said == one.get("on"), delivery.received_at)]
    return []


def _lasting(new: Entity, old: Entity | None) -> Entity:
    """Return an entity as it is now. One that is gone keeps what was known of it."""
    return _gone(old) if new.gone and old is not None else new


def _gone(entity: Entity) -> Entity:
    return replace(entity, gone=True)
