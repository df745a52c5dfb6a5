"""Score: what bodies did with citizens' requests in a month, with how many it is based on and how sure it is.

Counts come from the function `counter.score`, which the portal's role may call as well; shares and intervals are made
here. A share without cases is not known, and is no zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import sqrt

from sqlalchemy import Connection, text

from perception.point import Title

_Z = 1.959964
"""Of the normal distribution: an interval of 95 %."""


class Measure(StrEnum):
    """What is counted. Each is a share of cases, but for unowned time and bounces, which are means per case."""

    RESPONSE = "response"
    """Requests that somebody accepted within the rung's limit, of those that came in."""
    ON_TIME = "on_time"
    """Requests answered before the limit of their responsibility, of those that came in."""
    RESOLUTION = "resolution"
    """Requests closed because the reporter confirmed it or did not contradict, of those that were answered."""
    SATISFACTION = "satisfaction"
    """Ratings of the three better grades, of all ratings."""
    REPEAT = "repeat"
    """Requests of a kind and community that had one closed in the 30 days before, of those that came in."""
    REOPEN = "reopen"
    """Requests that the reporter opened again, of those that were answered."""
    UNOWNED_H = "unowned_h"
    """Hours between arrival and first acceptance, per request."""
    BOUNCES = "bounces"
    """Times that it was handed to another body as "not ours", per request."""


MEANS = frozenset({Measure.UNOWNED_H, Measure.BOUNCES})


@dataclass(frozen=True, slots=True)
class Score:
    """One measure. `value`: a share 0..1, or a mean per case; None without cases. `low`, `high`: 95 % of a share."""

    measure: Measure
    value: float | None
    cases: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """What a body did in an area with the requests that came in during a month, by the city's clock."""

    body: str
    body_title: Title
    area: str
    month: date
    requests: int
    scores: Sequence[Score]


def scorecards(conn: Connection, area: str, month: date) -> Sequence[Scorecard]:
    """Return one scorecard per body that had a request in an area and month, by code.

    `area` is `city:<name>`, `district:<name>` or empty for everywhere; of `month` any day. Works with the rights of
    the portal's role as well as of the owner.
    """
    first = month.replace(day=1)
    query = text("select * from counter.score(:area, :month) order by body")
    found: list[Scorecard] = []
    for row in conn.execute(query, {"area": area, "month": first}).mappings():
        scores = [_score(measure, row[f"{measure}_good"], row[f"{measure}_n"]) for measure in Measure]
        title = Title(zh=row["title_zh"], en=row["title_en"])
        found.append(Scorecard(row["body"], title, area, first, row["requests"], scores))
    return found


def _score(measure: Measure, good: float, cases: int) -> Score:
    if not cases:
        return Score(measure, None, 0)
    if measure in MEANS:
        return Score(measure, float(good) / cases, cases)
    low, high = interval(int(good), cases)
    return Score(measure, good / cases, cases, low, high)


def interval(good: int, cases: int) -> tuple[float, float]:
    """Return in which interval the true share lies with 95 %, by Wilson's score (1927); cases above 0."""
    share = good / cases
    middle = (share + _Z * _Z / (2 * cases)) / (1 + _Z * _Z / cases)
    half = _Z / (1 + _Z * _Z / cases) * sqrt(share * (1 - share) / cases + _Z * _Z / (4 * cases * cases))
    return max(0.0, middle - half), min(1.0, middle + half)
