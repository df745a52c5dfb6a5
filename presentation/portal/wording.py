"""Wording: the answer in plain words, for people who know nothing of heat networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from application.answer import Answer, Category, Limits, Notice, Verdict, Why
from application.public import CommunityNow, History
from presentation.texts import Texts


@dataclass(frozen=True, slots=True)
class Words:
    """What a page says of one community: the answer, its ground, and paragraphs on what it means and what follows."""

    headline: str
    because: str
    means: Sequence[str]
    follows: Sequence[str]


def short(verdict: Verdict, t: Texts) -> str:
    """Return the verdict in one or two words."""
    match verdict:
        case Verdict.NORMAL:
            return t.say("Normal")
        case Verdict.BELOW_TARGET:
            return t.say("Below target")
        case Verdict.DISTURBED:
            return t.say("Fault reported")
        case Verdict.CANNOT_TELL:
            return t.say("Cannot tell")


def headline(verdict: Verdict, t: Texts) -> str:
    """Return the answer to the question of the page."""
    match verdict:
        case Verdict.NORMAL:
            return t.say("Yes, it is normal")
        case Verdict.BELOW_TARGET:
            return t.say("No, it is below target")
        case Verdict.DISTURBED:
            return t.say("It is warm, but a fault is reported")
        case Verdict.CANNOT_TELL:
            return t.say("We cannot tell right now")


def words(now: CommunityNow, found: Answer, limits: Limits, t: Texts) -> Words:
    """Put an answer into words."""
    return Words(
        headline=headline(found.verdict, t),
        because=_because(now, found, t),
        means=_means(found.verdict, limits, t),
        follows=[*(_reported(n, now, t) for n in now.notices), *_follows(found.verdict, now, t)],
    )


def near_words(limits: Limits, t: Texts) -> str:
    """Return how far below its target water still counts as normal, in kelvin."""
    return t.number(limits.near_target_k, 0 if float(limits.near_target_k).is_integer() else 1)


def day(ms: int | None, now: CommunityNow, t: Texts) -> str:
    """Return date and time of day by the city's clock."""
    return t.moment(ms, now.community.city.timezone, t.say("d MMMM, HH:mm"))


def _because(now: CommunityNow, found: Answer, t: Texts) -> str:
    match found.why:
        case Why.ON_TARGET:
            text = t.say("The water that heats your community is as warm as it should be.")
        case Why.ABOVE_TARGET:
            text = t.say("The water that heats your community is warmer than its target.")
        case Why.TOO_COOL:
            text = t.say("The water that heats your community is cooler than it should be.")
        case Why.PRESSURE:
            text = t.say("The water is warm enough, but its pressure is not right.")
        case _:
            text = _cannot_because(now, found.why, t)
    return text


def _cannot_because(now: CommunityNow, why: Why, t: Texts) -> str:
    if why is Why.NO_TARGET:
        return t.say("The temperature is known, but its target is not.")
    if now.water is None:
        return t.say("Nothing has been heard from this station for seven days.")
    if why is Why.TOO_OLD:
        when = day(now.water.read_at, now, t)
        return t.say("The last reading is from {when}. That is too old to judge by.", when=when)
    when = day(now.water.heard_at, now, t)
    return t.say("Last heard on {when}, but the temperature of the water is missing or not reliable.", when=when)


def _means(verdict: Verdict, limits: Limits, t: Texts) -> Sequence[str]:
    near = near_words(limits, t)
    rooms = t.say(
        "This is the temperature of the water that leaves the heat-exchange station for your buildings."
        " It is not the temperature of your rooms."
    )
    match verdict:
        case Verdict.NORMAL:
            ground = t.say("Normal means: the water is no more than {near} °C cooler than its target.", near=near)
        case Verdict.BELOW_TARGET:
            ground = t.say(
                "Below target means: the water is more than {near} °C cooler than its target. Short dips happen,"
                " for example where a station lowers its temperature at night. If it lasts, rooms get cooler.",
                near=near,
            )
        case Verdict.DISTURBED:
            ground = t.say(
                "When the pressure is too low, the water may not reach the top floors. Radiators there can turn cold"
                " or gurgle, although the water at the station is warm."
            )
        case Verdict.CANNOT_TELL:
            ground = t.say("It does not mean that your heating is off. It means only that we do not know.")
    return [ground, rooms]


def _reported(notice: Notice, now: CommunityNow, t: Texts) -> str:
    when = day(notice.since, now, t)
    match notice.category:
        case Category.TEMPERATURE:
            what = t.say("Since {when} the temperature has been away from its target.", when=when)
        case Category.PRESSURE:
            what = t.say("Since {when} the water pressure has been too low.", when=when)
        case Category.MEASUREMENT:
            what = t.say("Since {when} a sensor of the station has not been reliable.", when=when)
        case Category.SILENCE:
            what = t.say("Since {when} the station has sent no readings.", when=when)
    if notice.confirmed:
        who = t.say("The control room was alerted automatically, and a person there has confirmed it.")
    else:
        who = t.say("The control room was alerted automatically; nobody there has confirmed it yet.")
    return t.say("{first} {second}", first=what, second=who)


def _follows(verdict: Verdict, now: CommunityNow, t: Texts) -> Sequence[str]:
    cold = t.say("If your rooms are cold, tell your property manager or your heating company.")
    match verdict:
        case Verdict.NORMAL:
            return [
                t.say("There is nothing that you need to do."),
                t.say(
                    "If your rooms are cold although the water is warm, the cause is probably in the building or in"
                    " your radiators: tell your property manager or your heating company."
                ),
            ]
        case Verdict.BELOW_TARGET | Verdict.CANNOT_TELL if not now.notices:
            return [t.say("If it stays like this, the control room is alerted automatically."), cold]
        case _:
            return [cold]


def endpoint_words(t: Texts) -> Mapping[str, str]:
    """Say of each address of the API what it gives."""
    one = "/api/v1/communities/{name}"
    return {
        "/api/v1/cities": t.say("Cities, with time zone, season and attribution"),
        "/api/v1/communities": t.say("Communities as they are now, by name, district or city"),
        one: t.say("One community as it is now"),
        f"{one}/history": t.say("Its last hours in steps of ten minutes"),
        f"{one}/history.csv": t.say("The same as CSV"),
        "/api/v1/availability": t.say("How complete the data of each city are"),
    }


def summary(history: History, zone: str, t: Texts) -> str:
    """Say a history in one sentence: what a chart shows, for those who do not see it."""
    known = [v for v in history.supply if v is not None]
    if not known:
        return t.say("There are no readings of the last 24 hours.")
    return t.say(
        "From {start} to {end} the supplied water was between {low} and {high} °C; at the end {last} °C.",
        start=t.moment(history.at[0], zone, t.say("d MMMM, HH:mm")),
        end=t.moment(history.at[-1], zone, t.say("d MMMM, HH:mm")),
        low=t.number(min(known), 1),
        high=t.number(max(known), 1),
        last=t.number(known[-1], 1),
    )
