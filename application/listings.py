"""Listings: alarms, their journal, and rejects, as rows of lists."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Connection, Row, Select, Uuid, and_, case, cast, exists, func, or_, select

from application.incident_store import Belonging, belongings
from application.instants import DAY, HOUR, MINUTE, microseconds, milliseconds, milliseconds_or_none, moment
from application.places import title
from application.read_models import AlarmRow, Consequence, JournalRow, RejectRow
from application.rule import Rule
from application.tuning import DRILL
from perception.point import Title
from perception.sensor_kind import SensorKind
from support import tables

JOURNAL_BACK = 30 * DAY
RETURNED_BACK = 7 * DAY
REJECTS_BACK = 7 * DAY
LATE = 3 * MINUTE
"""What was recorded so much later than it happened is marked."""
PAYLOAD_SHOWN = 400
_UNKNOWN = Title(zh="规则已移除，没有说明。", en="This rule has been removed; no advice is known.")

_alarm, _event, _reject = tables.alarm, tables.alarm_event, tables.reject
_shelving, _resting = tables.shelving, tables.out_of_service
_station, _district, _device = tables.station, tables.district, tables.device
_outlook = tables.consequence


class Listings:
    """Alarms and journal with their words: titles come from the rules, and elements' from the kinds' points."""

    def __init__(self, rules: Mapping[str, Rule], kinds: Mapping[str, SensorKind]) -> None:
        self._rules = rules
        self._kinds = kinds

    def alarms(
        self,
        on: Connection,
        city: str,
        now: int,
        *,
        closed: bool = False,
        attention: bool = False,
        returned: bool = False,
        station: str | None = None,
        most: int | None = None,
    ) -> Sequence[AlarmRow]:
        """Return alarms, those open or latched first, then by priority, by when homes are cold, and newest.

        `closed`: also those cleared in the last 30 days; `returned`: also those of the last week that cleared and
        that nobody has acknowledged; `attention`: without shelved and suppressed ones.
        """
        query = _placed(_with_disposition(now), city, station)
        opened = standing()
        recent = _alarm.c.opened_at >= moment(now - JOURNAL_BACK)
        query = query.where(or_(opened, recent) if closed else or_(opened, _unseen(now)) if returned else opened)
        if attention:
            query = query.where(_alarm.c.suppressed_by.is_(None), _shelving.c.until.is_(None), ~_out_of_service(now))
        soonest = case((_alarm.c.cleared_at.is_(None), _outlook.c.hours)).asc().nulls_last()
        order = (opened.desc(), _alarm.c.priority, soonest, _alarm.c.opened_at.desc(), _alarm.c.alarm_id)
        rows = on.execute(query.order_by(*order).limit(most)).all()
        belonging = belongings(on, [row.alarm_id for row in rows])
        return [self._alarm_row(row, belonging.get(row.alarm_id)) for row in rows]

    def journal(
        self, on: Connection, now: int, *, city: str | None = None, station: str | None = None, most: int
    ) -> Sequence[JournalRow]:
        """Return what happened to alarms in the last 30 days of record time, newest first."""
        columns = (*(_alarm.c[n] for n in ("rule", "station", "element", "device")), _DRILLED, *_PLACE)
        query = _placed(select(_event, *columns).join_from(_event, _alarm), city, station)
        query = query.where(_event.c.recorded_at >= moment(now - JOURNAL_BACK))
        order = (_event.c.recorded_at.desc(), _event.c.alarm_event_id.desc())
        return [self._journal_row(row) for row in on.execute(query.order_by(*order).limit(most))]

    def some(self, on: Connection, alarms: Sequence[UUID], now: int) -> Sequence[AlarmRow]:
        """Return these alarms, open or not."""
        query = _with_disposition(now).join(_station, _alarm.c.station == _station.c.name)
        query = query.join(_device, _alarm.c.device == _device.c.name, isouter=True)
        rows = on.execute(query.where(_alarm.c.alarm_id.in_(_each(alarms)))).all()
        belonging = belongings(on, [row.alarm_id for row in rows])
        return [self._alarm_row(row, belonging.get(row.alarm_id)) for row in rows]

    def entries(self, on: Connection, alarms: Sequence[UUID], most: int) -> Sequence[JournalRow]:
        """Return what happened to these alarms, in event time, the newest `most`."""
        columns = (*(_alarm.c[n] for n in ("rule", "station", "element", "device")), _DRILLED, *_PLACE)
        query = select(_event, *columns).join_from(_event, _alarm).join(_station, _alarm.c.station == _station.c.name)
        query = query.join(_device, _alarm.c.device == _device.c.name, isouter=True)
        order = (_event.c.at.desc(), _event.c.alarm_event_id.desc())
        found = on.execute(query.where(_event.c.alarm_id.in_(_each(alarms))).order_by(*order).limit(most)).all()
        return [self._journal_row(row) for row in reversed(found)]

    def _alarm_row(self, row: Row[*tuple[Any, ...]], belonging: Belonging | None) -> AlarmRow:
        rule = self._rules.get(row.rule)
        return AlarmRow(
            alarm_id=str(row.alarm_id),
            rule=row.rule,
            title=self._title(row.rule),
            advice=rule.advice if rule else _UNKNOWN,
            priority=row.priority,
            element=row.element,
            station=row.station,
            station_title=title(row, "station"),
            device=row.device,
            opened_at=milliseconds(row.opened_at),
            cleared_at=milliseconds_or_none(row.cleared_at),
            acknowledged=row.acknowledged_at is not None,
            evidence=row.evidence,
            element_title=self._element_title(row),
            shelved_until=milliseconds_or_none(row.shelved_until),
            suppressed=row.suppressed_by is not None,
            out_of_service=row.out_of_service,
            latched=row.latched and row.cleared_at is not None and row.reset_at is None,
            first_out=belonging is not None and belonging.first_out,
            incident=None if belonging is None else str(belonging.incident_id),
            consequence=_consequence(row),
        )

    def _journal_row(self, row: Row[*tuple[Any, ...]]) -> JournalRow:
        return JournalRow(
            alarm_id=str(row.alarm_id),
            what=row.what,
            at=milliseconds(row.at),
            recorded_at=milliseconds(row.recorded_at),
            actor=row.actor,
            comment=row.comment,
            rule=row.rule,
            title=self._title(row.rule),
            station=row.station,
            station_title=title(row, "station"),
            element=row.element,
            element_title=self._element_title(row),
            device=row.device,
            late=microseconds(row.recorded_at) - microseconds(row.at) > LATE,
            drill=row.drilled,
        )

    def _title(self, rule: str) -> Title:
        return self._rules[rule].title if rule in self._rules else Title(zh=rule, en=rule)

    def _element_title(self, row: Row[*tuple[Any, ...]]) -> Title | None:
        kind, name = self._kinds.get(row.device_kind), row.element.rpartition("/")[2]
        return kind.point(name).title if kind is not None and name in kind.bits else None


_PLACE = (
    _station.c.title_zh.label("station_zh"),
    _station.c.title_en.label("station_en"),
    _device.c.kind.label("device_kind"),
)


_OUTLOOK = (*(_outlook.c[n] for n in ("homes", "hours", "hours_low", "hours_high", "why", "basis")),
            _outlook.c.at.label("foreseen_at"))  # fmt: skip
_DRILLED = _alarm.c.evidence.has_key(DRILL).label("drilled")


def _with_disposition(now: int) -> Select[Any]:
    """Return alarms with what keeps them from the lists at `now`: one shelving at most, and maintenance."""
    same = (_shelving.c[name] == _alarm.c[name] for name in ("subject", "rule", "element"))
    live = (_shelving.c.ended_at.is_(None), _shelving.c.until > moment(now))
    chosen = select(
        _alarm,
        *_PLACE,
        *_OUTLOOK,
        _shelving.c.until.label("shelved_until"),
        _out_of_service(now).label("out_of_service"),
    )
    foreseen = chosen.join(_outlook, _outlook.c.alarm_id == _alarm.c.alarm_id, isouter=True)
    return foreseen.join(_shelving, and_(*same, *live), isouter=True)


def standing() -> ColumnElement[bool]:
    """Return which alarms stand on the lists: open ones, and latched ones unless a newer one stands for them."""
    newer = _alarm.alias("newer")
    same = (newer.c[name] == _alarm.c[name] for name in ("subject", "rule", "element"))
    again = exists().where(*same, newer.c.opened_at > _alarm.c.opened_at)
    return or_(_alarm.c.cleared_at.is_(None), and_(_alarm.c.latched, _alarm.c.reset_at.is_(None), ~again))


def _consequence(row: Row[*tuple[Any, ...]]) -> Consequence | None:
    if row.why is None or row.cleared_at is not None:
        return None
    hours = row.hours, row.hours_low, row.hours_high
    return Consequence(row.homes, *hours, row.why, milliseconds(row.foreseen_at), row.basis)


def _each(alarms: Sequence[UUID]) -> Select[Any]:
    """Return numbers of alarms as one parameter, however many there are."""
    return select(func.unnest(cast(list(alarms), ARRAY(Uuid))))


def _unseen(now: int) -> ColumnElement[bool]:
    return and_(_alarm.c.acknowledged_at.is_(None), _alarm.c.opened_at >= moment(now - RETURNED_BACK))


def _out_of_service(now: int) -> ColumnElement[bool]:
    subjects = (_alarm.c.subject, "station:" + _alarm.c.station, "device:" + _alarm.c.device)
    return exists().where(
        _resting.c.ended_at.is_(None),
        or_(_resting.c.until.is_(None), _resting.c.until > moment(now)),
        _resting.c.subject.in_(subjects),
    )


def _placed(query: Select[Any], city: str | None, station: str | None) -> Select[Any]:
    query = query.join(_station, _alarm.c.station == _station.c.name)
    query = query.join(_device, _alarm.c.device == _device.c.name, isouter=True)
    if station is not None:
        query = query.where(_alarm.c.station == station)
    if city is None:
        return query
    return query.join(_district, _station.c.district == _district.c.name).where(_district.c.city == city)


def open_alarms(on: Connection) -> int:
    """Return how many alarms are open, everywhere."""
    return on.scalar(select(func.count()).select_from(_alarm).where(_alarm.c.cleared_at.is_(None))) or 0


def count_rejects(on: Connection, now: int) -> int:
    """Return how many rejects the last hour brought, parts of readings included."""
    query = select(func.count()).select_from(_reject).where(_reject.c.received_at >= moment(now - HOUR))
    return on.scalar(query) or 0


def rejects(on: Connection, now: int, *, device: str | None, most: int) -> Sequence[RejectRow]:
    """Return the rejects of the last 7 days, newest first."""
    shown = func.substring(_reject.c.payload, 1, PAYLOAD_SHOWN).label("payload")
    columns = [c for c in _reject.c if c.name != "payload"]
    query = select(*columns, shown).where(_reject.c.received_at >= moment(now - REJECTS_BACK))
    if device is not None:
        query = query.where(_reject.c.device == device)
    rows = on.execute(query.order_by(_reject.c.received_at.desc(), _reject.c.reject_id.desc()).limit(most))
    return [_reject_row(row) for row in rows]


def _reject_row(row: Row[*tuple[Any, ...]]) -> RejectRow:
    return RejectRow(
        reject_id=row.reject_id,
        received_at=milliseconds(row.received_at),
        reason=row.reason,
        detail=row.detail,
        topic=row.topic,
        device=row.device,
        partial=row.partial,
        points=tuple(row.points),
        payload=bytes(row.payload).decode(errors="replace"),
    )
