"""The console on the real database: pages, API, health, and what it says when the database is away."""

import re
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text
from starlette.websockets import WebSocketDisconnect

from application.rules import load_rules
from application.views import Views
from perception.kinds import load_kinds
from presentation.app import create_console
from presentation.settings import ConsoleSettings
from support.postgres.connect import make_engine
from support.postgres.reader import PostgresReader

KINDS = load_kinds()
HTML = {"accept": "text/html"}
FRAME = b'{"v":1,"epoch":1,"seq":1,"kind":"heat_substation","points":[],"rows":[],"alarms":[]}'


async def quiet():
    """A feed that is open and says nothing until it is closed."""
    import asyncio

    await asyncio.Event().wait()
    yield "", b""


async def two_frames_a_tick():
    import asyncio

    while True:
        yield "elsewhere", b'{"seq":"not for you"}'
        yield "testopolis", FRAME
        await asyncio.sleep(0.01)


@contextmanager
def console(engine, live=None):
    views = Views(engine, PostgresReader(), KINDS, load_rules())
    app = create_console(views, ConsoleSettings(), live or quiet(), KINDS)
    with TestClient(app, base_url="http://console.test", client=("127.0.0.1", 50000)) as client:
        yield client


@pytest.fixture
def client(empty_town):
    engine = make_engine(empty_town.url, "test")
    empty_town.fill("dev-warm", empty_town.now.replace(microsecond=0), empty_town.now)
    with console(engine) as running:
        yield running
    engine.dispose()


@pytest.fixture
def nowhere():
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none", connect_args={"connect_timeout": 1})
    with console(engine) as running:
        yield running
    engine.dispose()


def test_the_bare_address_leads_to_a_city_in_the_readers_language(client):
    answer = client.get("/", headers=HTML | {"accept-language": "en-GB,zh;q=0.5"})
    assert answer.status_code == 200
    assert answer.url.path == "/en/cities/testopolis"
    assert '<html lang="en-GB">' in answer.text
    assert client.get("/", headers=HTML | {"accept-language": "zh"}).url.path == "/zh/cities/testopolis"
    assert client.get("/zh/", headers=HTML).url.path == "/zh/cities/testopolis"


def test_pages_show_what_was_stored(client):
    overview = client.get("/en/cities/testopolis", headers=HTML).text
    assert re.search(r'data-point="t_sec_supply"[^>]*>47.0<', overview)
    assert client.get("/zh/stations/st-warm", headers=HTML).status_code == 200


def test_text_from_the_catalogue_is_escaped(client):
    assert "<script>alert(1)" not in client.get("/en/stations/st-tricky", headers=HTML).text
    assert "&lt;script&gt;alert(1)" in client.get("/en/stations/st-tricky", headers=HTML).text


def test_what_is_not_there_is_a_404_page_with_a_way_back(client):
    for path in ("/en/cities/nowhere", "/zh/stations/none", "/fr/cities/testopolis", "/en/nothing", "/wp-login.php"):
        answer = client.get(path, headers=HTML)
        assert answer.status_code == 404, path
        assert 'href="/' in answer.text, path
        assert "Traceback" not in answer.text, path


@pytest.mark.parametrize("path", ["/en/cities/%00", "/en/stations/%00", "/zh/stations/%ED%A0%80"])
def test_a_name_that_no_database_can_hold_is_a_404(client, path):
    assert client.get(path, headers=HTML).status_code == 404


def test_an_unknown_resource_is_a_json_404(client):
    for path in ("/api/nothing", "/api/v1/cities/nowhere/overview", "/api/v1/stations/none/trend"):
        answer = client.get(path, headers=HTML)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json"), path
        assert answer.json()["detail"], path


def test_a_trend_that_makes_no_sense_is_refused_with_the_reason(client):
    for query in ("start=5&stop=5", "pixels=0", "start=-1", "start=x", "stop=99999999999999999"):
        answer = client.get(f"/api/v1/stations/st-warm/trend?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["detail"], query


def test_the_api_tells_what_the_pages_show(client):
    rows = {s["name"]: s for s in client.get("/api/v1/cities/testopolis/stations").json()}
    assert rows["st-warm"]["values"]["t_sec_supply"] == 47.0
    assert rows["st-mute"]["ts"] is None
    trend = client.get("/api/v1/stations/st-warm/trend?points=t_sec_supply,none").json()
    assert trend["series"]["t_sec_supply"]["mean"] == [47.0]
    assert {d["name"] for d in client.get("/api/v1/cities/testopolis/devices").json()} >= {"dev-warm", "dev-mute"}
    assert client.get("/api/v1/cities/testopolis/snapshot").json()[0]["rows"]
    for resource in ("alarms?closed=true", "journal"):
        assert client.get(f"/api/v1/cities/testopolis/{resource}").json() == []
    assert client.get("/api/v1/rejects").json() == []


def test_the_api_tells_of_districts_and_of_consumption(client):
    [east] = client.get("/api/v1/cities/testopolis/districts").json()
    assert (east["name"], east["stations"]) == ("test-east", 8)
    assert east["points"]["t_sec_supply"]["low"] == 47.0
    assert client.get("/api/v1/cities/nowhere/districts").status_code == 404
    trend = client.get("/api/v1/districts/test-east/trend?point=t_sec_supply").json()
    assert trend["ts"] == trend["total"] == []  # nothing is rolled up yet
    for address in ("districts/nowhere/trend", "districts/test-east/trend?point=x", "devices/nobody/consumption"):
        assert client.get(f"/api/v1/{address}").status_code == 404
    assert client.get("/api/v1/districts/test-east/trend?start=2000&stop=1000").status_code == 422
    heat, *_ = client.get("/api/v1/devices/dev-warm/consumption?width=1d").json()
    assert (heat["point"], heat["unit"], heat["ts"]) == ("heat_energy_total", "GJ", [])


def test_the_description_names_every_shape(client):
    told = client.get("/api/openapi.json").json()
    assert {"Overview", "StationView", "Trend", "AlarmRow", "JournalRow", "DeviceRow"} <= set(
        told["components"]["schemas"]
    )
    assert not [path for path in told["paths"] if path.startswith("/_dash")]
    assert "/api/v1/stations/{station}/trend" in client.get("/api", headers=HTML).text


def test_every_answer_carries_the_security_headers(client):
    for path in ("/en/cities/testopolis", "/api/v1/cities", "/nothing", "/assets/none.js"):
        headers = client.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe-inline'" not in headers["content-security-policy"].split("style-src")[0]
        assert headers["x-content-type-options"] == "nosniff"


def test_files_are_kept_for_ever_and_sent_compressed(client):
    page = client.get("/en/stations/st-warm", headers=HTML).text
    for address in re.findall(r'(?:src|href)="(/(?:assets|_dash-component-suites)/[^"]+)"', page):
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"], address
        assert answer.headers["content-encoding"] == "gzip" or len(answer.content) < 1500, address
    plain = client.get(re.search(r'src="(/assets/live.js[^"]+)"', page)[1], headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert b"WebSocket" in plain.content


def test_it_is_ready_when_database_and_feed_are_there(client):
    assert client.get("/healthz").json() == {"alive": True}
    told = client.get("/readyz")
    assert told.status_code == 200
    assert told.json()["database"] == "reachable"
    assert told.json()["live_feed"] == "waiting"
    assert told.json()["engine"].startswith("PostgreSQL 18")


def test_metrics_are_for_this_machine_alone(client):
    assert "hearthline_console_viewers" in client.get("/metrics").text
    stranger = TestClient(client.app, client=("192.0.2.7", 50000))
    assert stranger.get("/metrics").status_code == 404


def test_without_a_database_it_says_so_and_lives_on(nowhere):
    assert nowhere.get("/healthz").status_code == 200
    told = nowhere.get("/readyz")
    assert told.status_code == 503
    assert "cannot be reached" in told.json()["database"]
    page = nowhere.get("/zh/cities/testopolis", headers=HTML)
    assert page.status_code == 503
    assert page.headers["refresh"] == "3"
    assert "数据库" in page.text
    assert nowhere.get("/api/v1/cities").json()["detail"].startswith("the database cannot be reached")


def test_a_feed_that_ended_makes_it_unready(empty_town):
    async def ended():
        return
        yield

    engine = make_engine(empty_town.url, "test")
    with console(engine, ended()) as client:
        told = client.get("/readyz")
    engine.dispose()
    assert (told.status_code, told.json()["live_feed"]) == (503, "closed")


def test_a_viewer_gets_the_frames_of_its_city_as_they_came(empty_town):
    engine = make_engine(empty_town.url, "test")
    with console(engine, two_frames_a_tick()) as client, client.websocket_connect("/live?city=testopolis") as socket:
        assert socket.receive_text().encode() == FRAME
    engine.dispose()


def test_a_page_of_another_origin_gets_no_frames(client):
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/live?city=testopolis", headers={"origin": "http://evil.test"}),
    ):
        pass


def test_a_station_without_a_known_device_has_a_page(empty_town):
    engine = make_engine(empty_town.url, "test")
    with engine.begin() as on:
        on.execute(text("update device set status = 'retired' where name = 'dev-warm'"))
    with console(engine) as client:
        assert client.get("/en/stations/st-warm", headers=HTML).status_code == 200
        assert client.get("/en/cities/testopolis", headers=HTML).status_code == 200
    engine.dispose()


def test_every_kind_has_its_place_in_the_schema_and_its_newest(client):
    schema = client.get("/api/openapi.json").json()
    for kind in KINDS.values():
        operation = schema["paths"][f"/api/v1/cities/{{city}}/newest/{kind.name}"]["get"]
        assert kind.title.zh in operation["description"]
        camel = "".join(part.capitalize() for part in kind.name.split("_"))
        fields = schema["components"]["schemas"][f"{camel}Values"]["properties"]
        assert list(fields) == list(kind.names)
        assert [f["x-unit"] for f in fields.values()] == [p.unit for p in kind.points]
    (now,) = client.get("/api/v1/cities/testopolis/newest/heat_substation").json()
    assert (now["device"], now["values"]["t_sec_supply"], now["values"]["t_dhw_supply"]) == ("dev-warm", 47.0, None)
    assert client.get("/api/v1/cities/nowhere/newest/heat_substation").status_code == 404
    listed = {k["name"]: k for k in client.get("/api/v1/kinds").json()}
    assert set(listed) == set(KINDS)
    assert listed["water_meter"]["points"][0]["title"] == {"zh": "累计用水量", "en": "Water volume, total"}
