"""Reporting, following and rating on the portal: as a form without scripts, and in a browser on a phone."""

import re
import threading

import pytest
import uvicorn
from fastapi.testclient import TestClient
from playwright.sync_api import expect

from application.requests.request import Entry, Step
from application.requests.store import HOUSE, step
from presentation.portal.limits import Pace
from support.postgres.connect import make_engine
from tests.integration.test_portal_browser import SMALL_TEXT, problems_of
from tests.integration.test_requests import CONFIGS, bring_in, catalogue, now_us

FORM = {"kind": "cold-home", "where": "Warm", "description": "It is 15 degrees in all rooms", "contact": ""}
KEY = re.compile(r"/(?:en|zh)/my-request/(\d+)/([\w-]{24})\?new=1")


@pytest.fixture
def portal(town):
    engine = make_engine(town.url, "test")
    town.engines.append(engine)
    files = (CONFIGS / "responsibilities.toml", CONFIGS / "rules.toml")
    bring_in(engine, *files, catalogue, "test", now_us(), CONFIGS / "requests.toml")
    town.answer = lambda number: _answer(engine, number)
    return town.portal()


def _answer(engine, number):
    with engine.begin() as on:
        step(on, number, Entry(Step.ANSWERED, now_us(), "console:wuye", "阀门已打开 <b>"), HOUSE)


@pytest.fixture
def client(portal):
    with TestClient(portal, follow_redirects=False) as client:
        yield client


def test_from_report_to_rating_without_scripts(client, town):
    assert "Four questions" in client.get("/en/report?community=home-warm").text
    sent = client.post("/en/report", data=FORM)
    assert sent.status_code == 303
    number, word = KEY.fullmatch(sent.headers["location"]).groups()
    address = f"/en/my-request/{number}/{word}"
    page = client.get(address + "?new=1")
    assert page.headers["cache-control"] == "no-store"
    assert "It lies with Property company, until" in page.text
    assert client.get(f"/en/my-request/{number}/{word[:-1]}x").status_code == 404
    found = client.post("/en/my-request", data={"number": f"#{number}", "word": word})
    assert found.headers["location"] == address
    town.answer(int(number))
    assert "阀门已打开 &lt;b&gt;" in client.get(address).text
    for told, status in (
        ({"what": "rated"}, 422), ({"what": "reopened", "comment": ""}, 422), ({"what": "nonsense"}, 404),
        ({"what": "confirmed"}, 303), ({"what": "confirmed"}, 409), ({"what": "rated", "grade": "1"}, 303),
        ({"what": "rated", "grade": "5"}, 303),
    ):  # fmt: skip
        assert client.post(address, data=told).status_code == status
    assert "You have rated it. Thank you. Somebody calls you back" in client.get(address).text


def test_a_report_that_may_be_there_already_is_shown_and_joined(client):
    first = KEY.fullmatch(client.post("/zh/report", data=FORM).headers["location"]).group(1)
    again = client.post("/zh/report", data=FORM)
    assert again.status_code == 200
    assert f'name="join" value="{first}"' in again.text
    assert f'value="{first}"' in client.post("/zh/report/similar", data=FORM).text
    joined = client.post("/zh/report", data=FORM | {"join": first})
    assert KEY.fullmatch(joined.headers["location"]).group(1) == first
    page = client.get(joined.headers["location"]).text
    assert FORM["description"] not in page
    assert KEY.fullmatch(client.post("/zh/report", data=FORM | {"anyway": "1"}).headers["location"]).group(1) != first


@pytest.mark.parametrize(("change", "says"), [
    ({"kind": "x"}, "Choose what it is about"), ({"where": "nowhere"}, "We know no community"),
    ({"description": ""}, "Say what is wrong"), ({"contact": "1" * 60}, "Write one telephone"),
    ({"where": "East"}, "Several communities"), ({"kind": "\0"}, "Choose what"),
])  # fmt: skip
def test_what_is_not_right_is_said_beside_its_field_and_nothing_is_lost(client, change, says):
    answer = client.post("/en/report", data=FORM | change)
    assert answer.status_code == 422
    assert says in answer.text


def test_rubbish_is_refused_and_scripts_stay_words(client):
    assert client.post("/en/report", content=b"x" * 40_000).status_code == 413
    assert client.post("/en/report", content=b"\xff\xfe=1").status_code == 400
    evil = "<script>alert(1)</script> & it is cold"
    sent = client.post("/en/report", data=FORM | {"description": evil, "contact": '"><img src=x>'})
    page = client.get(sent.headers["location"]).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    statuses = [client.post("/en/my-request", data={"number": "1", "word": "x"}).status_code for _ in range(25)]
    assert statuses[0] == 404
    assert statuses[-1] == 429


def test_an_address_is_forgotten_after_a_while():
    now = [0.0]
    pace = Pace(2, 60, lambda: now[0])
    assert [pace.allows("a"), pace.allows("a"), pace.allows("a"), pace.allows("b")] == [True, True, False, True]
    now[0] = 61
    assert pace.allows("a")


def test_my_flat_is_cold_on_a_phone_by_keys_in_chinese(portal, town, browser):
    server = uvicorn.Server(uvicorn.Config(portal, host="127.0.0.1", port=0, log_config=None))
    socket = server.config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    site = f"http://127.0.0.1:{socket.getsockname()[1]}"
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()

    def sound():
        assert problems_of(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate(SMALL_TEXT) == []

    try:
        page.goto(f"{site}/zh/report?community=home-warm")
        sound()
        page.locator("#kind-cold-home").focus()
        page.keyboard.press("Space")
        page.locator("#description").focus()
        page.keyboard.type("家里只有十五度")
        page.get_by_role("button", name="提交").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("谢谢，已收到。")).to_be_visible()
        sound()
        town.answer(int(re.search(r"/my-request/(\d+)/", page.url).group(1)))
        page.goto(page.url.partition("?")[0])
        sound()
        page.get_by_role("button", name="是的，已解决").click()
        page.get_by_label("很满意", exact=True).check()
        page.get_by_role("button", name="提交评价").click()
        expect(page.get_by_text("您已评价")).to_be_visible()
        page.goto(f"{site}/en/my-request")
        sound()
    finally:
        context.close()
        server.should_exit = True
        thread.join()
