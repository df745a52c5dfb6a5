"""Config: the JSON of a discovery message into entities: abbreviations spelled out, topics checked, places found.

The keys are those of Home Assistant's documentation of MQTT discovery, sensor and binary sensor.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from network.discovery.problem import DiscoveryProblem
from network.discovery.template import place_of
from perception import payload as codec
from perception.payload import PayloadError
from perception.readings import Reason

COMPONENTS = frozenset({"sensor", "binary_sensor"})
DEVICE = "device"
MOST_ENTITIES = 500
"""Of one device."""
LONGEST_TEXT = 250
_ABBREVIATED = {
    "avty": "availability", "avty_mode": "availability_mode", "avty_t": "availability_topic", "cmps": "components",
    "avty_tpl": "availability_template", "dev": "device", "dev_cla": "device_class", "o": "origin", "p": "platform",
    "pl_avail": "payload_available", "pl_not_avail": "payload_not_available", "pl_off": "payload_off",
    "pl_on": "payload_on", "stat_t": "state_topic", "stat_cla": "state_class", "uniq_id": "unique_id",
    "obj_id": "object_id", "def_ent_id": "default_entity_id", "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template", "t": "topic", "exp_aft": "expire_after", "frc_upd": "force_update", "e": "encoding",
}  # fmt: skip
_OF_DEVICES = {
    "ids": "identifiers", "cns": "connections", "mf": "manufacturer", "mdl": "model", "mdl_id": "model_id",
    "name": "name", "sw": "sw_version", "hw": "hw_version", "sn": "serial_number", "sa": "suggested_area",
}  # fmt: skip
_ROOT = "~"
_TOPICS = ("state_topic", "availability_topic", "topic")
_RESERVED = ("hearthline/", "spBv1.0/", "$")


@dataclass(frozen=True, slots=True)
class Availability:
    """A topic that says whether an entity's device is there, and in which words."""

    topic: str
    on: str = "online"
    off: str = "offline"


@dataclass(frozen=True, slots=True)
class Entity:
    """One value of a device. `refused`: why it cannot be taken, "" when it can. `gone`: its config was taken back."""

    key: str
    component: str
    title: str = ""
    topic: str = ""
    pointer: str | None = None
    steps: tuple[str, ...] = ()
    unit: str | None = None
    device_class: str | None = None
    words: Mapping[str, float] = field(default_factory=dict)
    availability: tuple[Availability, ...] = ()
    refused: str = ""
    gone: bool = False

    def told(self) -> dict[str, object]:
        """Return it as JSON keeps it."""
        return asdict(self)

    @classmethod
    def kept(cls, told: Mapping[str, Any]) -> "Entity":
        """Return what was kept so."""
        availability = tuple(Availability(**one) for one in told["availability"])
        return cls(**{**told, "steps": tuple(told["steps"]), "availability": availability})


@dataclass(frozen=True, slots=True)
class Config:
    """What one message says: of which device, and its entities."""

    address: str
    title: str
    entities: tuple[Entity, ...]


def config_of(component: str, own_id: str, payload: bytes) -> Config:
    """Return what a config says. `own_id`: what stands between component and config. Raises PayloadError."""
    body = codec.parse(payload)
    if not isinstance(body, dict):
        raise PayloadError(Reason.BAD_BIRTH, "a discovery config is an object")
    spelled = _spelled(body, _ABBREVIATED)
    device = spelled.get("device")
    facts = _spelled(device, _OF_DEVICES) if isinstance(device, dict) else {}
    address = _address(facts, spelled, own_id)
    title = _text(facts.get("name")) or _text(spelled.get("name")) or address
    entities = tuple(_entities(component, own_id, spelled))
    if len(entities) > MOST_ENTITIES:
        raise PayloadError(
            Reason.BAD_BIRTH, f"{len(entities)} entities; at most {MOST_ENTITIES} of one device are kept"
        )
    return Config(address, title, entities)


def _entities(component: str, own_id: str, spelled: Mapping[str, Any]) -> Iterator[Entity]:
    if component != DEVICE:
        yield _entity(component, f"{component}/{own_id}", spelled)
        return
    parts = spelled.get("components")
    if not isinstance(parts, dict):
        raise PayloadError(Reason.BAD_BIRTH, 'a config of a device needs "components" (cmps): one object for each')
    shared = {key: value for key, value in spelled.items() if key not in {"components", "device", "origin", "name"}}
    for name, part in parts.items():
        own = _spelled(part, _ABBREVIATED, spelled.get(_ROOT)) if isinstance(part, dict) else {}
        platform = _text(own.get("platform"))
        key = f"{DEVICE}/{own_id}/{name}"[:LONGEST_TEXT]
        if set(own) <= {"platform", _ROOT}:
            yield Entity(key, platform, gone=True)
        else:
            yield _entity(platform, key, {**shared, **own})


def _entity(component: str, key: str, spelled: Mapping[str, Any]) -> Entity:
    key, title = key[:LONGEST_TEXT], _text(spelled.get("name"))
    try:
        return _readable(component, key, title, spelled)
    except DiscoveryProblem as err:
        return Entity(key, component, title, refused=str(err))


def _readable(component: str, key: str, title: str, spelled: Mapping[str, Any]) -> Entity:
    if component not in COMPONENTS:
        raise DiscoveryProblem(
            f"a {component[:40] or 'thing without a platform'} is none of {', '.join(sorted(COMPONENTS))}"
        )
    template = spelled.get("value_template")
    if template is not None and not isinstance(template, str):
        raise DiscoveryProblem("value_template is no text")
    if spelled.get("encoding", "utf-8") not in ("utf-8", "utf8"):  # no set: it may be an object, which has no hash
        raise DiscoveryProblem(f"encoding {spelled['encoding']!r:.40} is not utf-8")
    place = place_of(template)
    words: dict[str, float] = {}
    if component == "binary_sensor":
        words = {_word(spelled.get("payload_on", "ON")): 1.0, _word(spelled.get("payload_off", "OFF")): 0.0}
    return Entity(
        key=key,
        component=component,
        title=title,
        topic=checked_topic(spelled.get("state_topic")),
        pointer=place.pointer,
        steps=place.steps,
        unit=_text(spelled.get("unit_of_measurement"))[:40] or None,
        device_class=_text(spelled.get("device_class"))[:40] or None,
        words=words,
        availability=tuple(_availability(spelled)),
    )


def _availability(spelled: Mapping[str, Any]) -> Iterator[Availability]:
    """Yield the topics that say whether it is there. One with a template is passed over: then nothing tells."""
    told = spelled.get("availability")
    listed = told if isinstance(told, list) else [told] if isinstance(told, dict) else []
    entries = [_spelled(one, _ABBREVIATED, spelled.get(_ROOT)) for one in listed if isinstance(one, dict)]
    if "availability_topic" in spelled and not spelled.get("availability_template"):
        entries.append({**spelled, "topic": spelled["availability_topic"]})
    for one in entries[:8]:
        if not one.get("value_template"):
            on, off = one.get("payload_available", "online"), one.get("payload_not_available", "offline")
            yield Availability(checked_topic(one.get("topic")), _word(on), _word(off))


def checked_topic(topic: object) -> str:
    """Return a topic to which we may subscribe. Raises DiscoveryProblem: anybody may write a config."""
    if not isinstance(topic, str) or not 0 < len(topic) <= LONGEST_TEXT:
        raise DiscoveryProblem(f"a sensor needs a state_topic of 1 to {LONGEST_TEXT} characters")
    if any(mark in topic for mark in "+#\0") or topic.startswith(_RESERVED):
        raise DiscoveryProblem(f"{topic!r:.80} is no topic that a device of its own would use for its state")
    try:
        topic.encode()
    except UnicodeEncodeError as err:
        raise DiscoveryProblem("a state_topic is no text") from err
    return topic


def _spelled(body: Mapping[str, Any], words: Mapping[str, str], root: object = None) -> dict[str, Any]:
    """Return an object with its keys spelled out, and ~ at an end of a topic replaced by its own root or this one."""
    spelled = {words.get(key, key): value for key, value in body.items()}
    root = spelled.setdefault(_ROOT, root)
    if isinstance(root, str):
        for key in _TOPICS:
            topic = spelled.get(key)
            if isinstance(topic, str) and topic.startswith("~"):
                spelled[key] = root + topic[1:]
            elif isinstance(topic, str) and topic.endswith("~"):
                spelled[key] = topic[:-1] + root
    return spelled


def _address(facts: Mapping[str, Any], spelled: Mapping[str, Any], own_id: str) -> str:
    """Return what a device is known by: its first identifier, or connection, else what the entity is known by."""
    ids = facts.get("identifiers")
    first = ids[0] if isinstance(ids, list) and ids else ids
    if not isinstance(first, str | int):
        connections = facts.get("connections")
        pair = connections[0] if isinstance(connections, list) and connections else None
        first = ":".join(map(str, pair)) if isinstance(pair, list) and len(pair) == 2 else None
    return (_text(first) or _text(spelled.get("unique_id")) or own_id)[:LONGEST_TEXT]


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).replace("\0", "")[:LONGEST_TEXT]


def _word(value: object) -> str:
    return str(value)[:LONGEST_TEXT] if isinstance(value, str | int | float) else ""
