"""Homes: whether those of a community are warm, who is at work for it, and what is given back, in words and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from application.public import CommunityNow, History, PublicViews
from application.service.rules import LEAST_ROOMS, ServiceRule, refund, rule_on
from presentation.portal.chart import day_ticks, patience, trend
from presentation.portal.wording import day as said_day
from presentation.texts import Texts

DAYS_SHOWN = 14
LEAST_POINTS = 2
EXAMPLE_M2 = 80
"""The home of the example: square metres of heated area."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Homes:
    """Whether homes are warm: `mood` is None where nothing can be concluded from sampled rooms."""

    mood: str | None
    headline: str | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Worker:
    """Who is at work, in sentences."""

    title: str
    sentences: Sequence[str]


def homes(rows: Sequence[Row], rules: Sequence[ServiceRule], now: CommunityNow, t: Texts) -> Homes:
    """Say whether the homes of a community are warm. `rows` of the published rooms: one or none."""
    rule = rule_on(rules, _today(now))
    if not rows or not rows[0]["rooms"]:
        return Homes(None, None, t.say("How warm the homes are is not known: no room reports its temperature now."))
    told = rows[0]
    if told["median_c"] is None or rule is None:
        few = t.count("Only {n} room has a sensor", "Only {n} rooms have a sensor", told["rooms"])
        least = t.number(LEAST_ROOMS)
        why = t.say("too few to speak for the homes: of fewer than {least} nothing is shown.", least=least)
        return Homes(None, None, t.say("{few}; {why}", few=few, why=why))
    warm = told["median_c"] >= rule.target_c
    sentence = t.say(
        "Half of {n} rooms with a sensor are at {median} °C or more; they range from {low} to {high} °C, to half a"
        " degree. By the rules it has to be {target} °C.",
        n=t.number(told["rooms"]),
        median=t.number(told["median_c"], 1),
        low=t.number(told["low_c"], 1),
        high=t.number(told["high_c"], 1),
        target=t.number(rule.target_c),
    )
    headline = t.say("Yes, homes are warm") if warm else t.say("No, homes are too cold")
    return Homes("warm" if warm else "cold", headline, sentence)


def workers(rows: Sequence[Row], bodies: Sequence[Row], now: CommunityNow, t: Texts) -> list[Worker]:
    """Say who is at work for a community, since when, until when, and how often such promises were kept."""
    return [_worker(row, {b["code"]: b for b in bodies}, now, t) for row in sorted(rows, key=lambda r: r["due"])]


def _worker(row: Row, bodies: Mapping[str, Row], now: CommunityNow, t: Texts) -> Worker:
    body, since, due = _named(row, "body", t), _ms(row["since"]), _ms(row["due"])
    match row["step"]:
        case "under_way":
            step = t.say("{body} is at work on it.", body=body)
        case "done":
            step = t.say("{body} says that it is mended; the readings have still to show it.", body=body)
        case _:
            step = t.say("{body} has been told and has not begun yet.", body=body)
    known = t.say("We have known of it since {when}.", when=said_day(since, now, t))
    if due < now.at:
        promise = t.say("It should have been mended by {when}: it is overdue.", when=said_day(due, now, t))
    else:
        promise = t.say("It has to be mended by {when}.", when=said_day(due, now, t))
    return Worker(_named(row, "duty", t), [step, known, promise, kept(bodies.get(row["body"]), t)])


def kept(body: Row | None, t: Texts) -> str:
    """Say how often a body kept what it promised."""
    if body is None or not body["finished"]:
        return t.say("It has finished no such work in the last 90 days, so there is no record of promises kept.")
    return t.count(
        "In the last 90 days it kept {m} of {n} such promise.",
        "In the last 90 days it kept {m} of {n} such promises.",
        body["finished"],
        m=t.number(body["in_time"]),
    )


@dataclass(frozen=True, slots=True)
class DayRow:
    """A day of service as a page shows it."""

    label: str
    median: str
    lacking: str
    percent: str
    amount: str
    basis: str


def service_days(rows: Sequence[Row], t: Texts) -> list[DayRow]:
    """Return the newest days of service, newest first."""
    return [_day_row(row, t) for row in sorted(rows, key=lambda r: r["day"], reverse=True)[:DAYS_SHOWN]]


def _day_row(row: Row, t: Texts) -> DayRow:
    basis = {"sensors": t.say("room sensors"), "measurement": t.say("measured on site"), "none": ""}
    return DayRow(
        label=_date(row["day"], t),
        median=t.number(row["median_c"], 1),
        lacking=t.number(row["degree_hours"], 1),
        percent=t.say("{share} %", share=t.number(row["refund_percent"])),
        amount=t.number(row["refund_yuan_m2"], 4),
        basis=basis[row["basis"]],
    )


def calculation(rows: Sequence[Row], rules: Sequence[ServiceRule], t: Texts) -> list[str]:
    """Return the calculation of the newest refund, step by step, with a home as an example; empty without one."""
    due = max((r for r in rows if r["refund_percent"]), key=lambda r: r["day"], default=None)
    rule = None if due is None else rule_on(rules, due["day"])
    if due is None or rule is None:
        return []
    step = next(s for s in sorted(rule.steps, key=lambda s: s.below_c) if s.percent == due["refund_percent"])
    told = refund(rule, due["day"], step.below_c - 0.05)
    return [
        t.say(
            "Fee of the season: {fee} yuan per square metre. Days of the season: {days}.",
            fee=t.number(rule.yuan_m2, 2),
            days=t.number(told.season_days),
        ),
        t.say(
            "Fee of a day: {fee} ÷ {days} = {daily} yuan per square metre.",
            fee=t.number(rule.yuan_m2, 2),
            days=t.number(told.season_days),
            daily=t.number(told.daily_yuan_m2, 4),
        ),
        t.say(
            "{day}: below {limit} °C, so {percent} % is given back: {daily} × {percent} % = {amount} yuan per square"
            " metre.",
            day=_date(due["day"], t),
            limit=t.number(step.below_c),
            percent=t.number(told.percent),
            daily=t.number(told.daily_yuan_m2, 4),
            amount=t.number(told.yuan_m2, 4),
        ),
        t.say(
            "For a home of {area} square metres: {area} × {amount} = {total} yuan for that day.",
            area=t.number(EXAMPLE_M2),
            amount=t.number(told.yuan_m2, 4),
            total=t.number(EXAMPLE_M2 * told.yuan_m2, 2),
        ),
    ]


def rules_told(rule: ServiceRule, t: Texts) -> list[str]:
    """Return the rules in force in plain words."""
    steps = sorted(rule.steps, key=lambda s: -s.below_c)
    return [
        t.say("In season every room has to be at least {target} °C, day and night.", target=t.number(rule.target_c)),
        *(
            t.say("Below {limit} °C: {percent} % of the day's fee.", limit=t.number(s.below_c), percent=s.percent)
            for s in steps
        ),
        t.say(
            "After your notice: measured on site within {measure} hours, better within {improve}; if it is not within"
            " {refund} hours, you are owed the refund from the day of your notice on.",
            measure=t.number(rule.measure_h),
            improve=t.number(rule.improve_h),
            refund=t.number(rule.refund_after_h),
        ),
        t.say("Ground: {ground}.", ground=t.title(rule.ground)),
    ]


def home_context(views: PublicViews, now: CommunityNow, rules: Sequence[ServiceRule], t: Texts) -> dict[str, object]:
    """Return what the page of a community shows beyond its water: homes, work, refunds, the week."""
    name, zone = now.community.name, now.community.city.timezone
    days = views.table("service_day", community=name)
    work = views.table("work", community=name)
    week = views.week(name)
    rule = rule_on(rules, _today(now))
    return {
        "homes": homes(views.table("rooms", community=name), rules, now, t),
        "workers": workers(work, views.table("body"), now, t),
        "days": service_days(days, t),
        "calculation": calculation(days, rules, t),
        "rules": rules_told(rule, t) if rule else [],
        "week": _week_chart(week, zone, t, patience(now.water.interval_s if now.water else None)),
    }


def _week_chart(week: History, zone: str, t: Texts, patient: int) -> object:
    known = [v for v in week.supply if v is not None]
    if len(known) < LEAST_POINTS:
        return None
    told = t.say(
        "In the last seven days the supplied water was between {low} and {high} °C by the hour.",
        low=t.number(min(known), 1),
        high=t.number(max(known), 1),
    )
    return trend(week, zone, t, told, patient, ticks=day_ticks(week.at, zone, t), name="week")


def _named(row: Row, stem: str, t: Texts) -> str:
    return str(row[f"{stem}_{t.language}"])


def _ms(when: datetime) -> int:
    return round(when.timestamp() * 1000)


def _today(now: CommunityNow) -> date:
    return datetime.fromtimestamp(now.at / 1000, ZoneInfo(now.community.city.timezone)).date()


def _date(day: date, t: Texts) -> str:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return t.moment(_ms(noon), "UTC", t.say("d MMMM"))
