"""Vocabulary: the commands that a device of ours understands, and how it answers them. Pure.

A command is a JSON object `{"id": text, "do": word, ...}` on the device's `command` topic; the
reply repeats the id: `{"id": ..., "ok": true or false, ...}` on `reply`. The words:

- `ping`: reply with the device's clock, `"at"` in epoch milliseconds.
- `reconnect`: reply, drop the connection without a goodbye, stay away for `"away_s"` seconds (1 by
  default, 600 at most) and go on measuring meanwhile, then come back and send what was missed.

A command may come twice: the second one with an id is passed over.
"""

from dataclasses import dataclass

import msgspec

WORDS = ("ping", "reconnect")
LONGEST_AWAY_S = 600.0
MOST_ID_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Command:
    """What a device is asked to do."""

    id: str
    do: str
    away_s: float = 1.0


def command_of(payload: bytes) -> Command | None:
    """Return the command in a payload, None when there is none."""
    try:
        body = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    told, do, away_s = body.get("id"), body.get("do"), body.get("away_s", 1.0)
    if not isinstance(told, str) or len(told) > MOST_ID_CHARACTERS or not isinstance(do, str):
        return None
    if isinstance(away_s, bool) or not isinstance(away_s, int | float):
        away_s = 1.0
    return Command(told, do, min(max(float(away_s), 0.0), LONGEST_AWAY_S))


def answer(command: Command, at: int) -> tuple[bytes, float | None]:
    """Return the payload of the reply at `at` (epoch milliseconds), and for how long to go away, if at all."""
    reply: dict[str, object] = {"id": command.id, "ok": command.do in WORDS, "do": command.do, "at": at}
    if command.do not in WORDS:
        reply["detail"] = f"this device knows {', '.join(WORDS)}"
    return msgspec.json.encode(reply), command.away_s if command.do == "reconnect" else None
