"""Figures: gaps stay gaps, times are the city's, what was never measured is not drawn."""

from application.read_models import Trend
from perception.kinds import load_kinds
from presentation.console.groups import TOPICS
from presentation.console.trend import DEFAULT_SPAN, Choice, chart_of, choice_of, place_of
from presentation.figures import local_time, table_rows, trend_figure
from presentation.texts import texts_for

KIND = load_kinds()["heat_substation"]
HOUR = 3_600_000


def series(*values):
    return {"mean": values, "low": [v and v - 1 for v in values], "high": [v and v + 1 for v in values]}


def trend(width="10m", **points):
    return Trend("d", width, [0, HOUR, 2 * HOUR], points)


def drawn(told, topic=TOPICS[0], zone="Asia/Shanghai"):
    return trend_figure(told, chart_of(topic, KIND, texts_for("en"), (0, 2 * HOUR), zone))


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
    figure = trend_figure(
        Trend("d", "raw", [], {}), chart_of(TOPICS[0], KIND, texts_for("zh"), (0, HOUR), "Europe/Belgrade")
    )
    assert figure["data"] == []


def test_the_table_of_a_chart_has_its_newest_instant_first_and_few_rows():
    told = Trend("d", "raw", list(range(0, 1000 * HOUR, HOUR)), {"t_outdoor": series(*range(1000))})
    rows = table_rows(told, ["t_outdoor", "t_sec_supply"])
    assert rows[0] == (999 * HOUR, [999, None])
    assert len(rows) <= 24


def test_every_topic_is_about_points_that_a_substation_has():
    assert all(point in KIND.bits for topic in TOPICS for point in (*topic.points, *topic.below))


def test_an_address_says_what_to_show():
    assert choice_of("?span=7d&topic=pressures") == Choice("7d", "pressures")
    assert choice_of("?device=xc-air&topic=pm25") == Choice(DEFAULT_SPAN, "pm25", "xc-air")
    assert choice_of("span=century&topic=<b>&device=<i>") == Choice()
    assert place_of("/zh/stations/xc-north-01") is not None
    assert place_of("/zh/cities/xuecheng") is None
    assert place_of("/de/stations/xc-north-01") is None
    assert place_of(None) is None
