"""Payloads: bytes that a stranger may have sent, shown so that no terminal obeys them."""

import json

from support.commands.listing import visible

MOST_SHOWN = 64 * 1024
_WIDTH = 16


def shown(payload: bytes) -> str:
    """Return a payload for people: JSON indented, text as it is, anything else as a hex dump; cut at 64 KiB."""
    rest = len(payload) - MOST_SHOWN
    text = as_text(payload[:MOST_SHOWN] if rest > 0 else payload)
    more = f"\n... {rest} more bytes" if rest > 0 else ""
    return (dump(payload[:MOST_SHOWN]) if text is None else visible(text)) + more


def as_text(payload: bytes) -> str | None:
    """Return JSON indented, or other text; None for what is no text."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return None
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return None if "\0" in text else text


def dump(payload: bytes) -> str:
    """Return bytes as lines of offset, hex and printable ASCII."""
    lines = []
    for at in range(0, len(payload), _WIDTH):
        part = payload[at : at + _WIDTH]
        seen = "".join(chr(b) if 32 <= b < 127 else "." for b in part)
        lines.append(f"{at:08x}  {part.hex(' '):<{3 * _WIDTH}} {seen}")
    return "\n".join(lines)
