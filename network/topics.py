"""The topic grammar: build one, parse one. Nobody else spells a topic."""

import re
from dataclasses import dataclass
from enum import StrEnum

ROOT = "hearthline/v1"
NAME = r"[a-z0-9][a-z0-9-]{2,62}"
_DEVICE_TOPIC = re.compile(rf"hearthline/v1/({NAME})/([a-z]+)")


class Channel(StrEnum):
    """The last word of a device's topic. Devices publish the first five; the platform the others."""

    READINGS = "readings"
    BACKFILL = "backfill"
    BIRTH = "birth"
    STATE = "state"
    REPLY = "reply"
    COMMAND = "command"
    STORED = "stored"
    REJECTED = "rejected"


FROM_DEVICES = (Channel.READINGS, Channel.BACKFILL, Channel.BIRTH, Channel.STATE, Channel.REPLY)


class TopicError(ValueError):
    """The topic is not one of ours; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A device's topic, taken apart."""

    device: str
    channel: Channel

    def __str__(self) -> str:
        return f"{ROOT}/{self.device}/{self.channel}"


def parse(topic: str) -> Topic:
    """Take a device's topic apart. Raises TopicError."""
    match = _DEVICE_TOPIC.fullmatch(topic)
    if match is None:
        raise TopicError(f"expected {ROOT}/<device>/<channel> with a device of [a-z0-9-]{{3,63}}, got {topic!r:.120}")
    device, channel = match.groups()
    if channel not in FROM_DEVICES or device == "notify":
        known = ", ".join(FROM_DEVICES)
        raise TopicError(f"{topic!r:.120}: devices publish on {known}")
    return Topic(device, Channel(channel))


def may_be_ours(topic: str) -> bool:
    """Return whether a topic begins as ours do: foreign ones do not."""
    return topic.startswith(f"{ROOT}/")


def filters(*channels: Channel) -> tuple[str, ...]:
    """Return the subscription filters that catch these channels of every device."""
    return tuple(f"{ROOT}/+/{channel}" for channel in channels)


def live(city: str) -> str:
    """Return the topic of a city's live frames."""
    return f"hearthline/live/v1/{city}"


def notify(city: str) -> str:
    """Return the topic of a city's notifications for other machines."""
    return f"{ROOT}/notify/{city}"


LIVE_FILTER = "hearthline/live/v1/+"
