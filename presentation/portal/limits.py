"""Limits: how much one visitor may send. Addresses live in memory for minutes, and are written nowhere."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.exceptions import HTTPException

LONGEST_BODY = 32 * 1024
_ADDRESSES = 10_000


class Pace:
    """At most `most` acts of one address within `within_s`; it remembers 10,000 addresses, the newest."""

    def __init__(self, most: int = 20, within_s: float = 600.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._within_s, self._clock = most, within_s, clock
        self._acts: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, address: str) -> bool:
        """Count an act of an address; False, and not counted, when it is one too many."""
        now = self._clock()
        acts = self._acts.setdefault(address, deque())
        self._acts.move_to_end(address)
        while acts and acts[0] <= now - self._within_s:
            acts.popleft()
        if len(self._acts) > _ADDRESSES:
            self._acts.popitem(last=False)
        if len(acts) >= self._most:
            return False
        acts.append(now)
        return True

    def require(self, request: Request) -> None:
        """Raise HTTPException 429 when this address does too much."""
        if not self.allows(request.client.host if request.client else ""):
            raise HTTPException(429, "too much from this address within ten minutes: wait a little")


async def body_of(request: Request, longest: int = LONGEST_BODY) -> bytes:
    """Return what was sent. Raises HTTPException 413 before more than `longest` bytes are held."""
    held = bytearray()
    async for part in request.stream():
        held += part
        if len(held) > longest:
            raise HTTPException(413, f"more than {longest // 1024} KiB was sent")
    return bytes(held)


async def form_of(request: Request) -> Mapping[str, str]:
    """Return the fields of a form that was sent urlencoded; of equal names the last. Raises HTTPException 400, 413."""
    sent = await body_of(request)
    try:
        return dict(parse_qsl(sent.decode("utf-8"), keep_blank_values=True, max_num_fields=100))
    except ValueError as err:  # no UTF-8, or too many fields
        raise HTTPException(400, "this is no form") from err
