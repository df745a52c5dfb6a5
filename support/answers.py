"""Answers: tell a device why a message of its own was not taken in, at most once a second each."""

from collections.abc import Iterator, Sequence

import msgspec

from network.topics import Channel, Topic
from perception.readings import Reject
from perception.roster import Roster

_EVERY_US = 1_000_000
_MOST_PER_BATCH = 200
"""A storm of rejects must not become a storm of answers."""


class Answers:
    """Chooses the rejects that are answered, and words the answers. Unknown names are never answered."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def to(self, rejects: Sequence[Reject], roster: Roster, now: int) -> Iterator[tuple[str, bytes]]:
        """Yield (topic, payload) of the answers that may go out at `now` (epoch microseconds)."""
        chosen = 0
        for reject in rejects:
            device = reject.device
            if device is None or device not in roster.members or now - self._last.get(device, 0) < _EVERY_US:
                continue
            self._last[device] = now
            yield str(Topic(device, Channel.REJECTED)), _worded(reject)
            chosen += 1
            if chosen == _MOST_PER_BATCH:
                return


def _worded(reject: Reject) -> bytes:
    return msgspec.json.encode(
        {
            "reason": reject.reason,
            "detail": reject.detail,
            "points": reject.points,
            "received_at": reject.received_at // 1000,
        }
    )
