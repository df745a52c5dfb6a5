"""CAP: an alert to the public as a message of the Common Alerting Protocol 1.2 (OASIS, 2010). Pure.

Errors: CapError, which says what the protocol does not allow.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from xml.etree import ElementTree as ET

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
MsgType = Literal["Alert", "Update", "Cancel"]
Urgency = Literal["Immediate", "Expected", "Future", "Past", "Unknown"]
Severity = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
Certainty = Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"]
_IDENTIFIER = re.compile(r"[^\s,<&]+")
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no place for."""


class CapError(Exception):
    """This is no message of CAP 1.2; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An earlier message: its sender, identifier and when it was sent."""

    sender: str
    identifier: str
    sent: datetime


@dataclass(frozen=True, slots=True)
class Info:
    """The message in one language (a BCP 47 tag)."""

    language: str
    event: str
    sender_name: str
    headline: str
    description: str
    instruction: str
    area: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message. Moments have the zone in which they are told; `exercise`: nobody outside shall act on it."""

    identifier: str
    sender: str
    sent: datetime
    msg_type: MsgType
    references: Sequence[Reference]
    infos: Sequence[Info]
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    expires: datetime
    exercise: bool = False


def compose(message: Message) -> str:
    """Return the message as XML. Raises CapError."""
    _check(message)
    root = ET.Element("alert", {"xmlns": NAMESPACE})
    _add(root, "identifier", message.identifier)
    _add(root, "sender", message.sender)
    _add(root, "sent", stamp(message.sent))
    _add(root, "status", "Exercise" if message.exercise else "Actual")
    _add(root, "msgType", message.msg_type)
    _add(root, "scope", "Public")
    if message.exercise:
        _add(root, "note", "Simulated city: nothing of this happens.")
    if message.references:
        told = (f"{r.sender},{r.identifier},{stamp(r.sent)}" for r in message.references)
        _add(root, "references", " ".join(told))
    for info in message.infos:
        _add_info(root, message, info)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add_info(root: ET.Element, message: Message, info: Info) -> None:
    within = ET.SubElement(root, "info")
    over = message.msg_type == "Cancel"
    _add(within, "language", info.language)
    _add(within, "category", "Infra")
    _add(within, "event", info.event)
    _add(within, "responseType", "AllClear" if over else "Monitor")
    _add(within, "urgency", "Past" if over else message.urgency)
    _add(within, "severity", message.severity)
    _add(within, "certainty", message.certainty)
    _add(within, "effective", stamp(message.sent))
    _add(within, "expires", stamp(message.expires))
    _add(within, "senderName", info.sender_name)
    _add(within, "headline", info.headline)
    _add(within, "description", info.description)
    if info.instruction:
        _add(within, "instruction", info.instruction)
    _add(ET.SubElement(within, "area"), "areaDesc", info.area)


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = _FORBIDDEN.sub("\ufffd", text)


def stamp(when: datetime) -> str:
    """Return a moment as CAP writes it: to the second, with the offset in digits and never with a Z."""
    text = when.replace(microsecond=0).isoformat()
    return text[:-6] + "-00:00" if when.utcoffset() == timedelta(0) else text


def _check(message: Message) -> None:
    for name, text in (("identifier", message.identifier), ("sender", message.sender)):
        if not _IDENTIFIER.fullmatch(text):
            raise CapError(f"{name} {text!r}: expected no spaces, commas, < or &")
    if (message.msg_type == "Alert") != (not message.references):
        raise CapError("an Update or a Cancel refers to earlier messages, and an Alert to none")
    if message.expires <= message.sent:
        raise CapError("expected a message that expires after it is sent")
    if not message.infos or any(not (i.headline and i.description and i.area and i.event) for i in message.infos):
        raise CapError("expected event, headline, description and area in each language")
