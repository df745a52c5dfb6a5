"""The portal over a real database: pages, open data, errors, and what every response carries."""

import csv
import io
import re

import pytest
from fastapi.testclient import TestClient

from application.public import PublicViews
from presentation.portal.app import create_portal
from presentation.portal.guard import PROTECTION
from presentation.settings import PortalSettings
from support.postgres.projection import Access, portal_engine

LANGUAGES = ("zh", "en")
VERDICTS = {
    "warm": "normal",
    "tricky": "normal",
    "cool": "below_target",
    "leaky": "disturbed",
    "stale": "cannot_tell",
    "mute": "cannot_tell",
    "blind": "cannot_tell",
    "aimless": "cannot_tell",
}
PAGES = ["/", "/about", "/data", *(f"/community/home-{name}" for name in VERDICTS)]
HEAVIEST = 50_000


@pytest.fixture
def client(town):
    with TestClient(town.portal(), follow_redirects=False) as client:
        yield client


def test_each_community_gets_its_answer_in_pages_list_and_api(client):
    for name, verdict in VERDICTS.items():
        assert client.get(f"/api/v1/communities/home-{name}").json()["verdict"] == verdict
        for language in LANGUAGES:
            page = client.get(f"/{language}/community/home-{name}")
            assert page.status_code == 200
            assert f'data-verdict="{verdict}"' in page.text
    listed = re.findall(r'href="/en/community/home-(\w+)">.*?class="tag (\w+)"', client.get("/en/").text)
    assert dict(listed) == VERDICTS


def test_a_page_says_what_was_read_when_and_what_was_aimed_at(client, town):
    page = client.get("/en/community/home-cool").text
    assert "<b>41.0</b>" in page
    assert "47.0 °C" in page
    assert "−20.0 °C" in page
    assert "Simulated city." in page
    assert "A cold night" in page
    assert "Test data, CC0" in page
    assert re.search(r'<time datetime="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ">', page)
    assert "a person there has confirmed it" in page


def test_unknown_facts_are_said_to_be_unknown(client):
    assert "not known" in client.get("/en/community/home-mute").text
    assert "不详" in client.get("/zh/community/home-mute").text
    assert client.get("/api/v1/communities/home-mute").json()["t_supply"] is None


def test_names_from_the_catalogue_are_text_never_markup(client):
    for path in ("/en/", "/en/community/home-tricky", "/zh/community/home-tricky", "/zh/?q=<script>alert(2)</script>"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert "<b>老" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; sons" in client.get("/en/").text


@pytest.mark.parametrize(("words", "found"), [
    ("warm", {"warm"}),
    ("WARM", {"warm"}),
    ("East", set(VERDICTS)),
    ("leaky区", {"leaky"}),
    ("  leaky\u3000区 ", set()),
    ("100%_", set()),
    ("\0", set(VERDICTS)),
    ("'; drop schema portal; --", set()),
    ("x" * 5000, set()),
])  # fmt: skip
def test_search_works_as_a_plain_form(client, words, found):
    page = client.get("/zh/", params={"q": words})
    assert page.status_code == 200
    assert set(re.findall(r"/zh/community/home-(\w+)", page.text)) == found


def test_a_large_network_shows_its_districts_first(client, town):
    town.owner.execute(
        "insert into community (name, title_zh, title_en, station)"
        " select 'many-' || i, '多' || i, 'Many ' || i, 'st-warm' from generate_series(1, 150) i"
    )
    page = client.get("/en/").text
    assert "/community/" not in page
    assert "Show 158 communities" in page
    first = client.get("/en/?district=test-east").text
    assert len(re.findall("/en/community/", first)) == 100
    assert "Page 1 of 2" in first
    second = client.get("/en/?district=test-east&page=2").text
    assert len(re.findall("/en/community/", second)) == 58
    assert client.get("/en/?district=test-east&page=nonsense").status_code == 200
    assert len(first) < HEAVIEST


def test_the_entrance_goes_by_what_the_browser_prefers(client):
    for preferred, language in (
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN", "zh"),
        ("fr, en;q=0.4, zh;q=0.6", "zh"),
        ("", "zh"),
    ):
        answer = client.get("/", headers={"Accept-Language": preferred})
        assert (answer.status_code, answer.headers["location"]) == (302, f"/{language}/")
        assert "Accept-Language" in answer.headers["vary"]


def test_every_response_is_guarded_and_light(client):
    paths = [f"/{language}{page}" for language in LANGUAGES for page in (*PAGES, "/nowhere")]
    for path in (*paths, "/api/v1/cities", "/api/nowhere", "/api/openapi.json", "/healthz", "/"):
        answer = client.get(path)
        for name, value in PROTECTION.items():
            assert answer.headers[name] == value, (path, name)
        assert "cache-control" in answer.headers
        assert len(answer.content) < HEAVIEST
        assert not re.search(r"<script(?! src=\"/assets/)|<style| style=| on\w+=", answer.text), path
        assert "set-cookie" not in answer.headers


def test_a_whole_first_visit_weighs_less_than_fifty_kilobytes(client):
    page = client.get("/zh/community/home-warm")
    assets = set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', page.text))
    assert len(assets) == 3
    answers = [client.get(link) for link in assets]
    assert all("immutable" in answer.headers["cache-control"] for answer in answers)
    assert len(page.content) + sum(len(answer.content) for answer in answers) < HEAVIEST


def test_pages_link_to_no_other_host(client):
    for language in LANGUAGES:
        for page in PAGES:
            links = re.findall(r'(?:href|src|action)="([^"]*)"', client.get(f"/{language}{page}").text)
            assert links
            assert [link for link in links if not link.startswith(("/", "#", "?")) or link.startswith("//")] == []


def test_what_is_not_there_is_said_in_the_visitors_language(client):
    assert "This page does not exist" in client.get("/en/community/nobody").text
    assert "没有这个页面" in client.get("/zh/nowhere").text
    assert "This page does not exist" in client.get("/nowhere", headers={"Accept-Language": "en"}).text
    for path in ("/en/community/nobody", "/zh/nowhere", "/nowhere", "/fr/", "/en/community/a%00b"):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["cache-control"] == "no-store"
    for path in ("/api/v1/communities/nobody", "/api/v1/nothing", "/api/", "/api/v1/communities/nobody/history.csv"):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["detail"]
    assert client.get("/api/v1/communities/home-warm/history?hours=49").status_code == 422
    assert client.post("/en/").status_code == 405


def test_head_is_answered_wherever_get_is(client):
    for path in ("/en/", "/api/v1/cities", "/healthz"):
        answer = client.head(path)
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_history_is_the_same_as_json_and_as_csv(client):
    steps = client.get("/api/v1/communities/home-warm/history?hours=24").json()["steps"]
    assert len(steps) == 144
    assert {step["t_supply"] for step in steps} == {47.0, None}
    answer = client.get("/api/v1/communities/home-warm/history.csv?hours=24")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["at"] for row in rows] == [step["at"] for step in steps]
    assert [row["t_supply"] for row in rows] == ["" if s["t_supply"] is None else "47.0" for s in steps]


def test_the_table_tells_what_the_chart_shows(client):
    page = client.get("/en/community/home-warm").text
    cells = re.findall(r'<tr><th scope="row">[^<]+</th><td class="n">([^<]+)</td>', page)
    assert 24 <= len(cells) <= 25
    assert set(cells) == {"47.0", "no readings"}
    assert 'class="gap"' in page


def test_open_data_may_be_read_from_other_sites_and_pages_may_not(client):
    assert client.get("/api/v1/cities").headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in client.get("/en/").headers


def test_every_address_of_the_api_is_described_on_the_page_for_programs(client):
    for language in LANGUAGES:
        page = client.get(f"/{language}/data").text
        for path in client.get("/api/openapi.json").json()["paths"]:
            assert f"GET {path}" in page


def test_readiness_tells_the_truth_and_pages_say_that_it_is_not_your_heating(client, town):
    assert client.get("/readyz").json() == {"status": "ok"}
    town.owner.execute("drop view portal.community cascade")
    town.owner.execute("drop view portal.city cascade")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "portal.city" not in answer.text
    assert client.get("/healthz").status_code == 200


def test_an_empty_database_is_an_answer_too(database, empty_town):
    empty_town.owner.execute("delete from device; delete from building; delete from community")
    with TestClient(empty_town.portal()) as client:
        assert "No communities are listed yet." in client.get("/en/").text
        assert client.get("/zh/about").status_code == 200
        assert client.get("/api/v1/availability").json() == []


@pytest.fixture
def cut_off():
    """A portal whose database cannot be reached."""
    engine = portal_engine("postgresql://nobody:x@127.0.0.1:1/nothing", Access.OWNER, None)
    with TestClient(
        create_portal(PublicViews(engine, lambda: 0), PortalSettings()), raise_server_exceptions=False
    ) as c:
        yield c
    engine.dispose()


def test_without_its_database_the_portal_lives_and_says_so(cut_off):
    assert cut_off.get("/healthz").status_code == 200
    assert cut_off.get("/readyz").status_code == 503
    page = cut_off.get("/en/community/home-warm")
    assert (page.status_code, page.headers["retry-after"]) == (503, "30")
    assert "This says nothing about your heating" in page.text
    assert "暂时读不到数据" in cut_off.get("/zh/").text
    answer = cut_off.get("/api/v1/cities")
    assert (answer.status_code, answer.json()) == (503, {"detail": "the data cannot be read at the moment"})


class Broken(PublicViews):
    """Views with a fault of ours."""

    def communities(self, **_):
        raise ZeroDivisionError("secret detail")


def test_a_fault_of_ours_is_a_page_of_ours_without_its_inside():
    portal = create_portal(
        Broken(portal_engine("postgresql://x@127.0.0.1:1/x", Access.OWNER, None), lambda: 0), PortalSettings()
    )
    with TestClient(portal, raise_server_exceptions=False) as client:
        for path, words in (("/en/", "Something went wrong on our side"), ("/zh/", "我们这边出错了")):
            answer = client.get(path)
            assert answer.status_code == 500
            assert words in answer.text
            assert "secret" not in answer.text
            assert answer.headers["content-security-policy"]
        assert client.get("/api/v1/communities").json() == {"detail": "this is a fault of ours; it was logged"}


def test_a_city_that_is_played_back_is_not_shown_as_live(client, town):
    town.owner.execute("update city set simulated = false, season_en = 'Recorded in 2024', season_zh = '2024 年的记录'")
    page = client.get("/en/community/home-warm").text
    assert "Not live." in page
    assert "Recorded in 2024" in page
    assert "Simulated city." not in page
    assert "非实时数据" in client.get("/zh/community/home-warm").text
    assert "played back" in client.get("/en/").text
