"""The portal in a browser: accessible, narrow and wide, light and dark, with scripts and without, alone."""

import threading
from datetime import UTC, datetime

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

AXE = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "rules": {"target-size": {"enabled": True}},
}
SHAPES = {
    "phone": {"viewport": {"width": 360, "height": 800}, "color_scheme": "light"},
    "desk": {"viewport": {"width": 1920, "height": 1080}, "color_scheme": "dark"},
}
PAGES = (
    "", "?q=nobody", "about", "data", "nowhere",
    *(f"community/home-{name}" for name in ("warm", "cool", "leaky", "stale", "mute", "tricky")),
)  # fmt: skip
SMALL_TEXT = """() => [...document.querySelectorAll("body *")].filter(e =>
    [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())
    && parseFloat(getComputedStyle(e).fontSize) < 16).map(e => e.outerHTML.slice(0, 80))"""


@pytest.fixture
def site(town):
    """The address of the portal of the town, served on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(town.portal(), host="127.0.0.1", port=0, log_config=None))
    socket = server.config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def problems_of(page) -> list[tuple[str, list[str]]]:
    violations = Axe().run(page, options=AXE).response["violations"]
    return [(found["id"], [node["html"][:120] for node in found["nodes"]]) for found in violations]


@pytest.mark.parametrize(("language", "shape"), [("zh", "phone"), ("en", "desk")])
def test_every_page_is_accessible_fits_its_screen_and_asks_no_other_host(site, browser, language, shape):
    asked, said = set(), []
    context = browser.new_context(**SHAPES[shape])
    page = context.new_page()
    page.on("request", lambda request: asked.add(request.url))
    page.on("console", lambda message: said.append(message.text))
    for path in PAGES:
        page.goto(f"{site}/{language}/{path}")
        assert problems_of(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= SHAPES[shape]["viewport"]["width"], path
        assert page.evaluate(SMALL_TEXT) == [], path
    context.close()
    assert len(asked) > len(PAGES)
    assert [url for url in asked if not url.startswith(f"{site}/")] == []
    assert [text for text in said if "404" not in text] == []


def test_a_citizen_finds_a_community_without_scripts_and_by_keyboard_alone(site, browser):
    context = browser.new_context(java_script_enabled=False, locale="en-GB", **SHAPES["phone"])
    page = context.new_page()
    page.goto(site)
    expect(page).to_have_url(f"{site}/en/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Name of your community or district")).to_be_focused()
    page.keyboard.type("cool")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Cool").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Cool")
    expect(page.locator("#headline")).to_have_text("No, it is below target")
    page.get_by_text("The same as a table").press("Enter")
    expect(page.get_by_role("table")).to_be_visible()
    assert page.get_by_role("row").count() >= 25
    page.get_by_role("link", name="中文").press("Enter")
    expect(page).to_have_url(f"{site}/zh/community/home-cool")
    expect(page.locator("#headline")).to_have_text("不正常，低于目标")
    context.close()


def test_figures_renew_themselves_and_can_be_paused(site, browser, town):
    context = browser.new_context(**SHAPES["phone"])
    page = context.new_page()
    page.goto(f"{site}/en/community/home-cool")
    page.get_by_text("The same as a table").click()
    page.get_by_role("button", name="Pause updates").click()
    town.read("dev-cool", datetime.now(UTC), supply=46.4)
    expect(page.locator(".number b")).to_have_text("41.0")
    page.get_by_role("button", name="Resume updates").click()
    expect(page.locator(".number b")).to_have_text("46.4")
    expect(page.get_by_role("status")).to_have_text("Yes, it is normal")
    expect(page.get_by_role("table")).to_be_visible()
    page.get_by_role("button", name="Pause updates").click()
    context.set_offline(True)
    page.get_by_role("button", name="Resume updates").click()
    expect(page.get_by_role("status")).to_have_text("No connection: what you see may be old.")
    context.close()


def test_motion_is_for_those_who_want_it_and_print_leaves_the_controls_out(site, browser):
    context = browser.new_context(reduced_motion="reduce", **SHAPES["desk"])
    page = context.new_page()
    page.goto(f"{site}/en/community/home-warm")
    assert page.evaluate("getComputedStyle(document.querySelector('a')).transitionDuration") == "0s"
    page.emulate_media(media="print")
    expect(page.locator("#updates")).to_be_hidden()
    expect(page.locator("svg.trend")).to_be_visible()
    context.close()
