"""Answering alarms in the console: nobody writes without a session and a page of ours, and what is done stands."""

import json
import re
from datetime import timedelta
from uuid import uuid4

import pytest
from alarmed import Alarmed
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from support import tables
from tests.integration.conftest import catalogue

HTML = {"accept": "text/html"}
BASE = "http://console.test"
SAME = {"origin": BASE}
SUBJECT = "station:st-warm"


@pytest.fixture
def town(database, tmp_path):
    alarmed = Alarmed(database, catalogue(), tmp_path)
    yield alarmed
    alarmed.engine.dispose()


@pytest.fixture
def client(town):
    with TestClient(town.app, base_url=BASE, client=("127.0.0.1", 50000)) as running:
        yield running


@pytest.fixture
def signed(client, town):
    """The headers with which somebody who is signed in writes; the client keeps the cookie."""
    told = client.post("/api/v1/session", json={"word": town.invitations.invite("anna")}, headers=SAME).json()
    return {**SAME, "x-hearthline-proof": told["proof"]}


def writing_routes(client):
    for path, methods in client.get("/api/openapi.json").json()["paths"].items():
        for method in set(methods) & {"post", "put", "patch", "delete"}:
            yield (
                method,
                path.replace("{alarm}", str(uuid4())).replace("{subject}", SUBJECT).replace("{order}", str(uuid4())),
            )


def bodies():
    alarms = [str(uuid4())]
    return [
        {"step": "started"},
        {"community": "home-warm", "temperature_c": 17.5, "noticed_at": "2026-01-20T08:00:00Z"},
        {"alarm": alarms[0]},
        {"comment": "x"},
        {"reason": "x", "minutes": 5},
        {"reason": "x"},
        {},
        *({**more, "alarms": alarms} for more in ({"comment": "x"}, {"reason": "x", "minutes": 5}, {"reason": "x"})),
    ]


def answers(client, method, path, headers):
    """Return how a route answers to any body: a wrong body is refused before anybody asks who writes."""
    every = {client.request(method, path, json=body, headers=headers).status_code for body in bodies()}
    return every - {422}


def test_no_route_writes_without_session_origin_and_proof(client, town, signed):
    routes = [r for r in writing_routes(client) if r[1] != "/api/v1/session"]
    assert len(routes) >= 10
    kept = client.cookies.get("hearthline_console")
    for method, path in routes:
        assert answers(client, method, path, {"x-hearthline-proof": signed["x-hearthline-proof"]}) == {403}, path
        evil = {**signed, "origin": "http://evil.test"}
        assert answers(client, method, path, evil) == {403}, path
        assert answers(client, method, path, SAME) == {403}, path
        assert answers(client, method, path, {**SAME, "x-hearthline-proof": "f" * 64}) == {403}, path
        client.cookies.clear()
        assert answers(client, method, path, signed) == {401}, path
        client.cookies.set("hearthline_console", kept, domain="console.test", path="/")
    with town.engine.connect() as on:
        assert on.scalar(select(tables.audit.c.audit_id).where(tables.audit.c.actor.like("console:%"))) is None


def test_signing_in_and_out(client, town):
    word = town.invitations.invite("anna")
    assert client.get("/api/v1/session").json() == {"name": None, "proof": None, "until": None}
    for headers in ({}, {"origin": "http://evil.test"}, {"origin": "null"}):
        assert client.post("/api/v1/session", json={"word": word}, headers=headers).status_code == 403
    assert client.post("/api/v1/session", json={"word": "wrong"}, headers=SAME).status_code == 403
    answer = client.post("/api/v1/session", json={"word": word}, headers=SAME)
    cookie = answer.headers["set-cookie"].lower()
    assert all(words in cookie for words in ("httponly", "samesite=strict", "path=/"))
    assert "no-store" in answer.headers["cache-control"]
    assert client.get("/api/v1/session").json()["name"] == "anna"
    proof = {**SAME, "x-hearthline-proof": answer.json()["proof"]}
    assert client.delete("/api/v1/session", headers=SAME).status_code == 403
    assert client.delete("/api/v1/session", headers=proof).status_code == 200
    assert client.get("/api/v1/session").json()["name"] is None
    assert client.post("/api/v1/session", json={"word": word}, headers=SAME).status_code == 403


def test_what_is_done_stands_in_journal_and_audit_under_its_actor(client, town, signed):
    alarm = town.raised()
    path = f"/api/v1/alarms/{alarm}"
    assert client.post(f"{path}/acknowledge", json={"comment": "crew sent"}, headers=signed).json()["done"] == [
        str(alarm)
    ]
    assert client.post(f"{path}/acknowledge", json={}, headers=signed).status_code == 409
    assert client.post(f"{path}/shelve", json={"reason": "drain", "minutes": 60}, headers=signed).status_code == 200
    assert client.post(f"{path}/comment", json={"comment": "<b>老</b>"}, headers=signed).status_code == 200
    assert client.post(f"{path}/unshelve", json={}, headers=signed).status_code == 200
    assert client.post(f"{path}/unshelve", json={}, headers=signed).status_code == 409
    with town.engine.connect() as on:
        entries = on.execute(select(tables.alarm_event).order_by(tables.alarm_event.c.alarm_event_id)).all()
        acts = list(on.scalars(select(tables.audit.c.action).where(tables.audit.c.actor == "console:anna")))
    assert [e.what for e in entries] == ["raised", "acknowledged", "shelved", "commented", "unshelved"]
    assert {e.actor for e in entries[1:]} == {"console:anna"}
    assert acts == ["alarm acknowledged", "alarm shelved", "alarm commented", "alarm unshelved"]
    page = client.get(f"/en/alarms/{alarm}", headers=HTML).text
    assert "&lt;b&gt;老&lt;/b&gt;" in page
    assert "crew sent" in page


def test_several_at_once_are_done_as_far_as_they_can_be(client, town, signed):
    first, second = town.raised(), town.raised("cool")
    town.changed(second, acknowledged_at=town.now, acknowledged_by="cli:other")
    nobody = uuid4()
    body = {"alarms": [str(first), str(second), str(nobody), str(first)]}
    told = client.post("/api/v1/alarms/acknowledge", json=body, headers=signed).json()
    assert told["done"] == [str(first)]
    assert set(told["refused"]) == {str(second), str(nobody)}
    assert "acknowledged already" in told["refused"][str(second)]


def test_what_makes_no_sense_is_refused_with_the_reason(client, town, signed):
    alarm = town.raised()
    path = f"/api/v1/alarms/{alarm}"
    for verb, body, status in (
        ("acknowledge", {"comment": "x" * 2001}, 422),
        ("acknowledge", {"comment": "bell \x07"}, 422),
        ("acknowledge", {"other": 1}, 422),
        ("shelve", {"reason": "x", "minutes": 1441}, 422),
        ("shelve", {"reason": "x", "minutes": 0}, 422),
        ("shelve", {"reason": "  ", "minutes": 5}, 409),
        ("comment", {"comment": " "}, 409),
    ):
        answer = client.post(f"{path}/{verb}", json=body, headers=signed)
        assert answer.status_code == status, (verb, body)
        assert answer.json()["detail"]
    assert client.post(f"/api/v1/alarms/{uuid4()}/acknowledge", json={}, headers=signed).status_code == 404
    assert client.post("/api/v1/alarms/none/acknowledge", json={}, headers=signed).status_code == 422
    assert client.post("/api/v1/alarms/acknowledge", json={"alarms": []}, headers=signed).status_code == 422


def test_a_station_goes_out_of_service_and_comes_back(client, town, signed):
    town.raised()
    out, back = f"/api/v1/subjects/{SUBJECT}/out-of-service", f"/api/v1/subjects/{SUBJECT}/in-service"
    assert client.post(back, json={}, headers=signed).status_code == 409
    assert client.post(out, json={"reason": "welding", "minutes": 60}, headers=signed).status_code == 204
    assert client.post(out, json={"reason": "welding"}, headers=signed).status_code == 409
    assert 'data-state="out_of_service"' in client.get("/en/alarms?state=out_of_service", headers=HTML).text
    assert "data-alarm" not in client.get("/en/alarms", headers=HTML).text
    assert client.post(back, json={"reason": "done"}, headers=signed).status_code == 204
    nowhere = client.post("/api/v1/subjects/station:nowhere/out-of-service", json={"reason": "x"}, headers=signed)
    assert nowhere.status_code == 404


def test_an_order_is_opened_moved_along_and_verified_by_the_data_alone(client, town, signed):
    alarm = town.raised()
    none = client.post("/api/v1/work-orders", json={"alarm": str(alarm)}, headers=signed)
    assert (none.status_code, "nobody answers" in none.json()["detail"]) == (409, True)
    order = town.ordered(alarm)
    assert client.post("/api/v1/work-orders", json={"alarm": str(alarm)}, headers=signed).status_code == 409
    assert client.post("/api/v1/work-orders", json={"alarm": str(uuid4())}, headers=signed).status_code == 404

    def step(word, **more):
        answer = client.post(f"/api/v1/work-orders/{order}/steps", json={"step": word, **more}, headers=signed)
        return answer.status_code, answer.json().get("state")

    assert step("started") == (409, None)
    assert step("assigned") == (409, None)
    assert step("assigned", to="crew 3 <b>") == (200, "assigned")
    assert step("arrived") == (200, "on_site")
    assert step("noted", comment="valve leaks", minutes=20, parts=["gasket"]) == (200, "on_site")
    assert step("done", minutes=10) == (200, "done")
    assert step("verified") == (409, None)
    assert step("exploded") == (422, None)
    [row] = client.get("/api/v1/cities/testopolis/work-orders").json()
    assert (row["state"], row["minutes"], row["parts"]) == ("done", 30, ["gasket"])
    told = client.get(f"/api/v1/work-orders/{order}").json()
    assert [e["what"] for e in told["journal"]] == ["opened", "assigned", "arrived", "noted", "done"]
    assert {e["actor"] for e in told["journal"]} == {"console:anna"}
    for language in ("zh", "en"):
        assert f'data-order="{order}"' in client.get(f"/{language}/work-orders", headers=HTML).text
        page = client.get(f"/{language}/work-orders/{order}", headers=HTML).text
        assert "crew 3 &lt;b&gt;" in page
        assert "valve leaks" in page
    assert client.get(f"/api/v1/work-orders/{uuid4()}").status_code == 404
    assert client.get("/en/work-orders?city=nowhere", headers=HTML).status_code == 404


def test_a_latched_alarm_is_acknowledged_and_then_reset(client, town, signed):
    alarm = town.raised(latched=True)
    path = f"/api/v1/alarms/{alarm}/reset"
    assert client.post(path, json={}, headers=signed).status_code == 409
    town.changed(alarm, cleared_at=town.now)
    assert 'data-state="latched_unacknowledged"' in client.get("/en/alarms?state=latched", headers=HTML).text
    assert client.post(f"/api/v1/alarms/{alarm}/acknowledge", json={}, headers=signed).status_code == 200
    assert client.post("/api/v1/alarms/reset", json={"alarms": [str(alarm)]}, headers=signed).json()["done"]
    assert "data-alarm" not in client.get("/en/alarms?state=all", headers=HTML).text


def rows_of(page):
    return re.findall(r'<tr class="alarm-row[^>]*data-alarm="([^"]+)"', page)


def test_the_list_ranks_folds_filters_and_escapes(client, town):
    minor, urgent = town.raised("cool", "door_open", priority=3), town.raised("tricky")
    cause = town.raised("leaky", "power_cut", minutes=9)
    child = town.raised("leaky", "device_silent", priority=2, minutes=5, suppressed_by="power_cut")
    incident = town.incident("leaky", "power_cut", [cause, child])
    returned = town.raised("stale", minutes=90)
    town.changed(returned, cleared_at=town.now)
    seen = town.raised("mute", minutes=95)
    town.changed(seen, cleared_at=town.now, acknowledged_at=town.now)
    page = client.get("/en/alarms", headers=HTML).text
    assert rows_of(page) == [str(cause), str(urgent), str(minor), str(returned)]
    assert page.count("explains 1 alarm") == 1
    assert f'href="/en/incidents/{incident}"' in page
    assert "first out" in page
    assert "<script>alert(1)" not in page
    for query, found in (
        ("priority=3", [minor]),
        ("state=suppressed", [child]),
        ("state=returned_unacknowledged", [returned]),
        ("family=power", [cause]),
        ("station=st-cool", [minor]),
        ("rule=device_silent", [cause]),
        ("text=%E9%97%A8", [minor]),
        ("text=%00<script>", []),
        ("state=nonsense&priority=9&family=x", [cause, urgent, minor, returned]),
    ):
        assert rows_of(client.get(f"/zh/alarms?{query}", headers=HTML).text) == list(map(str, found)), query
    assert client.get("/en/alarms?city=nowhere", headers=HTML).status_code == 404
    assert client.get("/en/alarms?city=%00", headers=HTML).status_code == 404


@pytest.mark.parametrize("language", ["zh", "en"])
def test_stories_and_figures_in_both_languages(client, town, language):
    cause, child = town.raised("warm", "power_cut"), town.raised("warm", minutes=10, suppressed_by="power_cut")
    incident = town.incident("warm", "power_cut", [cause, child], ["st-warm", "st-cool"])
    story = client.get(f"/{language}/incidents/{incident}", headers=HTML).text
    assert story.index(f"/{language}/alarms/{cause}") < story.rindex(f"/{language}/alarms/{child}")
    assert {"en": "Proposed cause", "zh": "推断原因"}[language] in story
    assert "/stations/st-cool" in story
    figures = client.get(f"/{language}/kpis?span=24h&operators=2", headers=HTML).text
    assert "≤ 150" in figures
    assert figures.count("<svg") > 8
    for path in ("alarms/none", f"alarms/{uuid4()}", "incidents/%00", f"incidents/{uuid4()}", "kpis?city=x"):
        assert client.get(f"/{language}/{path}", headers=HTML).status_code == 404, path


def test_viewers_are_told_of_what_others_do_and_metrics_follow(client, town):
    with client.websocket_connect("/live?city=testopolis") as socket:
        for station in ("warm", "cool"):  # the first may fall before the console's first look
            town.raised(station)
            assert json.loads(socket.receive_text()) == {"v": 1, "changed": True}
    told = client.get("/metrics").text
    assert "hearthline_alarms_raised_day" in told


def test_a_console_without_acts_lets_nobody_in(town):
    from alarmed import KINDS, quiet

    from presentation.app import create_console
    from presentation.settings import ConsoleSettings

    app = create_console(town.views, ConsoleSettings(), quiet(), KINDS)
    with TestClient(app, base_url=BASE) as client:
        word = town.invitations.invite("anna")
        assert client.post("/api/v1/session", json={"word": word}, headers=SAME).status_code == 403
        assert client.get("/en/alarms", headers=HTML).status_code == 200


def test_a_database_that_is_away_is_said_and_nothing_is_pretended(town, tmp_path):
    from alarmed import KINDS, quiet
    from sqlalchemy import create_engine

    from application.acts import Acts
    from application.views import Views
    from presentation.app import create_console
    from presentation.settings import ConsoleSettings
    from support.postgres.reader import PostgresReader

    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none", connect_args={"connect_timeout": 1})
    views, acts = Views(away, PostgresReader(), KINDS, {}), Acts(away, town.acts.desk)
    app = create_console(views, ConsoleSettings(), quiet(), KINDS, (acts, town.invitations))
    with TestClient(app, base_url=BASE) as client:
        told = client.post("/api/v1/session", json={"word": town.invitations.invite("anna")}, headers=SAME).json()
        headers = {**SAME, "x-hearthline-proof": told["proof"]}
        answer = client.post(f"/api/v1/alarms/{uuid4()}/acknowledge", json={}, headers=headers)
    away.dispose()
    assert (answer.status_code, "cannot be reached" in answer.json()["detail"]) == (503, True)


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "http://", "//", "http://a]b", "\x80"])
def test_an_origin_that_is_no_address_is_refused(client, signed, origin):
    told = {**signed, "origin": origin.encode("latin-1")}
    assert client.post("/api/v1/session", json={"word": "x"}, headers=told).status_code == 403
    assert client.post(f"/api/v1/alarms/{uuid4()}/acknowledge", json={}, headers=told).status_code == 403


def test_a_body_that_is_too_long_is_refused_before_anybody_holds_it(client, signed):
    def endless():
        for _ in range(40):
            sent.append(1)
            yield b"[" * 65_536

    sent = []
    for path in ("/api/v1/session", "/api/v1/alarms/acknowledge", "/_dash-update-component"):
        assert client.post(path, content=b"[" * 300_000, headers=SAME).status_code == 413, path
    streamed = client.post("/api/v1/alarms/acknowledge", content=endless(), headers=signed)
    assert streamed.status_code == 413
    assert "262144 bytes" in streamed.json()["detail"]
    most = {"alarms": [str(uuid4()) for _ in range(1000)], "comment": "\u8bdd" * 2000}
    assert client.post("/api/v1/alarms/acknowledge", json=most, headers=signed).status_code == 200


@pytest.mark.parametrize("rubbish", ["a\x00b", "\x1b[31mred", "line\nline"])
def test_nobody_and_no_part_is_named_with_control_characters(client, town, signed, rubbish):
    order = town.ordered(town.raised())
    path = f"/api/v1/work-orders/{order}/steps"
    told = [
        {"step": "assigned", "to": rubbish},
        {"step": "noted", "comment": "seen", "to": rubbish},
        {"step": "noted", "parts": [rubbish]},
    ]
    for body in told:
        answer = client.post(path, json=body, headers=signed)
        assert answer.status_code == 409, (body, answer.text)
        assert "control characters" in answer.json()["detail"]
    assert client.post(path, json={"step": "noted", "parts": ["seal 35 mm"]}, headers=signed).status_code == 200


@pytest.mark.parametrize("language", ["en", "zh"])
def test_incidents_are_listed_with_cause_homes_hours_and_order(client, town, language):
    cause, child = town.raised("warm", "power_cut"), town.raised("warm", "pump_failed", element="1")
    incident = town.incident("warm", "power_cut", [cause, child])
    order = town.ordered(cause)
    page = client.get(f"/{language}/incidents", headers=HTML).text
    assert f'href="/{language}/incidents/{incident}"' in page
    assert f'href="/{language}/work-orders/{order}"' in page
    [line] = client.get("/api/v1/cities/testopolis/incidents").json()
    assert (line["card"]["rule"], line["card"]["alarms"], line["drill"]) == ("power_cut", 2, False)
    assert line["order"][0] == str(order)
    assert line["hours"] is None  # nobody has foreseen anything yet


def test_an_incident_that_is_over_stays_for_a_week(client, town):
    alarms = [town.raised("warm", "power_cut"), town.raised("cool", "power_cut")]
    kept, gone = (town.incident(place, "power_cut", [a]) for place, a in zip(("warm", "cool"), alarms, strict=True))
    ends = {kept: town.now + timedelta(minutes=1), gone: town.now - timedelta(days=8)}
    with town.engine.begin() as on:
        for incident, end in ends.items():
            c = tables.incident.c
            times = {"closed_at": end, "opened_at": end - timedelta(hours=1)}
            on.execute(update(tables.incident).where(c.incident_id == incident).values(times))
    page = client.get("/en/incidents", headers=HTML).text
    assert str(kept) in page
    assert str(gone) not in page
    assert client.get("/en/incidents?city=nowhere", headers=HTML).status_code == 404


def test_the_selected_alarms_can_be_reset_together(client):
    assert 'data-bulk="reset"' in client.get("/en/alarms", headers=HTML).text


def test_a_room_measured_on_site_is_recorded_and_nonsense_is_refused(client, signed, town):
    told = {"community": "home-warm", "temperature_c": 16.5, "noticed_at": "2026-01-20T08:00:00+08:00"}
    told |= {"taken_at": "2026-01-20T12:00:00+08:00", "request": "R-7"}
    answer = client.post("/api/v1/measurements", json=told, headers=signed)
    assert answer.status_code == 201, answer.text
    with town.engine.connect() as on:
        row = on.execute(select(tables.measurement)).one()
    assert (row.measurement_id, row.temperature_c, row.request) == (answer.json()["measurement"], 16.5, "R-7")
    assert row.actor == "console:anna"
    for wrong, status in (({"community": "nowhere"}, 404), ({"temperature_c": 99}, 422), ({"noticed_at": "x"}, 422)):
        assert client.post("/api/v1/measurements", json={**told, **wrong}, headers=signed).status_code == status
    assert client.post("/api/v1/measurements", json=told).status_code in {401, 403}
