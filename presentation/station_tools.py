"""Station tools: small words and addresses that the pages of stations and trends share."""

from collections.abc import Sequence
from urllib.parse import urlencode

from application.limits import Limit
from perception.point import Point
from presentation.texts import Texts
from presentation.units import unit_text


def csv_address(series: Sequence[tuple[str, str]], span: tuple[int, int], pixels: int) -> str:
    """Return where the API gives series of (device, point) as CSV, as fine as a chart of that width shows them."""
    told = {"series": ",".join(f"{device}:{point}" for device, point in series), "start": span[0], "stop": span[1]}
    return "/api/v1/trend.csv?" + urlencode({**told, "pixels": pixels}, safe=":,")


def width_text(width: str, t: Texts) -> str:
    """Return what a point of a series is: every reading, or the mean of a bucket."""
    if width == "raw":
        return t.say("every reading")
    seconds = int(width[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[width[-1]]
    return t.say("means of {width}", width=t.age(seconds))


def limit_text(limit: Limit, point: Point, t: Texts) -> str:
    """Return where alarms of a point begin, in words."""
    unit = unit_text(point.unit)
    words = []
    if limit.low is not None:
        words.append(t.say("alarm below {value}", value=f"{t.number(limit.low, point.decimals)} {unit}"))
    if limit.high is not None:
        words.append(t.say("alarm above {value}", value=f"{t.number(limit.high, point.decimals)} {unit}"))
    if limit.around is not None:
        words.append(t.say("alarm at ±{value} off setpoint", value=f"{t.number(limit.around, 1)} K"))
    return " · ".join(words)


def doubt_text(reason: str, t: Texts) -> str:
    """Return why a value is doubted; an unknown reason stands as it is."""
    return {
        "frozen": t.say("frozen"),
        "sentinel": t.say("a value that means that there is none"),
        "offset": t.say("offset"),
        "spike": t.say("spike"),
        "said": t.say("said by a person"),
    }.get(reason, reason)
