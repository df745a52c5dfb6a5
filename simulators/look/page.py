"""Page: the whole report as one HTML file that asks nobody for anything. Pure: what was compared in, text out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perception.point import Title
from simulators.likeness.energy import SHAPED
from simulators.likeness.figures import Likeness
from simulators.likeness.track import DAY_US, LOOKED_AT, OUTDOOR, POWER, WATER, Flags, Track, local_us
from simulators.likeness.verdicts import NOT_JUDGED, Rule, Verdict, score
from simulators.look import charts, texts
from simulators.look.markup import both, filled
from simulators.look.svg import number

Places = NDArray[np.intp]

_HERE = Path(__file__).parent
WEEK_DAYS = 7
_VERDICT = {True: ("yes", texts.YES), False: ("no", texts.NO), None: ("unknown", texts.UNKNOWN)}
_MARK = {True: "✓ ", False: "✗ ", None: ""}
_UNITS = {"Cel": "°C"}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: its name, a line below it, its likeness and its track for the week's charts."""

    name: str
    remark: Title
    likeness: Likeness


@dataclass(frozen=True, slots=True)
class Report:
    """What the page tells. `begin` is the local midnight of the week (microseconds); `facts` fill the texts."""

    real: Side
    simulated: Side
    begin: int
    days: int
    lead: Title
    judged: Sequence[Verdict]
    sources: Sequence[Title]
    facts: Mapping[str, str]
    season: str = ""


def page(report: Report) -> str:
    """Return the report as HTML."""
    judged = report.judged
    body = "".join((_header(report, judged), "<main>", *_sections(report, judged), "</main>"))
    style, script = ((_HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return (
        '<!DOCTYPE html>\n<html lang="en" data-theme="light"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline';"
        " script-src 'unsafe-inline'; img-src data:\">"
        '<link rel="icon" href="data:,">'
        f"<title>{escape(texts.TITLE.en)} · Hearthline</title><style>{style}</style></head>"
        f"<body>{body}"
        f'<script type="application/json" id="week-values">{_week_values(report)}</script><script>{script}</script>'
        "</body></html>\n"
    )


def _header(report: Report, judged: Sequence[Verdict]) -> str:
    yes, no, unknown = score(tuple(judged))
    told = filled(texts.SUMMARY, {"told": yes + no + unknown, "yes": yes, "no": no, "unknown": unknown})
    order = sorted((v for v in judged if v.line.rule not in NOT_JUDGED), key=lambda v: (v.agrees is None, not v.agrees))
    bars = "".join(f'<span class="{_VERDICT[v.agrees][0]}" style="flex:1"></span>' for v in order)
    return (
        '<header><div class="buttons">'
        f'<button id="language" type="button">{both(texts.LANGUAGE)}</button>'
        f'<button id="theme" type="button">{both(texts.THEME)}</button></div>'
        f"<h1>{both(texts.TITLE)}</h1><p>{both(report.lead)}</p>"
        f'<div class="verdicts" aria-hidden="true">{bars}</div><p id="summary"><b>{both(told)}</b></p></header>'
    )


def _sections(report: Report, judged: Sequence[Verdict]) -> Iterator[str]:
    pair = charts.Pair(report.real.likeness.track, report.simulated.likeness.track)
    yield f"<section><h2>{both(texts.WEEK)}</h2><p class='note'>{both(texts.WEEK_NOTE)}</p>{_week(report)}</section>"
    shapes = (charts.shape(pair, point, texts.CHART_TITLES[point]) for point in SHAPED)
    yield _group(texts.DAY, texts.DAY_NOTE, "three", shapes)
    changes = (charts.changes(pair, point, texts.CHART_TITLES[point]) for point in (OUTDOOR, *WATER))
    yield _group(texts.CHANGES, texts.CHANGES_NOTE, "three", changes)
    energy = (
        charts.control(pair, texts.CHART_TITLES["control"]),
        charts.energy_signature(pair, texts.CHART_TITLES["signature"]),
        charts.levels(pair, texts.CHART_TITLES["levels"]),
    )
    yield _group(texts.CONTROL, texts.CONTROL_NOTE, "three", energy)
    yield report.season
    yield f"<section><h2>{both(texts.TABLE)}</h2>{_table(judged)}</section>"
    hows = "".join(f"<li>{both(filled(how, _how_facts(report)))}</li>" for how in texts.HOW)
    yield f"<section><h2>{both(texts.RULES)}</h2><ul class='how'>{hows}</ul></section>"
    sources = "".join(f"<li>{both(s)}</li>" for s in report.sources)
    yield f"<footer><h2>{both(texts.SOURCES)}</h2><ul class='how'>{sources}</ul></footer>"


def _group(title: Title, note: Title, layout: str, pictures: Iterator[str] | Sequence[str]) -> str:
    figures = "".join(f"<figure>{p}</figure>" for p in pictures)
    return (
        f'<section><h2>{both(title)}</h2><p class="note">{both(note)}</p>{_sides_legend()}'
        f'<div class="{layout}">{figures}</div></section>'
    )


def _sides_legend() -> str:
    sides = (("real", texts.REAL), ("simulated", texts.SIMULATED))
    return f'<ul class="legend">{"".join(_key(style, title) for style, title in sides)}</ul>'


def _key(style: str, title: Title) -> str:
    return f'<li class="{style}"><i></i><span>{both(title)}</span></li>'


def _week(report: Report) -> str:
    sides = (("real", texts.REAL, report.real), ("simulated", texts.SIMULATED, report.simulated))
    tracks = [_week_of(side.likeness.track, report.begin) for _, _, side in sides]
    heads = "".join(
        f'<div class="head {style}">{both(word)}: {escape(side.name)}<small>{both(side.remark)}</small></div>'
        for style, word, side in sides
    )
    cells = [heads]
    for panel in charts.PANELS:
        for (style, word, _), track in zip(sides, tracks, strict=True):
            name = f'<span class="phone-name note {style}">{both(word)}</span>'
            cells.append(f"<figure>{name}{charts.week(panel, track, tracks, report.begin, WEEK_DAYS)}</figure>")
    cells.extend(f'<div class="reading" id="reading-{style}"></div>' for style, _, _ in sides)
    keys = "".join(_key(style, title) for style, title in texts.LEGEND.items())
    return f'<ul class="legend">{keys}</ul><div class="two week">{"".join(cells)}</div>'


def _week_of(track: Track, begin: int) -> Track:
    local = local_us(track)
    first, last = (int(np.searchsorted(local, begin + k * DAY_US)) for k in (0, WEEK_DAYS))
    values = {name: column[first:last] for name, column in track.values.items()}
    return Track(track.at[first:last], values, track.zone, track.step_s)


def _week_values(report: Report) -> str:
    """Return what the pointer reads, as JSON: a place per step from the week's begin, null: none."""
    step = report.real.likeness.track.step_s or 3600.0
    count = round(WEEK_DAYS * 86_400 / step)
    told: dict[str, object] = {
        "begin": str(np.datetime64(report.begin, "us").astype("datetime64[D]")),
        "minutes": step / 60,
        "count": count,
    }
    points = [p for p in LOOKED_AT if p in texts.CHART_TITLES]
    for side, track in (("real", report.real.likeness.track), ("simulated", report.simulated.likeness.track)):
        week = _week_of(track, report.begin)
        place = np.round((local_us(week) - report.begin) / (step * 1e6)).astype(np.intp)
        on = (place >= 0) & (place < count)
        told[side] = {p: _at_places(week, p, place, on, count) for p in points}
    told["points"] = [
        {"name": p, **texts.CHART_TITLES[p].model_dump(), "unit": "kW" if p == POWER else "°C"} for p in points
    ]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _at_places(track: Track, point: str, place: Places, on: Flags, count: int) -> list[float | None]:
    column = np.full(count, np.nan)
    column[place[on]] = track.of(point)[on]
    return [round(v, 1) if np.isfinite(v) else None for v in column.tolist()]


def _table(judged: Sequence[Verdict]) -> str:
    heads = zip(texts.COLUMNS, ("", "n", "n", "n ratio", "rule", ""), strict=True)
    head = "".join(f'<th scope="col" class="{style}">{both(title)}</th>' for title, style in heads)
    rows: list[str] = []
    group = ""
    for verdict in judged:
        if verdict.line.group != group:
            group = verdict.line.group
            rows.append(f'<tr><th scope="rowgroup" colspan="6">{both(texts.GROUPS[group])}</th></tr>')
        rows.append(_row(verdict))
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _row(verdict: Verdict) -> str:
    line = verdict.line
    style, word = _VERDICT[verdict.agrees]
    if line.rule in NOT_JUDGED:
        style, word = "unknown", texts.TOLD
    unit = _UNITS.get(line.unit, line.unit)
    name = Title(
        zh=f"{line.title.zh} {f'({unit})' if unit else ''}", en=f"{line.title.en} {f'({unit})' if unit else ''}"
    )
    ratio = verdict.simulated / verdict.real if line.rule is Rule.FACTOR and verdict.real else float("nan")
    judged_by = filled(texts.RULE_WORDS[line.rule], {"most": f"{line.most:g} {unit}".strip()})
    return (
        f'<tr><th scope="row">{both(name)}</th><td class="n">{_real(verdict)}</td>'
        f'<td class="n">{number(verdict.simulated)}</td><td class="n ratio">{number(ratio)}</td>'
        f'<td class="rule">{both(judged_by)}</td><td class="{style}">{_MARK[verdict.agrees]}{both(word)}</td></tr>'
    )


def _real(verdict: Verdict) -> str:
    return "–" if verdict.line.figure in SHAPED else number(verdict.real)


def _how_facts(report: Report) -> dict[str, object]:
    return {
        **report.facts,
        "days": report.days,
        "begin": str(np.datetime64(report.begin, "us").astype("datetime64[D]")),
        "step": number((report.real.likeness.track.step_s or 0) / 60),
        "real": _dirt(report.real.likeness.dirt),
        "simulated": _dirt(report.simulated.likeness.dirt),
    }


def _dirt(taken: Mapping[str, int]) -> Title:
    some = [(texts.DIRT[rule], count) for rule, count in taken.items() if count]
    if not some:
        return texts.NOTHING
    return Title(zh="，".join(f"{t.zh} {n}" for t, n in some), en=", ".join(f"{t.en} {n}" for t, n in some))
