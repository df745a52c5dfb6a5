"""Book of emergencies: declared, followed on a shared timeline, told to the public, and ended. One transaction each.

Every function works on a Connection; who calls it commits. Each act stands in the audit. `now` is epoch microseconds.

Errors: EmergencyError, which says what was expected.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, select, update
from sqlalchemy.dialects.postgresql import insert

from application.emergency.cap import Certainty, Info, Message, MsgType, Reference, Severity, Urgency, compose
from application.instants import moment
from perception.point import Title
from support import tables

_emergency, _entry, _alert = tables.emergency, tables.emergency_entry, tables.public_alert
LONGEST = 2000
LONGEST_H = 14 * 24


class EmergencyError(Exception):
    """It cannot be done to this emergency; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is declared. Without `communities` they are those of the incident's stations."""

    city: str
    title: Title
    lead: str
    supporting: Sequence[str] = ()
    communities: Sequence[str] = ()
    incident: UUID | None = None


@dataclass(frozen=True, slots=True)
class Telling:
    """What the public is told, and for how many hours it stands."""

    headline: Title
    description: Title
    instruction: Title
    urgency: Urgency = "Immediate"
    severity: Severity = "Severe"
    certainty: Certainty = "Observed"
    hours: float = 24


def declare(on: Connection, told: Declaration, actor: str, now: int) -> int:
    """Declare an emergency and return its number. Raises EmergencyError."""
    _text(told.title)
    _known(on, tables.body.c.code, [told.lead, *told.supporting], "body")
    _known(on, tables.city.c.name, [told.city], "city")
    touched = list(dict.fromkeys(told.communities)) or _touched(on, told.incident)
    if not touched:
        raise EmergencyError("expected the communities that it touches, or an incident that touches some")
    _known(on, tables.community.c.name, touched, "community")
    if told.lead in told.supporting:
        raise EmergencyError(f"{told.lead} leads: expected other bodies in support")
    row = {
        "emergency_id": uuid4(),
        "city": told.city,
        "title_zh": told.title.zh,
        "title_en": told.title.en,
        "lead": told.lead,
        "supporting": list(dict.fromkeys(told.supporting)),
        "communities": touched,
        "incident_id": told.incident,
        "declared_at": moment(now),
        "actor": actor,
    }
    number = int(on.scalar(insert(_emergency).values(row).returning(_emergency.c.number)) or 0)
    words = Title(zh="宣布应急，确定牵头单位与配合单位。", en="Declared; leading and supporting bodies are named.")
    note(on, number, told.lead, words, actor, now, public=True)
    _audit(on, actor, "emergency_declare", number, {"lead": told.lead, "communities": len(touched)})
    return number


def note(on: Connection, number: int, body: str, told: Title, actor: str, now: int, *, public: bool) -> None:
    """Write an entry into the shared timeline; `public`: everybody reads it. Raises EmergencyError."""
    row = _standing(on, number)
    _text(told)
    if body not in {row["lead"], *row["supporting"]}:
        taking_part = ", ".join([row["lead"], *row["supporting"]])
        raise EmergencyError(f"{body} takes no part in emergency {number}: expected one of {taking_part}")
    facts = {"at": moment(now), "body": body, "public": public, "title_zh": told.zh, "title_en": told.en}
    on.execute(insert(_entry).values(emergency_id=row["emergency_id"], actor=actor, **facts))
    _audit(on, actor, "emergency_note", number, {"body": body, "public": public})


def alert(on: Connection, number: int, told: Telling, actor: str, now: int) -> str:
    """Tell the public; the first message is an Alert, each later one an Update. Returns its identifier.

    Raises EmergencyError, CapError.
    """
    row = _standing(on, number)
    for title in (told.headline, told.description):
        _text(title)
    if not 0 < told.hours <= LONGEST_H:
        raise EmergencyError(f"expected an alert that stands for up to {LONGEST_H} hours, got {told.hours}")
    kind: MsgType = "Update" if _sent(on, row) else "Alert"
    return _send(on, row, kind, told, actor, now)


def end(on: Connection, number: int, actor: str, now: int) -> str | None:
    """End an emergency. What the public was told is cancelled, by the message whose identifier is returned."""
    row = _standing(on, number)
    words = Title(zh="应急结束。", en="The emergency is over.")
    note(on, number, row["lead"], words, actor, now, public=True)
    cancelled = None
    if _sent(on, row):
        title = Title(zh=f"解除：{row['title_zh']}", en=f"Over: {row['title_en']}")
        cancelled = _send(
            on,
            row,
            "Cancel",
            Telling(title, words, Title(zh="无须采取措施。", en="Nothing needs to be done.")),
            actor,
            now,
        )
    over = update(_emergency).where(_emergency.c.emergency_id == row["emergency_id"])
    on.execute(over.values(over_at=moment(now)))
    _audit(on, actor, "emergency_end", number, {"cancelled": cancelled})
    return cancelled


def timeline(on: Connection, number: int) -> Sequence[Mapping[str, Any]]:
    """Return the whole timeline of an emergency, oldest first. Raises EmergencyError."""
    row = _found(on, number)
    wanted = select(_entry.c.at, _entry.c.body, _entry.c.public, _entry.c.title_zh, _entry.c.title_en, _entry.c.actor)
    wanted = wanted.where(_entry.c.emergency_id == row["emergency_id"])
    return [dict(r) for r in on.execute(wanted.order_by(_entry.c.emergency_entry_id)).mappings()]


def listed(on: Connection, *, over: bool) -> Sequence[Mapping[str, Any]]:
    """Return emergencies, newest first; `over`: those that have ended as well."""
    wanted = select(*(c for c in _emergency.c if c.name != "emergency_id")).order_by(_emergency.c.number.desc())
    rows = on.execute(wanted if over else wanted.where(_emergency.c.over_at.is_(None))).mappings()
    return [dict(row) for row in rows]


def _send(on: Connection, row: RowMapping, kind: MsgType, told: Telling, actor: str, now: int) -> str:
    city = on.execute(select(tables.city).where(tables.city.c.name == row["city"])).mappings().one()
    lead = on.execute(select(tables.body).where(tables.body.c.code == row["lead"])).mappings().one()
    sent = moment(now).astimezone(ZoneInfo(city["timezone"])).replace(microsecond=0)
    earlier = _sent(on, row)
    sender = f"hearthline.{row['city']}"
    identifier = f"{row['city']}-{row['number']}-{len(earlier) + 1}"
    message = Message(
        identifier=identifier,
        sender=sender,
        sent=sent,
        msg_type=kind,
        references=[Reference(sender, e["identifier"], e["sent"].astimezone(sent.tzinfo)) for e in earlier],
        infos=[_info(on, row, lead, told, language) for language in ("zh", "en")],
        urgency=told.urgency,
        severity=told.severity,
        certainty=told.certainty,
        expires=_later(sent, told.hours),
        exercise=city["simulated"],
    )
    words = {"title_zh": told.headline.zh, "title_en": told.headline.en}
    facts = {"emergency_id": row["emergency_id"], "msg_type": kind, "sent": sent, "xml": compose(message)}
    on.execute(insert(_alert).values(identifier=identifier, actor=actor, **words, **facts))
    _audit(on, actor, "emergency_alert", row["number"], {"identifier": identifier, "kind": kind})
    return identifier


def _info(on: Connection, row: RowMapping, lead: RowMapping, told: Telling, language: str) -> Info:
    name = tables.community.c[f"title_{language}"]
    area = on.scalars(select(name).where(tables.community.c.name.in_(row["communities"])).order_by(name))
    said = {key: getattr(getattr(told, key), language) for key in ("headline", "description", "instruction")}
    return Info(
        language={"zh": "zh-CN", "en": "en-GB"}[language],
        event=row[f"title_{language}"],
        sender_name=lead[f"title_{language}"],
        area={"zh": "、", "en": "; "}[language].join(area),
        **said,
    )


def _later(when: datetime, hours: float) -> datetime:
    return when + timedelta(hours=hours)


def _sent(on: Connection, row: RowMapping) -> Sequence[RowMapping]:
    wanted = select(_alert.c.identifier, _alert.c.sent).where(_alert.c.emergency_id == row["emergency_id"])
    return on.execute(wanted.order_by(_alert.c.sent, _alert.c.recorded_at)).mappings().all()


def _found(on: Connection, number: int) -> RowMapping:
    row = on.execute(select(_emergency).where(_emergency.c.number == number).with_for_update()).mappings().first()
    if row is None:
        raise EmergencyError(f"there is no emergency {number}: hearthline emergency list names them")
    return row


def _standing(on: Connection, number: int) -> RowMapping:
    row = _found(on, number)
    if row["over_at"] is not None:
        raise EmergencyError(f"emergency {number} is over since {row['over_at']:%Y-%m-%d %H:%M} UTC: declare another")
    return row


def _touched(on: Connection, incident: UUID | None) -> list[str]:
    if incident is None:
        return []
    stations = on.scalar(select(tables.incident.c.stations).where(tables.incident.c.incident_id == incident))
    if stations is None:
        raise EmergencyError(f"there is no incident {incident}")
    name = tables.community.c.name
    return list(on.scalars(select(name).where(tables.community.c.station.in_(stations)).order_by(name)))


def _known(on: Connection, column: Any, names: Sequence[str], what: str) -> None:
    strange = sorted({*names} - {*on.scalars(select(column).where(column.in_(names)))})
    if strange:
        raise EmergencyError(f"there is no {what} {', '.join(strange)}")


def _text(title: Title) -> None:
    if not all(0 < len(words.strip()) <= LONGEST for words in (title.zh, title.en)):
        raise EmergencyError(f"expected words in Chinese and in English, up to {LONGEST} characters each")


def _audit(on: Connection, actor: str, action: str, number: int, detail: Mapping[str, object]) -> None:
    entry = {"actor": actor, "action": action, "subject": f"emergency:{number}", "detail": dict(detail)}
    on.execute(insert(tables.audit).values(entry))
