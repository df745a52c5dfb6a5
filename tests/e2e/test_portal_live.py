"""The portal of a whole running system: real and simulated communities, their answers, and what a visitor sees."""

import json
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

SIMULATED, RECORDED = "xuecheng", "nis"


@pytest.fixture(scope="module")
def communities(system):
    """What the portal's list says, once every station has been heard."""
    limit = time.monotonic() + 60
    while True:
        _, body = system.get(f"{system.portal}/api/v1/communities?limit=500")
        found = json.loads(body)["communities"]
        heard = [one for one in found if one["read_at"] is not None]
        if len(heard) == len(found) > 0 and {one["city"] for one in found} >= {SIMULATED, RECORDED}:
            return found
        assert time.monotonic() < limit, f"{len(heard)} of {len(found)} communities have been heard"
        time.sleep(0.5)


def test_every_community_has_an_answer_and_most_of_the_pretend_city_is_warm(communities):
    simulated = [one["verdict"] for one in communities if one["city"] == SIMULATED]
    assert len(simulated) >= 40
    assert simulated.count("normal") > len(simulated) / 2
    assert all(20 < one["t_supply"] < 95 for one in communities if one["t_supply"] is not None)


def test_the_recorded_city_names_its_source_and_the_pretend_one_says_what_it_is(system, communities, browser):
    page = browser.new_page()
    for city, there, absent in (
        (RECORDED, "CC BY 4.0", "Simulated city."),
        (SIMULATED, "Simulated city.", "CC BY 4.0"),
    ):
        name = next(one["name"] for one in communities if one["city"] == city)
        page.goto(f"{system.portal}/en/community/{name}")
        expect(page.locator("body")).to_contain_text(there)
        expect(page.locator("body")).not_to_contain_text(absent)
    page.close()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_of_the_running_system_are_accessible_and_ask_no_other_host(system, communities, browser, language):
    asked = []
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.on("request", lambda request: asked.append(request.url))
    worst = next((one for one in communities if one["notices"]), communities[0])["name"]
    for path in ("", "about", "data", f"community/{worst}"):
        page.goto(f"{system.portal}/{language}/{path}")
        assert Axe().run(page).response["violations"] == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    page.close()
    assert [url for url in asked if not url.startswith(system.portal)] == []
