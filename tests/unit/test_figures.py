"""Figures: gaps stay gaps, times are the city's, what was never measured is not drawn."""

from application.limits import Limit
from application.read_models import Trend
from application.station_file import Mark
from perception.kinds import load_kinds
from perception.point import Title
from presentation.console.drawing import curves_of, lanes_of, panels_of
from presentation.console.groups import TOPICS
from presentation.console.trend_choice import (
    DEFAULT_SPAN,
    MOST_SERIES,
    SPANS,
    Choice,
    choice_of,
    is_zoomed,
    place_of,
    query_of,
    span_of,
)
from presentation.figures import Curve, figure, table_rows
from presentation.scene import Corridor, Lane, Level, Scene, local_time
from presentation.station_tools import csv_address, limit_text
from presentation.texts import texts_for
from presentation.theme import LINES

KIND = load_kinds()["heat_substation"]
HOUR = 3_600_000
T = texts_for("en")


def series(*values):
    return {"mean": values, "low": [v and v - 1 for v in values], "high": [v and v + 1 for v in values]}


def trend(width="10m", **points):
    return Trend("d", width, [0, HOUR, 2 * HOUR], points)


def drawn(told, topic="temperatures", zone="Asia/Shanghai", **around):
    panels = panels_of(KIND, Choice(topic=topic))
    scene = Scene(["°C", "°C"], (0, 2 * HOUR), zone, **around)
    return figure(curves_of(told, panels, T), scene)


def test_a_gap_stays_a_gap():
    line = drawn(trend("raw", t_sec_return=series(40.0, None, 41.0)))["data"][0]
    assert line["y"] == (40.0, None, 41.0)
    assert line["connectgaps"] is False


def test_times_are_those_of_the_city_across_a_change_of_clocks():
    line = drawn(trend("raw", t_sec_return=series(1.0, 2.0, 3.0)))["data"][0]
    assert line["x"] == ["1970-01-01T08:00:00", "1970-01-01T09:00:00", "1970-01-01T10:00:00"]
    assert local_time(1_711_846_800_000, "Europe/Belgrade") == "2024-03-31T03:00:00"


def test_what_was_never_measured_is_not_drawn():
    told = trend("raw", t_sec_supply=series(50.0, 51.0, 52.0), t_pri_supply=series(None, None, None))
    assert [line["name"] for line in drawn(told)["data"]] == ["Secondary supply temperature"]


def test_the_range_of_a_rollup_is_shaded_and_that_of_raw_values_is_not():
    points = {"t_sec_supply": series(50.0, 51.0, 52.0)}
    assert [line.get("fill") for line in drawn(trend("10m", **points))["data"]] == [None, "tonexty", None]
    assert len(drawn(trend("raw", **points))["data"]) == 1


def test_the_outdoor_temperature_has_an_axis_of_its_own():
    told = trend("raw", t_sec_supply=series(50.0, 51.0, 52.0), t_outdoor=series(-20.0, -21.0, -22.0))
    figure = drawn(told)
    assert [line["yaxis"] for line in figure["data"]] == ["y", "y2"]
    assert figure["layout"]["yaxis2"]["domain"][1] < figure["layout"]["yaxis"]["domain"][0]


def test_an_empty_trend_is_an_empty_chart():
    assert drawn(Trend("d", "raw", [], {}), zone="Europe/Belgrade")["data"] == []


def curve(told, point, **facts):
    return Curve(point, KIND.point(point), told, LINES["t_outdoor"], **facts)


def test_the_table_of_a_chart_has_its_newest_instant_first_and_few_rows():
    told = Trend("d", "raw", list(range(0, 1000 * HOUR, HOUR)), {"t_outdoor": series(*range(1000))})
    rows = table_rows([curve(told, "t_outdoor"), curve(told, "t_sec_supply")])
    assert rows[0] == (999 * HOUR, [999, None])
    assert len(rows) <= 24
    assert table_rows([]) == []


def test_a_curve_of_last_week_stands_beside_the_instant_that_it_is_drawn_at():
    now, before = (Trend("d", "raw", [at, at + HOUR], {"t_outdoor": series(1.0, 2.0)}) for at in (7 * HOUR, 0))
    rows = table_rows([curve(now, "t_outdoor"), curve(before, "t_outdoor", later_ms=7 * HOUR)])
    assert rows == [(8 * HOUR, [2.0, 2.0]), (7 * HOUR, [1.0, 1.0])]
    line = figure([curve(before, "t_outdoor", later_ms=7 * HOUR)], Scene(["°C"], (7 * HOUR, 9 * HOUR), "UTC"))["data"]
    assert line[0]["x"] == ["1970-01-01T07:00:00", "1970-01-01T08:00:00"]


def test_limits_setpoints_and_what_happened_stand_around_the_curves():
    told = trend("raw", t_sec_supply=series(50.0, 51.0, 52.0), t_sec_supply_setpoint=series(50.0, None, 51.0))
    alarm = Mark("alarm", -HOUR, None, Title(zh="低", en="Low <b>"), "low", "p_sec_return", 2, "id")
    command = Mark("command", HOUR, HOUR, None, "valve percent=40")
    shown = drawn(
        told,
        levels=[Level(0, 60.0, "alarm above 60"), Level(7, 1.0, "of no panel")],
        corridors=[Corridor(0, told, "t_sec_supply_setpoint", 3.0)],
        lanes=lanes_of([alarm, command], KIND, (0, 2 * HOUR), T),
    )
    assert [line.get("fill") for line in shown["data"][:2]] == [None, "tonexty"]
    assert shown["data"][1]["y"] == [53.0, None, 54.0]
    level, shade = shown["layout"]["shapes"]
    assert (level["y0"], level["yref"]) == (60.0, "y")
    assert (shade["x0"], shade["x1"]) == ("1970-01-01T08:00:00", "1970-01-01T10:00:00")
    lanes = [line for line in shown["data"] if line["yaxis"] == "y2"]
    assert lanes[0]["hovertemplate"].startswith("Priority 2 · Low ‹b› · Secondary return pressure")
    assert lanes[1]["x"] == ["1970-01-01T09:00:00"] * 3
    assert shown["layout"]["yaxis2"]["ticktext"] == ["Alarms", "Commands"]
    assert shown["layout"]["xaxis"]["anchor"] == "y2"


def test_panels_never_overlap_however_many_there_are():
    names = ("t_outdoor", "p_sec_return", "flow_sec", "heat_power", "valve_pri_position")
    told = trend("raw", **{name: series(1.0, 2.0, 3.0) for name in names})
    curves = [curve(told, name, panel=place) for place, name in enumerate(names)]
    shown = figure(curves, Scene(list(names), (0, HOUR), "UTC", lanes=[Lane("x", [(0, 1, "w", "#000")])]))["layout"]
    edges = [shown[f"yaxis{n or ''}"]["domain"] for n in (0, 2, 3, 4, 5, 6)]
    flat = [e for domain in edges for e in reversed(domain)]
    assert flat == sorted(flat, reverse=True)
    assert flat[0] == 1.0
    assert flat[-1] == 0.0


def test_every_topic_is_about_points_that_a_substation_has():
    assert all(point in KIND.bits for topic in TOPICS for point in (*topic.points, *topic.below))


def test_an_address_says_what_to_show():
    assert choice_of("?span=7d&topic=pressures") == Choice("7d", "pressures")
    assert choice_of("?device=xc-air&topic=pm25") == Choice(DEFAULT_SPAN, "pm25", "xc-air")
    assert choice_of("span=century&topic=<b>&device=<i>&tab=x&compare=y&series=a&points=B&from=x&to=y") == Choice()
    assert place_of("/zh/stations/xc-north-01").station == "xc-north-01"
    assert place_of("/en/explore").station == ""
    assert place_of("/zh/cities/xuecheng") is None
    assert place_of("/de/stations/xc-north-01") is None
    assert place_of(None) is None


def test_a_choice_and_its_address_say_the_same():
    choice = Choice(
        "30d", "pressures", "xc-air", "quality", ("t_outdoor", "flow_sec"), "2026-01-01T00:00:00",
        "2026-01-02T12:30:00", "station:xc-01", (("dev-1", "t_outdoor"), ("dev-2", "flow_sec")),
    )  # fmt: skip
    assert choice_of(query_of(choice)) == choice
    assert query_of(Choice()) == "?"
    many = ",".join(f"dev-{n}:t_outdoor" for n in range(99))
    assert len(choice_of(f"series={many}").series) == MOST_SERIES


def test_a_zoomed_span_is_one_of_the_city_s_clock_and_nonsense_is_the_usual_one():
    zoomed = choice_of("from=1970-01-01T08:00&to=1970-01-01T10:00:00")
    assert span_of(choice_of("from=2000-01-01T08:00&to=2000-01-01T10:00:00"), 0, "Asia/Shanghai") == (
        946_684_800_000, 946_684_800_000 + 2 * HOUR,
    )  # fmt: skip
    assert is_zoomed(zoomed)
    now = 1_800_000_000_000
    usual = (now - SPANS[DEFAULT_SPAN] * HOUR, now)
    for nonsense in ("from=2000-02-31T08:00&to=2000-03-01T10:00", "from=2001-01-01T08:00&to=2000-01-01T10:00",
                     "from=1000-01-01T08:00&to=2000-01-01T10:00"):  # fmt: skip
        assert span_of(choice_of(nonsense), now, "Asia/Shanghai") == usual
    assert not is_zoomed(choice_of("from=2000-01-01T08:00"))


def test_words_and_addresses_of_charts():
    limit = Limit(low=0.25, high=0.81, around=3.0)
    assert limit_text(limit, KIND.point("p_sec_return"), T) == (
        "alarm below 0.250 MPa · alarm above 0.810 MPa · alarm at ±3.0 K off setpoint"
    )
    address = csv_address([("dev-1", "t_outdoor")], (1, 2), 900)
    assert address == "/api/v1/trend.csv?series=dev-1:t_outdoor&start=1&stop=2&pixels=900"
