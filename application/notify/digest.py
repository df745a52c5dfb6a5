"""Digest: when messages to one recipient are so many that they become one: pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.instants import MINUTE
from application.notify.plan import Digest


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is due. The worst first: `priority` 1 before 3, then the oldest."""

    notification_id: int
    priority: int


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of what waits: each `alone`, together (`folded`) as one message, or neither yet."""

    alone: tuple[int, ...] = ()
    folded: tuple[int, ...] = ()


def folding(waiting: Sequence[Waiting], sent: Sequence[int], now: int, p: Digest) -> Step:
    """Return what is to be sent at `now`; `sent` are the times of the recipient's former messages (epoch microseconds).

    With priority 1 waiting no message comes sooner than `urgent_min` after the last, once there are `more_than` in
    `within_min`; without, none before `within_min` have passed: then at most `more_than` in any such time.
    """
    ids = tuple(w.notification_id for w in waiting)
    recent = [at for at in sent if at > now - round(p.within_min * MINUTE)]
    if len(recent) + len(waiting) <= p.more_than:
        return Step(alone=ids)
    if len(recent) >= p.more_than:
        pause = p.urgent_min if any(w.priority == 1 for w in waiting) else p.within_min
        if now - max(recent) < round(pause * MINUTE):
            return Step()
    return Step(alone=ids) if len(ids) == 1 else Step(folded=ids)
