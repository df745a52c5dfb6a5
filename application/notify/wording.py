"""Wording: what a notice says, in the two languages, and as an event for machines: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from application.instants import moment
from application.notify.facts import Cold, Fact, Facts
from application.notify.matter import BACK, CLEARED, ESCALATION, MORE
from perception.point import Point, Title

Language = Literal["zh", "en"]
_MOST_ALARMS, _MOST_EVIDENCE = 12, 6
_UNITS = MappingProxyType(
    {"_mpa_h": " MPa/h", "_m3_h": " m³/h", "_pct": " %", "_mpa": " MPa", "_kpa": " kPa", "_hz": " Hz", "_k": " K",
     "_c": " °C", "_a": " A", "_v": " V", "_s": " s"}
)  # fmt: skip
"""Units that rules put at the end of a name of evidence, the longer ones first."""
_CODES = MappingProxyType({"1": "", "Cel": "°C", "m3": "m³", "m3/h": "m³/h", "kW.h": "kWh"})
LIMITS = ("limit", "low", "high")
"""Evidence of these names comes after what was measured."""
EVIDENCE: Mapping[str, Title] = MappingProxyType(
    {
        "value": Title(zh="数值", en="value"),
        "limit": Title(zh="限值", en="limit"),
        "low": Title(zh="下限", en="low"),
        "high": Title(zh="上限", en="high"),
        "silent": Title(zh="无数据时长", en="silent"),
        "before": Title(zh="此前", en="before"),
        "residual": Title(zh="不平衡", en="residual"),
        "rise": Title(zh="上升", en="rise"),
        "speed": Title(zh="转速", en="speed"),
        "current": Title(zh="电流", en="current"),
        "fault_contact": Title(zh="故障触点", en="fault contact"),
        "reversals": Title(zh="每小时反向次数", en="reversals"),
    }
)
"""What numbers are called that are no point; others go by their own name."""
_WORDS: Mapping[str, Title] = MappingProxyType(
    {
        "more": Title(zh="新增报警", en="Also"),
        "back": Title(zh="搁置到期", en="No longer shelved"),
        "escalation": Title(zh="无人确认，升级", en="Not acknowledged"),
        "cleared": Title(zh="已恢复", en="Over"),
        "homes": Title(zh="影响 {} 户", en="{} homes"),
        "stations": Title(zh="{} 座换热站", en="{} stations"),
        "since": Title(zh="自 {} 起", en="since {}"),
        "priority": Title(zh="优先级 {}", en="Priority {}"),
        "where": Title(zh="位置", en="Where"),
        "start": Title(zh="开始", en="Since"),
        "touched": Title(zh="影响户数", en="Homes affected"),
        "drill": Title(zh="演练", en="Drill"),
        "drill text": Title(zh="这是演练，无需出动。", en="This is a drill: nobody has to go."),
        "cold": Title(zh="室温降至18 °C", en="Rooms at 18 °C in"),
        "range": Title(zh="{} 小时（{} 至 {} 小时）", en="{} h ({} to {} h)"),
        "no end": Title(zh="{} 小时（至少 {} 小时）", en="{} h ({} h or more)"),
        "unknown": Title(zh="不能判定", en="cannot tell"),
        "evidence": Title(zh="依据", en="Evidence"),
        "alarms": Title(zh="报警", en="Alarms"),
        "others": Title(zh="其余 {} 项", en="and {} more"),
        "page": Title(zh="控制台", en="Console"),
        "answer": Title(
            zh="确认方式：在控制台上确认，或执行 hearthline alarms ack {}",
            en="To acknowledge: on the console, or with hearthline alarms ack {}",
        ),
        "number": Title(zh="事件编号", en="Incident"),
        "digest": Title(zh="{} 条通知汇总", en="Digest of {} notices"),
        "digest of": Title(zh="优先级 {}：{} 条", en="priority {}: {}"),
        "test": Title(zh="Hearthline 测试通知", en="Hearthline test notice"),
        "test text": Title(
            zh="这是一条测试通知，无需处理。收到它说明此收件人可以被通知到。",
            en="This is a test; nothing needs to be done. That it arrived means that this recipient can be told.",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a notice says: the line that heads it, the whole text, and the same for machines."""

    subject: str
    text: str
    event: Mapping[str, object]


def say(word: str, language: Language, *values: object) -> str:
    """Return one of the words above, with these values in it."""
    return in_(_WORDS[word], language).format(*values)


def in_(text: Title, language: Language) -> str:
    """Return a text in a language."""
    return text.zh if language == "zh" else text.en


def content(stage: str, told: Facts, language: Language, points: Mapping[str, Point], url: str | None) -> Content:
    """Return what a notice of a stage says. `url`: where the console is reached; None: no link is given."""
    link = None if url is None else f"{url.rstrip('/')}/{language}/incidents/{told.incident_id}"
    subject = headline(stage, told, language)
    return Content(subject, _text(stage, subject, told, language, points, link), _event(stage, told, link))


def headline(stage: str, told: Facts, language: Language) -> str:
    """Return the line that says it all: how urgent, where, what, since when and whom it touches."""
    worst = told.worst
    parts = [
        f"[P{worst.priority}] {_mark(stage, told, language)}{in_(told.place, language)}: {_what(worst, language)}",
        *([say("stations", language, told.count)] if told.area else []),
        say("since", language, clock(worst.opened, told.zone)),
        *([say("homes", language, told.homes)] if told.homes else []),
    ]
    # No sign beyond ASCII of our own: a header that is plain English stays readable in the rawest mail.
    return ("，" if language == "zh" else ", ").join(parts)


def clock(at: int, zone: str) -> str:
    """Return an instant (epoch microseconds) by the clock of a city: `2026-01-20 06:05 +08:00`."""
    local = moment(at).astimezone(ZoneInfo(zone))
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%d %H:%M} {offset[:3]}:{offset[3:]}"


def kind_of(stage: str) -> str:
    """Return what sort of notice a stage is: without numbers."""
    head = stage.partition(":")[0]
    return ESCALATION if head.startswith(ESCALATION) else head


def _mark(stage: str, told: Facts, language: Language) -> str:
    kind = kind_of(stage)
    colon = "：" if language == "zh" else ": "
    words = [*(["drill"] if told.drill else []), *([kind] if kind in {MORE, BACK, ESCALATION, CLEARED} else [])]
    return "".join(f"{say(word, language)}{colon}" for word in words)


def _what(fact: Fact, language: Language) -> str:
    element = "" if fact.element is None else f" ({in_(fact.element.title, language)})"
    return f"{in_(fact.title, language)}{element}"


def _text(
    stage: str, subject: str, told: Facts, language: Language, points: Mapping[str, Point], link: str | None
) -> str:
    worst, colon = told.worst, "：" if language == "zh" else ": "
    over = kind_of(stage) == CLEARED
    homes = say("unknown", language) if told.homes is None else str(told.homes)
    lines = [
        subject,
        "",
        *([say("drill text", language), ""] if told.drill else []),
        f"{say('where', language)}{colon}{_where(told, language)}",
        f"{say('start', language)}{colon}{clock(worst.opened, told.zone)}",
        f"{say('touched', language)}{colon}{homes}",
        *([f"{say('cold', language)}{colon}{_range(told.cold, language)}"] if told.cold and not over else []),
        f"{say('evidence', language)}{colon}{evidence(worst, language, points)}",
    ]
    if worst.advice is not None and not over:
        lines += ["", in_(worst.advice, language)]
    if len(told.alarms) > 1:
        lines += ["", f"{say('alarms', language)}{colon}", *_listed(told, language)]
    if not over:
        lines += ["", say("answer", language, " ".join(str(a.alarm_id)[:8] for a in told.alarms[:_MOST_ALARMS]))]
    if link is not None:
        lines.append(f"{say('page', language)}{colon}{link}")
    lines.append(f"{say('number', language)}{colon}{str(told.incident_id)[:8]}")
    return "\n".join(lines)


def _range(cold: Cold, language: Language) -> str:
    known = (cold.hours, cold.low, *([] if cold.high is None else [cold.high]))
    told = [f"{hours:.0f}" if hours >= 10 else f"{hours:.1f}" for hours in known]
    return say("range" if cold.high is not None else "no end", language, *told)


def _where(told: Facts, language: Language) -> str:
    if not told.area:
        return f"{in_(told.place, language)} ({told.scope.partition(':')[2]})"
    names = [in_(text, language) for _, text in told.stations]
    more = [say("others", language, told.count - len(names))] if told.count > len(names) else []
    return f"{in_(told.place, language)}: {', '.join([*names, *more])}"


def _listed(told: Facts, language: Language) -> list[str]:
    drill = ("，" if language == "zh" else ", ") + say("drill", language).lower()
    lines = [
        f"- P{a.priority} {_what(a, language)}, {a.station}, {clock(a.opened, told.zone)}{drill if a.drill else ''}"
        for a in told.alarms
    ]
    left = len(lines) - _MOST_ALARMS
    return lines if left <= 0 else [*lines[:_MOST_ALARMS], f"- {say('others', language, left)}"]


def evidence(fact: Fact, language: Language, points: Mapping[str, Point]) -> str:
    """Return the numbers that speak for an alarm, with names and units, limits last; "cannot tell" without any."""
    known = [(name, value) for name, value in fact.evidence.items() if value is not None]
    shown = sorted(known, key=lambda pair: _plain(pair[0])[0] in LIMITS)[:_MOST_EVIDENCE]
    told = [_number(name, value, language, points.get(name), fact.element) for name, value in shown]
    return ("，" if language == "zh" else ", ").join(told) or say("unknown", language)


def _number(name: str, value: float, language: Language, point: Point | None, element: Point | None) -> str:
    if point is not None:
        return f"{in_(point.title, language)} {_measured(value, point)}"
    plain, unit = _plain(name)
    words = EVIDENCE[plain].zh if language == "zh" and plain in EVIDENCE else plain.replace("_", " ")
    if unit is None and element is not None and plain in {"value", *LIMITS}:
        return f"{words} {_measured(value, element)}"
    return f"{words} {value:.4g}{unit or ''}"


def _measured(value: float, point: Point) -> str:
    return f"{value:.{point.decimals}f} {_CODES.get(point.unit, point.unit)}".rstrip()


def _plain(name: str) -> tuple[str, str | None]:
    """Return the name of a piece of evidence without the unit that it ends with, and the unit, if it has one."""
    suffix = next((suffix for suffix in _UNITS if name.endswith(suffix)), None)
    return (name, None) if suffix is None else (name.removesuffix(suffix), _UNITS[suffix])


def _event(stage: str, told: Facts, link: str | None) -> Mapping[str, object]:
    """Return what machines are told: the same in every language, times in ISO 8601."""
    return {
        "stage": kind_of(stage),
        "incident": str(told.incident_id),
        "priority": told.worst.priority,
        "city": told.city,
        "scope": told.scope,
        "place": told.place.model_dump(),
        "stations": [name for name, _ in told.stations],
        "stations_count": told.count,
        "homes": told.homes,
        "hours_to_18": None if told.cold is None else asdict(told.cold),
        "drill": told.drill,
        "since": moment(told.worst.opened).isoformat(),
        "cause": told.worst.rule,
        "title": told.worst.title.model_dump(),
        "advice": None if told.worst.advice is None else told.worst.advice.model_dump(),
        "alarms": [_told(alarm) for alarm in told.alarms[:_MOST_ALARMS]],
        "alarms_count": len(told.alarms),
        "link": link,
    }


def _told(alarm: Fact) -> Mapping[str, object]:
    return {
        "alarm": str(alarm.alarm_id),
        "rule": alarm.rule,
        "priority": alarm.priority,
        "station": alarm.station,
        "device": alarm.device,
        "opened_at": moment(alarm.opened).isoformat(),
        "drill": alarm.drill,
        "evidence": dict(alarm.evidence),
    }


def digest(subjects: Sequence[tuple[int, str]], language: Language, url: str | None, most: int = 50) -> Content:
    """Return one notice in place of many: how many of each priority, then (priority, headline) with the worst first."""
    ordered = sorted(subjects, key=lambda pair: pair[0])
    counts = {p: sum(priority == p for priority, _ in ordered) for p in (1, 2, 3)}
    colon, comma = ("：", "，") if language == "zh" else (": ", ", ")
    told = comma.join(say("digest of", language, p, n) for p, n in counts.items() if n)
    subject = f"[P{ordered[0][0]}] {say('digest', language, len(ordered))} ({told})"
    lines = [subject, "", *(f"- {line}" for _, line in ordered[:most])]
    if len(ordered) > most:
        lines.append(f"- {say('others', language, len(ordered) - most)}")
    if url is not None:
        lines += ["", f"{say('page', language)}{colon}{url.rstrip('/')}/{language}"]
    event = {"stage": "digest", "priority": ordered[0][0], "counts": {str(p): n for p, n in counts.items()}}
    return Content(subject, "\n".join(lines), {**event, "notices": [line for _, line in ordered[:most]]})


def test_content(language: Language) -> Content:
    """Return what a test says."""
    return Content(say("test", language), say("test text", language), {"stage": "test", "priority": 3})


def message_event(event: Mapping[str, object], message_id: UUID, kind: str, at: str) -> Mapping[str, object]:
    """Return an event as CloudEvents 1.0 has it (structured JSON). `at`: when it was queued, ISO 8601."""
    city = event.get("city") or "all"
    subject = {"subject": str(event["scope"])} if "scope" in event else {}
    return {
        "specversion": "1.0",
        "id": str(message_id),
        "source": f"/hearthline/{city}",
        "type": f"hearthline.notification.{kind}.v1",
        **subject,
        "time": at,
        "datacontenttype": "application/json",
        "data": event,
    }
