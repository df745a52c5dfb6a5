"""Keeping: what people see and say of doubtful values. Works on a Connection; who calls it commits."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, RowMapping, insert, or_, select

from application.instants import moment
from application.quality import spans
from application.quality.finding import Reason
from application.quality.numbers import Numbers
from application.quality.searching import judged, judged_kinds, look
from perception.sensor_kind import SensorKind
from support import tables

_span, _device = tables.quality_span, tables.device


class QualityError(Exception):
    """What was said of a value's quality fits nothing that is known; the text says what is there."""


def listed(on: Connection, device: str | None, span: tuple[int, int]) -> list[dict[str, object]]:
    """Return the doubtful stretches that reach into [since, until), of one device or all. Raises QualityError."""
    if device is not None:
        _known(on, device)
    query = (
        select(_span.c.quality_span_id, _device.c.name, _span.c.point, _span.c.from_at, _span.c.to_at, _span.c.reason)
        .join_from(_span, _device, _device.c.device_id == _span.c.device_id)
        .where(_span.c.from_at < moment(span[1]), or_(_span.c.to_at.is_(None), _span.c.to_at > moment(span[0])))
        .order_by(_span.c.from_at, _span.c.quality_span_id)
    )
    if device is not None:
        query = query.where(_device.c.name == device)
    return [
        {
            "number": row.quality_span_id,
            "device": row.name,
            "point": row.point,
            "from": row.from_at.isoformat(timespec="seconds"),
            "to": None if row.to_at is None else row.to_at.isoformat(timespec="seconds"),
            "reason": row.reason,
        }
        for row in on.execute(query)
    ]


def say(
    on: Connection, kinds: Mapping[str, SensorKind], device: str, point: str, span: tuple[int, int], actor: str
) -> int:
    """Keep what a person says of a point over [from, to), with its audit; return its number. Raises QualityError."""
    row = _known(on, device)
    kind = _kind(kinds, row["kind"])
    if point not in kind.bits:
        raise QualityError(f"the kind {kind.name} has no point {point!r}: it has {', '.join(kind.names)}")
    values = {"device_id": row["device_id"], "point": point, "reason": Reason.SAID.value}
    when = {"from_at": moment(span[0]), "to_at": moment(span[1])}
    number = on.execute(insert(_span).values(**values, **when).returning(_span.c.quality_span_id)).scalar_one()
    spans.mark(on, kind, row["device_id"], *span)
    _audit(on, actor, "values doubted", device, {"number": number, "point": point, **_written(span)})
    return int(number)


def take_back(on: Connection, kinds: Mapping[str, SensorKind], number: int, actor: str) -> None:
    """Forget a stretch, with its audit. Raises QualityError.

    One that the search finds again while it still looks at its time comes back.
    """
    row = on.execute(
        select(_span, _device.c.name, _device.c.kind)
        .join_from(_span, _device, _device.c.device_id == _span.c.device_id)
        .where(_span.c.quality_span_id == number)
    ).one_or_none()
    if row is None:
        raise QualityError(f"there is no doubtful stretch {number}: `hearthline quality list` shows them")
    [span] = [s for s in spans.kept(on, [row.device_id], spans.ALWAYS) if s.span_id == number]
    spans.drop(on, _kind(kinds, row.kind), span)
    told = {"number": number, "point": span.point, "reason": span.reason}
    _audit(on, actor, "values trusted again", row.name, told)


def search_past(
    on: Connection, kinds: Mapping[str, SensorKind], device: str | None, span: tuple[int, int]
) -> list[dict[str, object]]:
    """Look at the past of one device (among its neighbours) or of all; return how many stretches changed by kind."""
    chosen = None if device is None else int(_known(on, device)["device_id"])
    found: list[dict[str, object]] = []
    for kind in judged_kinds(kinds):
        devices = judged(on, kind)
        changed = 0
        for city in dict.fromkeys(d.city for d in devices):
            mine = [d for d in devices if d.city == city]
            if chosen is None or any(d.device_id == chosen for d in mine):
                changed += look(on, kind, mine, span[1], Numbers(), since=span[0], only=chosen)
        found.append({"kind": kind.name, "devices": len(devices), "stretches_changed": changed})
    return found


def _known(on: Connection, device: str) -> RowMapping:
    row = on.execute(select(_device).where(_device.c.name == device)).mappings().one_or_none()
    if row is None:
        raise QualityError(f"no device is named {device}: see `hearthline devices list`")
    return row


def _kind(kinds: Mapping[str, SensorKind], name: str) -> SensorKind:
    if name not in kinds:
        raise QualityError(f"the kind {name} is not known here: its file is gone, or this is an older program")
    return kinds[name]


def _written(span: Sequence[int]) -> dict[str, str]:
    return {"from": moment(span[0]).isoformat(), "to": moment(span[1]).isoformat()}


def _audit(on: Connection, actor: str, action: str, device: str, detail: Mapping[str, object]) -> None:
    values = {"actor": actor, "action": action, "subject": f"device:{device}", "detail": dict(detail)}
    on.execute(insert(tables.audit).values(**values))
