"""Quarantine: rejects seen, chosen, asked to be replayed and dropped. Works on a Connection; who calls it commits.

Asking and dropping carry an actor and leave their entry in the audit, in the same transaction.
What is asked for is taken in by ingest, which alone writes readings (support.replaying).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, case, func, insert, select, true, update

from perception.readings import Reason
from perception.validate import printable
from support.tables import audit, device, ledger, reject

_IDS_AUDITED = 100
_NAMED = 12
"""Names in a message at most."""


class RejectState(StrEnum):
    """Where a Reject is in its life. `summed`: it stands for others that were counted and not kept."""

    OPEN = "open"
    ASKED = "asked"
    REPLAYED = "replayed"
    DROPPED = "dropped"
    SUMMED = "summed"


WAITING = (RejectState.OPEN, RejectState.ASKED, RejectState.SUMMED)
"""What somebody may still have to look at."""

WAITED_FOR = (Reason.UNKNOWN_DEVICE, Reason.INACTIVE_DEVICE)
"""What a device's own approval mends."""


class QuarantineError(Exception):
    """What was asked of the rejects cannot be done; the text says what there is and what to try."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rejects are meant; what is None or empty does not narrow it.

    `since` is a time in UTC; `point` a name that was refused, as the device wrote it.
    """

    ids: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    device: str | None = None
    since: datetime | None = None
    point: str | None = None
    states: tuple[RejectState, ...] = field(default=())

    def told(self) -> dict[str, object]:
        """Return it as the audit keeps it."""
        facts: dict[str, object] = {"reasons": list(self.reasons), "device": self.device, "point": self.point}
        return {k: v for k, v in facts.items() if v} | ({"since": self.since.isoformat()} if self.since else {})

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return it as SQL."""
        c = reject.c
        found: list[ColumnElement[bool]] = []
        if self.ids:
            found.append(c.reject_id.in_(self.ids))
        if self.reasons:
            found.append(c.reason.in_(self.reasons))
        if self.device is not None:
            found.append(c.device == self.device)
        if self.since is not None:
            found.append(c.received_at >= self.since)
        if self.point is not None:
            found.append(c.points.contains([printable(self.point)]))
        if self.states:
            found.append(c.state.in_(self.states))
        return found


def require_known(on: Connection, choice: Choice) -> None:
    """Raise QuarantineError when a reason or the device is one that nobody has heard of."""
    for reason in choice.reasons:
        if reason not in set(Reason):
            raise QuarantineError(f"no reason is called {reason!r}: there are {', '.join(Reason)}")
    if choice.device is not None:
        require_device(on, choice.device)


def require_device(on: Connection, name: str) -> None:
    """Raise QuarantineError unless a device of this name is there or something came under it."""
    for column in (device.c.name, reject.c.device, ledger.c.device):
        if on.execute(select(column).where(column == name).limit(1)).first() is not None:
            return
    names = sorted({*on.scalars(select(device.c.name)), *on.scalars(select(reject.c.device).distinct())} - {None, ""})
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    raise QuarantineError(f"nothing is known of a device {name!r}.{meant} Known: {shown or 'none yet'}")


def known_devices(on: Connection) -> set[str]:
    """Return the names of the devices that were added or announced themselves."""
    return set(on.scalars(select(device.c.name)))


def groups(on: Connection, choice: Choice) -> Sequence[Row[Any]]:
    """Return (reason, device, state, number, not_kept, oldest, newest), the largest groups first.

    `not_kept` is how many more were counted and not kept: they belong to what is open.
    """
    c = reject.c
    state = func.replace(c.state, RejectState.SUMMED.value, RejectState.OPEN.value).label("state")
    kept = case((c.state == RejectState.SUMMED.value, 0), else_=1).label("kept")
    device_or_none = func.nullif(c.device, "").label("device")
    meant = select(c.reason, device_or_none, state, kept, c.more, c.received_at).where(*choice.conditions()).subquery()
    m = meant.c
    number = func.sum(m.kept).label("number")
    times = (func.min(m.received_at).label("oldest"), func.max(m.received_at).label("newest"))
    query: Select[Any] = select(m.reason, m.device, m.state, number, func.sum(m.more).label("not_kept"), *times)
    return on.execute(query.group_by(m.reason, m.device, m.state).order_by(number.desc(), m.reason, m.device)).all()


def refused_points(on: Connection, choice: Choice) -> dict[str, list[str]]:
    """Return by device the names that were refused as points."""
    names = func.jsonb_array_elements_text(reject.c.points).table_valued("value").render_derived()
    query = (
        select(reject.c.device, names.c.value)
        .join(names, true())
        .where(*choice.conditions(), reject.c.reason == Reason.BAD_POINT.value)
        .distinct()
        .order_by(reject.c.device, names.c.value)
    )
    found: dict[str, list[str]] = {}
    for name, refused in on.execute(query):
        found.setdefault(name, []).append(refused)
    return found


def each(on: Connection, choice: Choice, most: int) -> Sequence[Row[Any]]:
    """Return single rejects, the newest first."""
    return on.execute(
        select(reject).where(*choice.conditions()).order_by(reject.c.reject_id.desc()).limit(most)
    ).all()  # fmt: skip


def one(on: Connection, reject_id: int) -> tuple[Row[Any], Sequence[int]]:
    """Return a reject, and the ids of those that its replay brought. Raises QuarantineError."""
    found = on.execute(select(reject).where(reject.c.reject_id == reject_id)).one_or_none()
    if found is None:
        raise QuarantineError(f"no reject has the number {reject_id}: see `hearthline rejects list --each`")
    return found, on.scalars(select(reject.c.reject_id).where(reject.c.former == reject_id)).all()


def ask(on: Connection, choice: Choice, actor: str) -> list[int]:
    """Ask for the replay of the open ones among the chosen rejects; return their ids."""
    return _move(on, choice, RejectState.ASKED, actor, "rejects asked")


def drop(on: Connection, choice: Choice, actor: str) -> list[int]:
    """Drop the open ones, and the counts of what was not kept; they stay for the audit until they are too old."""
    return _move(on, choice, RejectState.DROPPED, actor, "rejects dropped", RejectState.SUMMED)


def ask_waiting(on: Connection, name: str, actor: str) -> list[int]:
    """Ask for the replay of what waited for a device to be added or approved; return the ids of those rejects."""
    return ask(on, Choice(reasons=WAITED_FOR, device=name), actor)


def _move(
    on: Connection, choice: Choice, to: RejectState, actor: str, action: str, *also: RejectState
) -> list[int]:  # fmt: skip
    c = reject.c
    facts: dict[str, object] = {"state": to.value, "actor": actor}
    if to is RejectState.DROPPED:
        facts["settled_at"] = func.now()
    movable = c.state.in_([RejectState.OPEN.value, *(s.value for s in also)])
    moved = on.scalars(update(reject).where(*choice.conditions(), movable).values(facts).returning(c.reject_id)).all()
    if moved:
        detail = {**choice.told(), "count": len(moved), "first": sorted(moved)[:_IDS_AUDITED]}
        subject = f"device:{choice.device}" if choice.device else "rejects"
        on.execute(insert(audit).values(actor=actor, action=action, subject=subject, detail=detail))
    return sorted(moved)


@dataclass(frozen=True, slots=True)
class Progress:
    """How a replay stands: `left` are still asked; `outcome` counts readings by fate, as `rejected` the new rejects."""

    settled: int
    left: int
    outcome: Mapping[str, int]


def progress(on: Connection, ids: Sequence[int]) -> Progress:
    """Return how the replay of these rejects stands."""
    rows = on.execute(
        select(reject.c.state, reject.c.outcome).where(reject.c.reject_id == func.any(list(ids)))
    ).all()  # fmt: skip
    outcome: Counter[str] = Counter()
    for row in rows:
        outcome.update(row.outcome or {})
    left = sum(row.state == RejectState.ASKED for row in rows)
    return Progress(len(rows) - left, left, dict(outcome))
