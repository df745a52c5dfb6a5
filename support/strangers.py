"""Strangers: how much is kept of what comes under names that may not report. The rest is counted, never hidden.

Anybody who reaches the broker can publish under a name of his own. What he sends waits for
somebody to add or approve the device, but it must not fill the disk: here by rate, and in tend
(postgres.quarantine.StrangersRoom) by amount, the newest staying.
"""

from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace

from perception.catalogue import DeviceStatus
from perception.readings import Reject
from perception.roster import Roster

MOST_PER_NAME = 20_000
"""Rows of one name and reason that tend leaves: more than two days of a reading every ten seconds."""
MOST_ROWS = 200_000
MOST_BYTES = 256 * 2**20
"""Rows, and bytes of payload, of all strangers together that tend leaves."""

_MOST_NAMES = 1000
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Allowance:
    """So much at once, and so much more each second: Rejects, and bytes of payload."""

    rows: float
    rows_per_s: float
    size: float
    size_per_s: float


OF_ONE = Allowance(rows=5_000, rows_per_s=10, size=16 * _MIB, size_per_s=64 * 1024)
OF_ALL = Allowance(rows=20_000, rows_per_s=200, size=64 * _MIB, size_per_s=512 * 1024)


class _Bucket:
    """What is left of an allowance at a time (epoch microseconds)."""

    def __init__(self, allowance: Allowance, now: int) -> None:
        self._allowance, self._at = allowance, now
        self._rows, self._size = allowance.rows, allowance.size

    def has_room(self, size: int, now: int) -> bool:
        """Return whether one more Reject of this size may be kept. `spend` does it."""
        passed_s = max(0, now - self._at) / 1e6
        self._at = now
        self._rows = min(self._allowance.rows, self._rows + passed_s * self._allowance.rows_per_s)
        self._size = min(self._allowance.size, self._size + passed_s * self._allowance.size_per_s)
        return self._rows >= 1 and self._size >= size

    def spend(self, size: int) -> None:
        """Use a part of it."""
        self._rows -= 1
        self._size -= size


class Strangers:
    """Remembers how much was kept lately under each name that may not report. For one thread."""

    def __init__(self, of_one: Allowance = OF_ONE, of_all: Allowance = OF_ALL) -> None:
        self._of_one = of_one
        self._buckets: dict[str | None, _Bucket] = {None: _Bucket(of_all, 0)}  # None: of all together
        self._tried: dict[str | None, _Bucket] = {}

    def sifted(self, rejects: Sequence[Reject], roster: Roster, now: int) -> list[Reject]:
        """Return what is to be kept: Rejects of active devices all, of strangers so many as their rate allows.

        What is beyond it comes back as one Reject for each name and reason, with the number as
        `more`; the name is empty when it was the allowance of all that was used up. Nothing is
        used up before `settled`: a transaction may fail, and be tried again.
        """
        self._tried = {}
        kept: list[Reject] = []
        surplus: Counter[tuple[str, str]] = Counter()
        examples: dict[tuple[str, str], Reject] = {}
        for reject in rejects:
            name = self._over(reject, now) if is_strange(reject, roster) else None
            if name is None:
                kept.append(marked(reject, roster))
            else:
                surplus[name, reject.reason] += 1
                examples[name, reject.reason] = reject
        kept.extend(
            replace(examples[key], device=key[0], payload=b"", stranger=True, more=count)
            for key, count in surplus.items()
        )
        return kept

    def settled(self) -> None:
        """Remember what was sifted last as kept."""
        for name, bucket in self._tried.items():
            self._buckets.pop(name, None)
            self._buckets[name] = bucket  # the one that was seen last is forgotten last
        self._tried = {}
        names = [name for name in self._buckets if name is not None]
        for name in names[: max(0, len(names) - _MOST_NAMES)]:
            del self._buckets[name]

    def _over(self, reject: Reject, now: int) -> str | None:
        """Return None when it may be kept, else under which name it is counted."""
        name, size = reject.device or "", len(reject.payload)
        own, together = self._bucket(name, now), self._bucket(None, now)
        if not own.has_room(size, now):
            return name
        if not together.has_room(size, now):
            return ""
        own.spend(size)
        together.spend(size)
        return None

    def _bucket(self, name: str | None, now: int) -> _Bucket:
        """Return the bucket on which this round is tried."""
        if name not in self._tried:
            standing = self._buckets.get(name)
            self._tried[name] = _Bucket(self._of_one, now) if standing is None else copy(standing)
        return self._tried[name]


def is_strange(reject: Reject, roster: Roster) -> bool:
    """Return whether it came under a name that may not report."""
    member = None if reject.device is None else roster.members.get(reject.device)
    return member is None or member.status is not DeviceStatus.ACTIVE or member.kind.derived


def marked(reject: Reject, roster: Roster) -> Reject:
    """Return the Reject with its mark when it is a stranger's."""
    return replace(reject, stranger=True) if is_strange(reject, roster) else reject
