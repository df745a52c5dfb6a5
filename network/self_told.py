"""Self-told: what devices say of themselves, births, states and replies, read from their bytes. Pure."""

import re

from network.link import Birth, Delivery, Numbering, Reply
from network.orders import answered
from perception import payload as codec
from perception.command import CommandError
from perception.payload import PayloadError
from perception.readings import Reason

MOST_MANIFEST_BYTES = 64 * 1024
MOST_INTERVAL_S = 7 * 86_400
MOST_BOOT_CHARACTERS = 64
_KIND_NAME = re.compile(r"[a-z][a-z0-9_]{2,39}")
_STATES = {b"online": True, b"offline": False}


def birth(delivery: Delivery, device: str) -> tuple[Birth, Numbering | None]:
    """Return the birth that a manifest tells, and what it says of running numbers. Raises PayloadError (bad_birth)."""
    body = _object(delivery.payload, Reason.BAD_BIRTH)
    kind, interval_s = body.get("kind"), body.get("interval_s")
    if not (isinstance(kind, str) and _KIND_NAME.fullmatch(kind)):
        raise PayloadError(Reason.BAD_BIRTH, 'a birth needs "kind": the name of a sensor kind')
    if isinstance(interval_s, bool) or not (
        interval_s is None or (isinstance(interval_s, int | float) and 0 < interval_s <= MOST_INTERVAL_S)
    ):
        raise PayloadError(Reason.BAD_BIRTH, f'"interval_s" is seconds between readings, not {interval_s!r:.40}')
    told = Birth(
        device=device,
        kind=kind,
        interval_s=None if interval_s is None else float(interval_s),
        seen_at=delivery.received_at,
        manifest=delivery.payload,
    )
    return told, _numbering(body.get("boot"), body.get("first_seq"))


def _numbering(boot: object, first_seq: object) -> Numbering | None:
    if boot is None:
        return None
    if isinstance(boot, bool) or not (
        (isinstance(boot, str) and 0 < len(boot) <= MOST_BOOT_CHARACTERS) or (isinstance(boot, int) and _fits(boot))
    ):
        what = f"a text of up to {MOST_BOOT_CHARACTERS} characters or a whole number"
        raise PayloadError(Reason.BAD_BIRTH, f'"boot" names this run of the device\'s queue: {what}, not {boot!r:.40}')
    if first_seq is not None and (
        isinstance(first_seq, bool) or not isinstance(first_seq, int) or not _fits(first_seq)
    ):
        raise PayloadError(Reason.BAD_BIRTH, f'"first_seq" is a whole number from 0, not {first_seq!r:.40}')
    return Numbering(boot, first_seq)


def _fits(number: int) -> bool:
    return 0 <= number < 2**63


def online(payload: bytes) -> bool:
    """Return what a state says: online or offline as plain text, or {"online": true}. Raises PayloadError."""
    if payload in _STATES:
        return _STATES[payload]
    told = _object(payload, Reason.BAD_STATE).get("online")
    if not isinstance(told, bool):
        raise PayloadError(Reason.BAD_STATE, 'a state is online, offline, or {"online": true or false}')
    return told


def reply(delivery: Delivery, device: str, origin: int = 0) -> Reply:
    """Return the reply that a device gave to a command. Raises PayloadError (bad_reply)."""
    body = _object(delivery.payload, Reason.BAD_REPLY)
    told = body.get("id")
    if not isinstance(told, str):
        raise PayloadError(Reason.BAD_REPLY, 'a reply needs "id": that of the command which it answers')
    try:
        state, why, detail = answered(body)
    except CommandError as err:
        raise PayloadError(Reason.BAD_REPLY, str(err)) from err
    return Reply(device, told, delivery.payload, delivery.received_at, origin, state, why, detail)


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
