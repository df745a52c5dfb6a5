"""Pointer: a place in a JSON value, by RFC 6901."""

import re
from typing import Final

_BAD_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9][0-9]{0,5}")
ABSENT: Final = object()
"""What a pointer finds where there is nothing. It is not null, which is a value."""

Pointer = tuple[str, ...]


class PointerError(ValueError):
    """The text is no JSON pointer; the message says what was expected."""


def parse(text: str) -> Pointer:
    """Return the steps of a pointer; "" is the whole value. Raises PointerError."""
    if text and not text.startswith("/"):
        raise PointerError(f"{text!r:.60} is no JSON pointer: it is empty or begins with /, as in /data/0/flow")
    if _BAD_ESCAPE.search(text):
        raise PointerError(f"{text!r:.60}: in a JSON pointer ~ is written ~0, and / inside a name ~1")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:])


def resolve(pointer: Pointer, value: object) -> object:
    """Return what stands there, ABSENT where nothing does. Never raises."""
    for step in pointer:
        if isinstance(value, dict):
            value = value.get(step, ABSENT)
        elif isinstance(value, list) and _INDEX.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return ABSENT
    return value
