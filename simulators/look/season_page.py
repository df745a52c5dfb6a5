"""Season page: the section of the report that tells where the heat of a season went."""

from datetime import date, timedelta

import numpy as np

from perception.point import Title
from simulators.look.charts import LEFT, RIGHT
from simulators.look.markup import both, filled
from simulators.look.season import Season
from simulators.look.svg import Floats, Frame, columns, dots, line, number, picture, rows, rule, span, ticks, words

_WIDTH, _HEAD, _FOOT = 1080.0, 24.0, 26.0
_EPOCH = date(1970, 1, 1)
_NAME = Title(zh="一季的能量", en="Energy over a season")
_DAILY = Title(zh="每日供热", en="Heat per day")
_OUTDOOR = Title(zh="室外日均温度", en="Outdoor, mean of the day")
_SIGNATURE = Title(zh="全部站的热特性", en="Energy signature of all stations")
_NOTE = Title(
    zh="{stations} 座站，{days} 天（{begin} 至 {end}，UTC）。功率之和 {power} GJ。",
    en="{stations} stations, {days} days ({begin} to {end}, UTC). Power adds up to {power} GJ.",
)
_LINES = (
    ("counted", Title(zh="热量表累计值之差", en="what the heat counters gained")),
    ("primary", Title(zh="一次侧 ρ c V ΔT", en="primary side, ρ c V ΔT")),
    ("secondary", Title(zh="二次侧 ρ c V ΔT（不含生活热水）", en="secondary side, ρ c V ΔT (without hot water)")),
)
_HEADS = (
    Title(zh="与功率之和相比", en="compared with the power"),
    Title(zh="全部", en="all"),
    Title(zh="各站 p5", en="stations, p5"),
    Title(zh="中位数", en="median"),
    Title(zh="各站 p95", en="stations, p95"),
)


def season_section(season: Season) -> str:
    """Return the section: how far the three ways to the same heat are apart, every day, and the signature of all."""
    first, last = (str(_EPOCH + timedelta(days=d)) for d in (season.days[0], season.days[-1]))
    facts = {
        "stations": len(season.stations), "days": len(season.days), "begin": first, "end": last,
        "power": f"{np.nansum(season.power):,.0f}",
    }  # fmt: skip
    heads = "".join(f'<th scope="col"{" class=n" if k else ""}>{both(h)}</th>' for k, h in enumerate(_HEADS))
    body = "".join(_row(season, name, both(title)) for name, title in _LINES)
    return (
        f'<section id="season"><h2>{both(_NAME)}</h2><p class="note">{both(filled(_NOTE, facts))}</p>'
        f"<figure>{_daily(season)}</figure><figure>{_weather(season)}</figure>"
        f'<div class="table"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
        f'<div class="three"><figure>{_signature(season)}</figure></div></section>'
    )


def _row(season: Season, name: str, title: str) -> str:
    heat = season.counted if name == "counted" else np.nansum(getattr(season, name), axis=1)
    known = heat if name == "counted" else np.where(np.isfinite(getattr(season, name)).any(axis=1), heat, np.nan)
    apart = season.apart(known)
    there = apart[np.isfinite(apart)]
    if not len(there):
        return f'<tr><th scope="row">{title}</th>{"<td class=n>–</td>" * 4}</tr>'
    metered = np.nansum(season.power, axis=1)[np.isfinite(apart)]
    whole = float(np.average(there, weights=metered))
    told = (whole, *np.percentile(there, [5, 50, 95]).tolist())
    cells = "".join(f'<td class="n">{number(value)} %</td>' for value in told)
    return f'<tr><th scope="row">{title}</th>{cells}</tr>'


def _months(frame: Frame, days: tuple[int, ...]) -> str:
    dates = [_EPOCH + timedelta(days=d) for d in range(days[0], days[-1] + 1)]
    starts = [d for d in dates if d.day == 1] or [dates[0]]
    return columns(frame, [(d - _EPOCH).days for d in starts], [f"{d.year}-{d.month:02d}" for d in starts])


def _daily(season: Season) -> str:
    heat = np.nansum(season.power, axis=0)
    frame = Frame(
        LEFT + 10,
        _HEAD,
        _WIDTH - LEFT - RIGHT - 10,
        130,
        season.days[0],
        season.days[-1] + 1,
        0,
        heat.max() * 1.06 or 1.0,
    )
    bars = (
        rule(x, frame.bottom, x, y, "day power")
        for x, y in zip(frame.x(np.array(season.days) + 0.5).tolist(), frame.y(heat).tolist(), strict=True)
    )
    parts = [words(0, 14, _DAILY, "name"), words(_WIDTH - RIGHT, 14, "GJ", "tick", "end")]
    parts += [rows(frame, ticks(0, frame.y_high, 4)), *bars, _months(frame, season.days)]
    return picture(_WIDTH, 130 + _HEAD + _FOOT, _DAILY, parts)


def _weather(season: Season) -> str:
    mean = _mean(season.outdoor)
    low, high = span([mean], 6.0)
    frame = Frame(LEFT + 10, _HEAD, _WIDTH - LEFT - RIGHT - 10, 90, season.days[0], season.days[-1] + 1, low, high)
    parts = [words(0, 14, _OUTDOOR, "name"), words(_WIDTH - RIGHT, 14, "°C", "tick", "end")]
    parts += [rows(frame, ticks(low, high, 4)), line(frame, np.array(season.days) + 0.5, mean, "outdoor")]
    parts.append(_months(frame, season.days))
    return picture(_WIDTH, 90 + _HEAD + _FOOT, _OUTDOOR, parts)


def _signature(season: Season) -> str:
    mean, heat = _mean(season.outdoor)[season.whole], np.nansum(season.power, axis=0)[season.whole] / 86.4
    x_low, x_high = span([mean], 5.0)
    frame = Frame(LEFT + 10, _HEAD, 340 - LEFT - RIGHT - 10, 190, x_low, x_high, 0, float(heat.max()) * 1.06 or 1.0)
    parts = [words(0, 14, _SIGNATURE, "name"), words(340 - RIGHT, 14, "MW / °C", "tick", "end")]
    parts += [rows(frame, ticks(0, frame.y_high, 5)), columns(frame, ticks(x_low, x_high, 5))]
    parts.append(dots(frame, mean, heat, "power"))
    return picture(340, 190 + _HEAD + _FOOT, _SIGNATURE, parts)


def _mean(values: Floats) -> Floats:
    there = np.isfinite(values)
    return np.where(there.any(axis=0), np.nansum(values, axis=0) / np.maximum(there.sum(axis=0), 1), np.nan)
