"""Trend choice: what the reader chose to see, as the address says it. The address is the whole state of a page."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

from perception.point import POINT_NAME
from presentation.texts import Language, as_language

SPANS: Mapping[str, int] = {"1h": 1, "6h": 6, "24h": 24, "48h": 48, "7d": 168, "30d": 720, "1y": 8760}
"""What the range buttons offer: name → hours."""

DEFAULT_SPAN = "24h"
TABS = ("alarms", "orders", "devices", "quality", "ledger", "homes")
WEEK_MS = 7 * 86_400_000
LONGEST_MS = 10 * 366 * 86_400_000
MOST_SERIES = 12
LAST_WEEK, EXPECTED = "week", "expected"
_NAME = r"[a-z0-9][a-z0-9-]{2,62}"
_POINT, _DEVICE, _COMPARED = re.compile(POINT_NAME), re.compile(_NAME), re.compile(rf"week|expected|station:{_NAME}")
_SERIES = re.compile(rf"(?P<device>{_NAME}):(?P<point>{POINT_NAME.strip('^$')})")
_CLOCK = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")
_PATH = re.compile(rf"^/(?P<language>[a-z]{{2}})/(stations/(?P<station>{_NAME})|(?P<explore>explore))/?$")


@dataclass(frozen=True, slots=True)
class Place:
    """What the path of the page says: whose page it is; `station` empty: the page that explores."""

    language: Language
    station: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader chose to see. None: the station's own device, the first chart of its kind.

    `points` in place of a topic; `since` and `until` by the clock of the city, in place of a span, where somebody
    zoomed; `compare` is "week", "expected" or "station:<name>"; `series` are (device, point) of the page that explores.
    """

    span: str = DEFAULT_SPAN
    topic: str | None = None
    device: str | None = None
    tab: str = TABS[0]
    points: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    compare: str | None = None
    series: tuple[tuple[str, str], ...] = ()


def choice_of(search: str | None) -> Choice:
    """Return the choice that the query of an address states; what is not there or not known is the default."""
    said = parse_qs((search or "").removeprefix("?"))
    first = {name: values[0] for name, values in said.items()}
    span, tab = first.get("span", DEFAULT_SPAN), first.get("tab", "")
    points = [p for told in said.get("points", []) for p in told.split(",") if _POINT.fullmatch(p)]
    series = [(f["device"], f["point"]) for told in said.get("series", []) for s in told.split(",")
              if (f := _SERIES.fullmatch(s))]  # fmt: skip
    since, until = (_fitting(_CLOCK, first.get(key)) for key in ("from", "to"))
    return Choice(
        span=span if span in SPANS else DEFAULT_SPAN,
        topic=_fitting(_POINT, first.get("topic")),
        device=_fitting(_DEVICE, first.get("device")),
        tab=tab if tab in TABS else TABS[0],
        points=tuple(dict.fromkeys(points))[:MOST_SERIES],
        since=since if since and until else None,
        until=until if since and until else None,
        compare=_fitting(_COMPARED, first.get("compare")),
        series=tuple(dict.fromkeys(series))[:MOST_SERIES],
    )


def query_of(choice: Choice, **changes: Any) -> str:
    """Return the query, with its question mark, that states a choice; what is the default is left out."""
    now = replace(choice, **changes)
    told = {_KEYS.get(f.name, f.name): getattr(now, f.name) for f in fields(now)}
    usual = {_KEYS.get(f.name, f.name): getattr(Choice(), f.name) for f in fields(now)}
    said = {key: _plain(value) for key, value in told.items() if value != usual[key]}
    return "?" + urlencode(said, safe=":,")


def span_of(choice: Choice, now_ms: int, zone: str) -> tuple[int, int]:
    """Return what is shown: [from, to) in epoch milliseconds."""
    if choice.since is not None and choice.until is not None:
        try:
            since, until = (_instant(clock, zone) for clock in (choice.since, choice.until))
        except ValueError:  # a clock that no day has
            since = until = 0
        if 0 < since < until and until - since <= LONGEST_MS:
            return since, until
    return now_ms - SPANS[choice.span] * 3_600_000, now_ms


def is_zoomed(choice: Choice) -> bool:
    """Say whether the span is one that somebody chose in the chart, and stands still."""
    return choice.since is not None


def place_of(pathname: str | None) -> Place | None:
    """Return whose page an address is, None for one without a trend."""
    found = _PATH.match(pathname or "")
    language = as_language(found["language"]) if found else None
    return Place(language, found["station"] or "") if found and language else None


_KEYS = {"since": "from", "until": "to"}


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    each: Sequence[Any] = value
    return ",".join(x if isinstance(x, str) else ":".join(x) for x in each)


def _fitting(pattern: re.Pattern[str], told: str | None) -> str | None:
    return told if told is not None and pattern.fullmatch(told) else None


def _instant(clock: str, zone: str) -> int:
    return int(datetime.fromisoformat(clock).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)
