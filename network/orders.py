"""Orders: a command on its way to a device, and what the device answers to it, as bytes and back. Pure.

A command is `{"id": text, "do": word, "args": {...}, "by": text, "expires_at": ms, "until": ms}` on the device's
`command` topic, times in epoch milliseconds; all but `id` and `do` may be missing. `expires_at`: what has not begun by
then must not begin. `until`: what was taken from the controller goes back to it then.

A reply is `{"id": ..., "state": "accepted" | "rejected" | "done" | "failed", "reason": word, "detail": text, "at": ms}`
on `reply`. Whoever accepts says later that it is done, or failed. The short form `"ok": true` is done, `"ok": false` is
rejected.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

import msgspec

from perception.command import CommandError, Why

MOST_ID_CHARACTERS = 100
_MOST_TEXT = 1_000
_NOTHING: Mapping[str, object] = MappingProxyType({})


class State(StrEnum):
    """What a device says of a command."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DONE = "done"
    FAILED = "failed"


FINAL = frozenset({State.REJECTED, State.DONE, State.FAILED})


@dataclass(frozen=True, slots=True)
class Order:
    """A command as a device receives it. Times are epoch microseconds, None where nothing was said."""

    id: str
    do: str
    args: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    by: str = ""
    expires_at: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device says of a command, at a time in epoch microseconds."""

    id: str
    state: State
    at: int
    why: str | None = None
    detail: str | None = None


def order_of(payload: bytes) -> Order:
    """Return the command in a payload. Raises CommandError (malformed); one without an id cannot be answered."""
    body = _object(payload)
    told, do = body.get("id"), body.get("do")
    if not isinstance(told, str) or not 0 < len(told) <= MOST_ID_CHARACTERS:
        raise CommandError(Why.MALFORMED, 'a command has an "id": a text')
    if not isinstance(do, str):
        raise UnreadableOrderError(told, 'a command has "do": what is to be done, as a word')
    args, by = body.get("args", {}), body.get("by", "")
    if not isinstance(args, dict):
        raise UnreadableOrderError(told, '"args" is an object: arguments by name')
    times = {name: _time(told, name, body.get(name)) for name in ("expires_at", "until")}
    return Order(told, do, args, by if isinstance(by, str) else "", **times)


class UnreadableOrderError(CommandError):
    """A command has an id and otherwise makes no sense: it can be answered, and no more."""

    def __init__(self, order_id: str, detail: str) -> None:
        super().__init__(Why.MALFORMED, detail)
        self.id = order_id


def answer_bytes(answer: Answer) -> bytes:
    """Return the payload of a reply."""
    body: dict[str, object] = {
        "id": answer.id,
        "ok": answer.state in {State.ACCEPTED, State.DONE},
        "state": answer.state,
        "at": answer.at // 1000,
    }
    if answer.why is not None:
        body["reason"] = answer.why
    if answer.detail is not None:
        body["detail"] = answer.detail
    return msgspec.json.encode(body)


def answered(body: Mapping[str, object]) -> tuple[State, str | None, str | None]:
    """Return state, reason and detail of a reply's body. Raises CommandError (malformed)."""
    short = {True: State.DONE, False: State.REJECTED}[bool(body["ok"])] if "ok" in body else State.ACCEPTED
    state = body.get("state", short)
    if not isinstance(state, str) or state not in set(State):
        raise CommandError(Why.MALFORMED, f'"state" is {", ".join(State)}, not {state!r:.40}')
    return State(state), _text(body.get("reason")), _text(body.get("detail"))


def _text(told: object) -> str | None:
    return told[:_MOST_TEXT] if isinstance(told, str) else None


def _time(order_id: str, name: str, told: object) -> int | None:
    if told is None:
        return None
    if isinstance(told, bool) or not isinstance(told, int) or not 0 <= told < 2**53:
        raise UnreadableOrderError(order_id, f'"{name}" is a time in epoch milliseconds, not {told!r:.40}')
    return told * 1000


def _object(payload: bytes) -> dict[str, object]:
    try:
        body = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise CommandError(Why.MALFORMED, f"a command is a JSON object: {err}") from err
    if not isinstance(body, dict):
        raise CommandError(Why.MALFORMED, "a command is a JSON object")
    return body
