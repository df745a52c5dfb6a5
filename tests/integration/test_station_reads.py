"""What the pages of stations and trends read: limits, marks, quality, ledger, CSV; and the page that explores."""

import csv
import io
import itertools
import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from application.rules import load_rules
from application.views import Views
from perception.kinds import load_kinds
from presentation import ids
from presentation.app import create_console
from presentation.console.trend_choice import TABS
from presentation.settings import ConsoleSettings
from support import tables
from support.outgoing import command
from support.postgres.connect import make_engine
from support.postgres.reader import PostgresReader

KINDS = load_kinds()
HTML = {"accept": "text/html"}
HOUR = 3_600_000_000


async def quiet():
    """A feed that is open and says nothing until it is closed."""
    import asyncio

    await asyncio.Event().wait()
    yield "", b""


@pytest.fixture
def seen(empty_town):
    """A town with an hour of one station, an alarm, a command, a doubted value and a line of the ledger."""
    town, now = empty_town, empty_town.now.replace(microsecond=0)
    town.fill("dev-warm", now - timedelta(hours=1), now - timedelta(seconds=20))
    town.alarm("st-warm", "return_pressure_low")
    town.owner.execute("update station set static_head_mpa = 0.3 where name = 'st-warm'")
    town.owner.execute("update readings_heat_substation set quality = %s where ts > %s",
                       [1 << KINDS["heat_substation"].bits["t_outdoor"], now - timedelta(minutes=10)])  # fmt: skip
    engine = make_engine(town.url, "test")
    with engine.begin() as on:
        command(on, "dev-warm", "valve", "console:anna", 600, {"args": {"percent": 40}, "by": "console:anna"})
        on.execute(insert(tables.quality_span).values(
            device_id=town.ids["dev-warm"], point="t_outdoor", reason="frozen", to_at=None,
            from_at=now - timedelta(minutes=40)))  # fmt: skip
        fates = {"stored": 60, "duplicate": 1, "merged": 0, "conflict": 0, "rejected": 2}
        on.execute(insert(tables.ledger_hour).values(hour=now.replace(minute=0, second=0), device="dev-warm", **fates))
    town.micros = int(now.timestamp() * 1e6)
    yield town, Views(engine, PostgresReader(), KINDS, load_rules())
    engine.dispose()


@pytest.fixture
def client(seen):
    app = create_console(seen[1], ConsoleSettings(), quiet(), KINDS)
    with TestClient(app, base_url="http://console.test", client=("127.0.0.1", 50000)) as running:
        yield running


def test_the_limits_of_a_station_are_those_of_its_rules_and_of_its_static_head(seen):
    town, views = seen
    limits = views.station_file("st-warm", "alarms", town.micros).limits
    assert limits["p_sec_return"].low == pytest.approx(0.33)
    assert limits["p_sec_supply"].high == pytest.approx(0.81)
    assert limits["t_sec_supply"].around == 3.0
    assert "p_sec_return" not in views.station_file("st-cool", "alarms", town.micros).limits  # its head is not known
    assert views.station_file("nowhere", "alarms", town.micros) is None


def test_quality_and_ledger_are_read_when_their_list_is_shown(seen):
    town, views = seen
    quality = views.station_file("st-warm", "quality", town.micros)
    assert [(s.point, s.reason, s.to_at) for s in quality.spans] == [("t_outdoor", "frozen", None)]
    shares = {s.point: (s.came, s.good) for s in quality.shares}
    assert shares["t_sec_supply"] == (60, 60)
    assert shares["t_outdoor"] == (60, 51)
    assert shares["flow_sec"] == (0, 0)
    [row] = views.station_file("st-warm", "ledger", town.micros).ledger
    assert (row.device, row.fates["stored"], row.fates["rejected"]) == ("dev-warm", 60, 2)
    assert [c.do for c in views.station_file("st-warm", "orders", town.micros).commands] == ["valve"]


def test_marks_are_what_reaches_into_the_span(seen):
    town, views = seen
    marks = views.marks("dev-warm", town.micros - HOUR, town.micros + HOUR)
    assert [m.what for m in marks] == ["quality", "alarm", "command"]
    assert marks[2].words == "valve percent=40"
    assert (marks[1].priority, marks[1].to_at) == (1, None)
    before = views.marks("dev-warm", town.micros - 3 * HOUR, town.micros - 2 * HOUR)
    assert list(before) == []
    assert views.marks("nobody", 0, town.micros) is None


def test_every_list_of_a_station_is_a_page(client):
    for language, tab in itertools.product(("zh", "en"), TABS):
        page = client.get(f"/{language}/stations/st-warm?tab={tab}&compare=week", headers=HTML)
        assert page.status_code == 200
        assert re.search(rf'data-tab="{tab}" aria-current="true"', page.text)


def test_the_heading_says_what_is_wrong_since_when_and_who_is_on_it(client):
    page = client.get("/en/stations/st-warm", headers=HTML).text
    sentence = re.search(r'<p class="state-sentence">(.*?)</p>', page)[1]
    told = re.sub("<[^>]+>", "", sentence)
    assert re.fullmatch(
        r"Secondary return pressure low since \d\d-\d\d \d\d:\d\d \(30 min\)\. Nobody is on it yet\.", told
    )
    assert "Nothing has been heard" in client.get("/en/stations/st-mute", headers=HTML).text


def test_series_are_taken_out_as_csv_with_units_and_times(client, seen):
    answer = client.get("/api/v1/trend.csv?series=dev-warm:t_sec_supply,dev-warm:t_outdoor,dev-cool:flow_sec")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="hearthline.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    supply = [r for r in rows if r["point"] == "t_sec_supply"]
    assert len(supply) >= 60
    assert supply[0]["unit"] == "Cel"
    assert float(supply[0]["mean"]) == 47.0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", supply[0]["time"])
    assert {r["mean"] for r in rows if r["point"] == "t_outdoor"} == {"-20", ""}  # a gap where it was doubted


def test_a_takeout_that_makes_no_sense_is_refused_with_the_reason(client):
    senseless = {
        "series=nobody-here:t_outdoor": 404,
        "series=dev-warm:none": 404,
        "series=dev-warm": 422,
        "series=": 422,
        "series=dev-warm:t_outdoor&start=5&stop=5": 422,
        "series=" + ",".join(["dev-warm:t_outdoor"] * 13): 422,
        "series=%00:t_outdoor": 422,
    }
    for query, status in senseless.items():
        answer = client.get(f"/api/v1/trend.csv?{query}")
        assert (answer.status_code, bool(answer.json()["detail"])) == (status, True), query


def test_exploring_adds_a_series_to_the_address_and_takes_it_off_again(client):
    asked = "/en/explore?series=dev-warm:t_outdoor&device=dev-cool&point=flow_sec&city=testopolis"
    answer = client.get(asked, headers=HTML, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == ("/en/explore?series=dev-warm:t_outdoor,dev-cool:flow_sec&city=testopolis")
    page = client.get(answer.headers["location"], headers=HTML).text
    assert 'href="?series=dev-warm:t_outdoor&amp;city=testopolis"' in page
    assert '<option value="dev-warm">' in page
    assert client.get("/en/explore?city=nowhere", headers=HTML).status_code == 404
    bare, filled = (client.get(f"/en/explore{q}", headers=HTML).text for q in ("", "?series=dev-warm:t_outdoor"))
    assert [f'id="{ids.TREND_PLACE}"' in page for page in (bare, filled)] == [False, True], "no chart of nothing"
    evil = client.get("/en/explore?series=<script>&device=<b>&point=x&city=<i>", headers=HTML, follow_redirects=False)
    assert evil.headers["location"] == "/en/explore?"


def draw(client, path, search):
    """Ask for the chart as the browser does; return the figure, the tools and the table as JSON."""
    outputs = [("trend-graph", "figure"), ("trend-tools", "children"), ("trend-table", "children")]
    asked = {
        "output": ".." + "...".join(f"{i}.{p}" for i, p in outputs) + "..",
        "outputs": [{"id": i, "property": p} for i, p in outputs],
        "inputs": [
            {"id": "trend", "property": "pathname", "value": path},
            {"id": "trend", "property": "search", "value": search},
            {"id": "trend-tick", "property": "n_intervals", "value": 0},
        ],
        "state": [{"id": "trend-width", "property": "data", "value": 600}],
        "changedPropIds": ["trend.search"],
    }
    answer = client.post("/_dash-update-component", json=asked, headers={"origin": "http://console.test"})
    assert answer.status_code == 200, answer.text
    return answer.json()["response"]


def test_a_chart_shows_limits_marks_and_what_is_beside_it(client):
    told = draw(client, "/en/stations/st-warm", "?span=1h&compare=station:st-cool")
    figure = told["trend-graph"]["figure"]
    assert "Secondary supply temperature" in [line.get("name") for line in figure["data"]]
    lanes = next(axis for axis in figure["layout"].values() if isinstance(axis, dict) and axis.get("ticktext"))
    assert lanes["ticktext"] == ["Alarms", "Commands", "Doubted"]
    assert "every reading" in str(told["trend-tools"])
    assert "/api/v1/trend.csv?series=dev-warm:" in str(told["trend-tools"])
    expected = draw(client, "/en/stations/st-warm", "?topic=flow_heat&compare=expected")
    assert "What to expect has not been learned yet." in str(expected["trend-tools"])
    nowhere = draw(client, "/en/stations/st-warm", "?compare=station:nowhere")
    assert "There is no station nowhere with a device." in str(nowhere["trend-tools"])
    assert draw(client, "/en/stations/nowhere", "")["trend-graph"]["figure"] == {}


def test_a_chart_of_any_series_has_a_panel_for_each_unit(client):
    told = draw(client, "/zh/explore", "?series=dev-warm:t_sec_supply,dev-warm:t_outdoor,nobody-1:t_outdoor&span=1h")
    figure = told["trend-graph"]["figure"]
    assert [line["yaxis"] for line in figure["data"]] == ["y", "y"]
    assert "nobody-1:t_outdoor" in str(told["trend-tools"])
    assert draw(client, "/zh/explore", "")["trend-graph"]["figure"] == {}
