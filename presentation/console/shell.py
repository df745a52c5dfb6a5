"""Shell: what every page of the console has around it: head, banners, scripts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from application.read_models import CityCard
from perception.sensor_kind import SensorKind
from presentation import ids
from presentation.components.value import switch_words
from presentation.markup import Child, el, fragment
from presentation.texts import LANGUAGES, Texts, native_name, texts_for

_DOCTYPE = Markup("<!doctype html>")


@dataclass(frozen=True, slots=True)
class Frame:
    """What the shell needs to know of the page it surrounds. `path` is the page's, without the language.

    `asset` maps a file of assets to its URL; `scripts` end the body. `city` None: no live feed. `place` says which of
    the pages in the head is open; `city_path` is where the links of cities lead.
    """

    path: str
    city: CityCard | None
    cities: Sequence[CityCard]
    kinds: Mapping[str, SensorKind]
    asset: Mapping[str, str]
    scripts: Markup | None = None
    place: str = "overview"
    city_path: str = "/cities/{city}"


def page(frame: Frame, t: Texts, title: str, *main: Child, class_: str) -> str:
    """Return a whole page."""
    feed = {} if frame.city is None else _feed(frame.city)
    body = el(
        "body",
        el("a", t.say("Skip to content"), href=f"#{ids.MAIN}", class_="skip"),
        el("header", _head_bar(frame, t), _banners(frame.city, t)),
        el("main", *main, id=ids.MAIN, tabindex="-1", class_=class_),
        el("div", id="announce", class_="unseen", role="status", aria_live="polite"),
        _config(frame, t),
        el("script", src=frame.asset["session.js"], defer=True),
        el("script", src=frame.asset["live.js"], defer=True),
        frame.scripts,
        **feed,
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{title} · Hearthline"),
        el("link", rel="icon", type="image/svg+xml", href=frame.asset["icon.svg"]),
        el("link", rel="stylesheet", href=frame.asset["console.css"]),
        el("link", rel="stylesheet", href=frame.asset["alarms.css"]),
        [_alternate(frame.path, language) for language in LANGUAGES],
    )
    return str(_DOCTYPE + el("html", head, body, lang=t.tag))


def overview_path(city: str) -> str:
    """Return the path of a city's overview, without the language."""
    return f"/cities/{city}"


def _feed(city: CityCard) -> dict[str, str]:
    return {
        "data_live": f"/live?city={city.name}",
        "data_snapshot": f"/api/v1/cities/{city.name}/snapshot",
        "data_zone": city.timezone,
    }


def _alternate(path: str, language: str) -> Markup:
    return el("link", rel="alternate", hreflang=language, href=f"/{language}{path}")


def _head_bar(frame: Frame, t: Texts) -> Markup:
    home = f"/{t.language}" if frame.city is None else f"/{t.language}{overview_path(frame.city.name)}"
    return el(
        "div",
        el(
            "a",
            el("img", src=frame.asset["icon.svg"], alt="", width=22, height=22),
            "Hearthline",
            href=home,
            class_="brand",
        ),
        _cities(frame, t),
        _pages(frame, t),
        _live_state(frame.city, t),
        _who(t),
        el(
            "nav",
            [_language(frame.path, t, other) for other in LANGUAGES],
            aria_label=t.say("Language"),
            class_="languages",
        ),
        class_="head",
    )


def _cities(frame: Frame, t: Texts) -> Markup:
    here = frame.city.name if frame.city is not None else None
    links = [
        el(
            "a",
            t.title(city.title),
            href=f"/{t.language}{frame.city_path.format(city=city.name)}",
            aria_current="true" if city.name == here else None,
        )
        for city in frame.cities
    ]
    return el("nav", links, aria_label=t.say("City"), class_="cities")


def _pages(frame: Frame, t: Texts) -> Markup | None:
    """Return the links to the pages of the city."""
    if frame.city is None:
        return None
    city = frame.city.name
    pages = {
        "overview": (t.say("Overview"), overview_path(city)),
        "alarms": (t.say("Alarms"), f"/alarms?city={city}"),
        "work": (t.say("Work orders"), f"/work-orders?city={city}"),
        "numbers": (t.say("KPIs"), f"/kpis?city={city}"),
        "incidents": (t.say("Incidents"), f"/incidents?city={city}"),
        "explore": (t.say("Explore"), f"/explore?city={city}"),
    }
    links = [
        el("a", text, href=f"/{t.language}{path}", aria_current="page" if name == frame.place else None)
        for name, (text, path) in pages.items()
    ]
    return el("nav", links, aria_label=t.say("Pages"), class_="pages")


def _who(t: Texts) -> Markup:
    """Return who is signed in, as session.js fills it in: pages are the same for all readers."""
    return el(
        "div",
        el("span", t.say("read only"), id="who"),
        el("button", t.say("Sign out"), id="sign-out", type="button", hidden=True),
        class_="who",
    )


def _language(path: str, t: Texts, other: str) -> Markup | None:
    texts = texts_for("zh" if other == "zh" else "en")
    here = "true" if texts.language == t.language else None
    return el(
        "a", native_name(texts.language), href=f"/{other}{path}", lang=texts.tag, hreflang=texts.tag, aria_current=here
    )


def _live_state(city: CityCard | None, t: Texts) -> Markup | None:
    if city is None:
        return None
    return el(
        "div",
        el("span", el("span", class_="dot"), el("span", t.say("connecting"), id="link-state"), class_="link-state"),
        el("span", t.say("newest reading"), " ", el("b", "—", data_newest=True), class_="newest"),
        el("time", id="clock", title=t.say("Time in the city: {zone}", zone=city.timezone)),
        el("button", t.say("Pause"), id="pause", type="button", aria_pressed="false"),
        class_="live-state",
    )


def _banners(city: CityCard | None, t: Texts) -> Markup:
    lost = el(
        "p",
        t.say("No live connection. Values stand still and are tried again."),
        id="lost",
        class_="banner lost",
        hidden=True,
    )
    if city is None:
        return fragment()
    return fragment(lost, _season(city, t), _attribution(city))


def _season(city: CityCard, t: Texts) -> Markup | None:
    if not city.simulated:
        return None
    season = f" {t.title(city.season)}" if city.season is not None else ""
    return el("p", el("strong", t.say("Simulated city.")), season, class_="banner season")


def _attribution(city: CityCard) -> Markup | None:
    return el("p", city.attribution, class_="banner source") if city.attribution else None


def _config(frame: Frame, t: Texts) -> Markup:
    """Return what live.js needs to know, as data. `<` is escaped so that no text can end the element."""
    told = {"kinds": {name: _kind(kind, t) for name, kind in frame.kinds.items()}, "words": _words(t), "lang": t.tag}
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return el("script", Markup(text), type="application/json", id=ids.PAGE_CONFIG)  # noqa: S704 - escaped above


def _kind(kind: SensorKind, t: Texts) -> dict[str, list[object]]:
    """Return by point: its bit, its hold in seconds beside the device's, its decimals, its words if it is a switch."""
    return {
        p.name: [bit, 2700 if p.event else 3 * (p.interval_s or 0), p.decimals, *switch_words(p, t)]
        for bit, p in enumerate(kind.points)
    }


def _words(t: Texts) -> dict[str, str]:
    return {
        "live": t.say("live"),
        "paused": t.say("paused"),
        "polling": t.say("polling every 5 s"),
        "lost": t.say("no connection"),
        "connecting": t.say("connecting"),
        "pause": t.say("Pause"),
        "resume": t.say("Resume"),
        "s": t.say("{n} s"),
        "min": t.say("{n} min"),
        "hmin": t.say("{h} h {m} min"),
        "d": t.say("{n} d"),
        "changed": t.say("The alarms have changed."),
        "new": t.say("{n} new: show"),
        **act_words(t),
    }


def act_words(t: Texts) -> dict[str, str]:
    """Return what scripts say of sessions and of acts upon alarms."""
    return {
        "gone": t.say("{n} left the list: tidy up"),
        "picked": t.say("{n} selected"),
        "acknowledged": t.say("Acknowledged: {n}"),
        "commented": t.say("Written down: {n}"),
        "shelved": t.say("Shelved: {n}"),
        "unshelved": t.say("Back on the lists: {n}"),
        "reset": t.say("Reset: {n}"),
        "outOfService": t.say("{what} is out of service"),
        "inService": t.say("{what} is back in service"),
        "refused": t.say("Not done for {n}: {why}"),
        "readOnly": t.say("This browser may only read: sign in first."),
        "failed": t.say("It could not be done: {why}"),
        "noAnswer": t.say("the console does not answer"),
        "signedIn": t.say("Signed in as {name}."),
        "badSignIn": t.say("This sign-in is taken or too old. A new one: hearthline sign-in"),
        "stepped": t.say("Updated: {what}"),
        "dueIn": t.say("in {age}"),
        "overdueBy": t.say("overdue by {age}"),
        "soundOn": t.say("Sound on"),
        "soundOff": t.say("Sound off"),
        "upon": t.say("{n} selected alarms"),
        "leaving": t.say("left the list"),
    }
