"""Vocabulary: the commands that a device of ours understands, and how it answers them. Pure.

How a command and its reply look: network.orders. What has expired is not done. The words:

- `ping`: reply with the device's clock, `"at"` in epoch milliseconds.
- `reconnect`: reply, drop the connection without a goodbye, stay away for `"away_s"` seconds (1 by
  default, 600 at most) and go on measuring meanwhile, then come back and send what was missed.

A command may come twice: the second one with an id is passed over.
"""

from dataclasses import dataclass

import msgspec

from network.orders import MOST_ID_CHARACTERS, State
from perception.command import Why

WORDS = ("ping", "reconnect")
LONGEST_AWAY_S = 600.0


@dataclass(frozen=True, slots=True)
class Command:
    """What a device is asked to do."""

    id: str
    do: str
    away_s: float = 1.0
    expires_at: float | None = None


def command_of(payload: bytes) -> Command | None:
    """Return the command in a payload, None when there is none."""
    try:
        body = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    args, expires_at = body.get("args"), body.get("expires_at")
    body = {**args, **body} if isinstance(args, dict) else body
    told, do, away_s = body.get("id"), body.get("do"), body.get("away_s", 1.0)
    if not isinstance(told, str) or len(told) > MOST_ID_CHARACTERS or not isinstance(do, str):
        return None
    if isinstance(away_s, bool) or not isinstance(away_s, int | float):
        away_s = 1.0
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        expires_at = None
    return Command(told, do, min(max(float(away_s), 0.0), LONGEST_AWAY_S), expires_at)


def answer(command: Command, at: int) -> tuple[bytes, float | None]:
    """Return the payload of the reply at `at` (epoch milliseconds), and for how long to go away, if at all."""
    why = None
    if command.do not in WORDS:
        why = Why.UNKNOWN, f"this device knows {', '.join(WORDS)}"
    elif command.expires_at is not None and command.expires_at < at:
        why = Why.EXPIRED, "it came too late"
    state = State.DONE if why is None else State.REJECTED
    reply: dict[str, object] = {"id": command.id, "ok": why is None, "state": state, "do": command.do, "at": at}
    if why is not None:
        reply |= {"reason": why[0], "detail": why[1]}
    return msgspec.json.encode(reply), command.away_s if command.do == "reconnect" and why is None else None
