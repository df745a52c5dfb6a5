"""The console in a real browser on a whole running system."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

CITY = "xuecheng"
PAGES = (
    "/{language}/cities/xuecheng", "/{language}/cities/nis", "/{language}/stations/{station}", "/{language}/none",
    "/{language}/stations/{station}?tab=quality&compare=week", "/{language}/explore?series={station}:t_sec_supply",
)  # fmt: skip
COUNT_CHANGES = """() => {
    window.changes = 0;
    const value = document.querySelector('.value[data-point=t_sec_supply]');
    const count = new MutationObserver(() => { window.changes += 1; });
    count.observe(value, {childList: true, characterData: true, subtree: true});
}"""
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
WIDE, PHONE = {"width": 1920, "height": 1080}, {"width": 360, "height": 800}


@pytest.fixture(scope="module")
def station(system) -> str:
    """The name of a station with an alarm, if there is one."""
    rows = json.loads(system.get(f"{system.console}/api/v1/cities/{CITY}/stations")[1])
    return max(rows, key=lambda row: row["alarms"])["name"]


@pytest.fixture
def tab(browser, system) -> Iterator:
    """A tab that notes which hosts are asked and what goes wrong."""
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.hosts, page.troubles = set(), []
    page.on("request", lambda request: page.hosts.add(urlsplit(request.url).netloc))
    page.on("websocket", lambda socket: page.hosts.add(urlsplit(socket.url).netloc))
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("console", lambda said: page.troubles.append(said.text) if said.type == "error" else None)
    yield page
    context.close()


def open_chart(tab, address):
    tab.goto(address)
    tab.wait_for_selector(".trend-graph .main-svg", timeout=60_000)
    tab.wait_for_selector(
        ".trend-graph .scatterlayer path", state="attached", timeout=60_000
    )  # flat lines have no height


def wait_live(tab):
    tab.wait_for_selector('.link-state[data-state="live"]', timeout=30_000)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(tab, system, station, path, language, viewport):
    tab.set_viewport_size(viewport)
    address = system.console + path.format(language=language, station=station)
    if "stations" in path or "explore" in path:
        open_chart(tab, address)
    else:
        tab.goto(address)
    tab.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    found = Axe().run(tab, options=AXE)
    assert found.violations_count == 0, found.generate_report()


def test_axe_finds_nothing_in_the_dark(tab, system, station):
    tab.emulate_media(color_scheme="dark")
    for path in (f"zh/stations/{station}?tab=orders", f"en/explore?series={station}:t_sec_supply"):
        open_chart(tab, f"{system.console}/{path}")
        tab.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        found = Axe().run(tab, options=AXE)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_pages_ask_no_other_host_and_nothing_goes_wrong(tab, system, station, viewport):
    tab.set_viewport_size(viewport)
    tab.goto(f"{system.console}/en/cities/{CITY}")
    wait_live(tab)
    open_chart(tab, f"{system.console}/zh/stations/{station}")
    wait_live(tab)
    assert tab.hosts == {urlsplit(system.console).netloc}
    assert tab.troubles == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_overview_fits_a_wide_screen_and_a_phone_scrolls_one_way_only(tab, system, station, language):
    tab.goto(f"{system.console}/{language}/cities/{CITY}")
    size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    assert tab.evaluate(size) == [WIDE["width"], WIDE["height"]]
    tab.set_viewport_size(PHONE)
    assert tab.evaluate(size)[0] == PHONE["width"]
    open_chart(tab, f"{system.console}/{language}/stations/{station}")
    assert tab.evaluate(size)[0] == PHONE["width"]


def test_the_first_screen_is_not_empty(tab, system):
    tab.goto(f"{system.console}/en/cities/{CITY}")
    assert tab.locator("table.stations tbody tr").count() == 40
    assert tab.locator(".station-mark").count() == 40
    assert tab.locator(".banner.season").inner_text().startswith("Simulated city.")
    tab.wait_for_selector("[data-part=alarms] [data-alarm]", timeout=90_000)
    tab.wait_for_selector("table.journal tbody tr", timeout=90_000)
    assert re.fullmatch(r"[\d,.]+", tab.locator("[data-sum=heat_power]").inner_text())


class ForeignDevice:
    """A device of its own station, played by mosquitto_pub."""

    name = station = "foreign-e2e-1"

    def __init__(self, system):
        if shutil.which("mosquitto_pub") is None:
            pytest.skip("no mosquitto_pub here: apt-get install mosquitto-clients")
        self.system = system
        self.page = f"{system.console}/en/stations/{self.station}"
        added = system.call(
            "devices",
            "add",
            self.name,
            "--kind",
            "heat_substation",
            "--station",
            self.station,
            "--new-station",
            "--city",
            "nis",
        )
        assert added.returncode == 0, added.stderr
        self.say_until_stored(40.0)

    def say(self, supply):
        words = json.dumps({"ts": int(time.time() * 1000), "values": {"t_sec_supply": supply}})
        address = ["-h", "127.0.0.1", "-p", str(self.system.broker_port)]
        topic = f"hearthline/v1/{self.name}/readings"
        subprocess.run(["mosquitto_pub", *address, "-q", "1", "-t", topic, "-m", words], check=True, timeout=10)

    def say_until_stored(self, supply):
        """Publish until ingest has met the device: it looks at the catalogue every few seconds."""
        limit = time.monotonic() + 20
        while True:
            self.say(supply)
            row = json.loads(self.system.get(f"{self.system.console}/api/v1/stations/{self.station}")[1])["station"]
            if row["values"].get("t_sec_supply") == supply:
                return
            assert time.monotonic() < limit, "the new device was not met within 20 s"


@pytest.fixture(scope="module")
def foreign(system) -> ForeignDevice:
    return ForeignDevice(system)


def shown(tab):
    return tab.locator(".value[data-point=t_sec_supply]").first.inner_text()


def wait_shown(tab, text, timeout_ms):
    script = "(text) => document.querySelector('.value[data-point=t_sec_supply]').textContent === text"
    tab.wait_for_function(script, arg=text, timeout=timeout_ms)


def test_a_value_from_a_foreign_client_is_on_the_page_within_two_seconds(tab, foreign):
    tab.goto(foreign.page)
    wait_live(tab)
    began = time.monotonic()
    foreign.say(61.37)
    wait_shown(tab, "61.4", 10_000)
    assert time.monotonic() - began < 2.0


def test_paused_values_stand_still_and_then_catch_up(tab, foreign):
    tab.goto(foreign.page)
    wait_live(tab)
    foreign.say(52.0)
    wait_shown(tab, "52.0", 10_000)
    tab.keyboard.press("Escape")
    tab.locator("#pause").press("Enter")
    tab.evaluate(COUNT_CHANGES)
    foreign.say_until_stored(53.0)
    assert shown(tab) == "52.0"
    assert tab.evaluate("window.changes") == 0
    tab.locator("#pause").press("Enter")
    wait_shown(tab, "53.0", 5_000)


def test_without_a_socket_the_page_polls_and_says_so(tab, foreign):
    tab.route_web_socket("**/live**", lambda socket: socket.close())
    tab.goto(foreign.page)
    tab.wait_for_selector('.link-state[data-state="polling"]', timeout=30_000)
    foreign.say_until_stored(54.0)
    wait_shown(tab, "54.0", 10_000)


def test_a_page_that_has_lost_everything_says_so(tab, foreign):
    tab.goto(foreign.page)
    wait_live(tab)
    tab.route_web_socket("**/live**", lambda socket: socket.close())
    tab.route("**/api/**", lambda route: route.abort())
    tab.goto(foreign.page)
    tab.wait_for_selector("#lost:not([hidden])", timeout=30_000)
    assert "No live connection" in tab.locator("#lost").inner_text()


def test_the_address_that_run_prints_lets_one_person_in_and_no_file_keeps_it(tab, system, browser):
    address = system.heard_line("#sign-in=", within_s=10).split()[-1]
    tab.goto(address)
    tab.wait_for_selector("body.may-write")
    assert "sign-in" not in tab.url
    tab.goto(f"{system.console}/zh/alarms")
    wait_live(tab)
    tab.wait_for_selector(".alarm-row [data-act=acknowledge]", timeout=90_000)
    assert tab.troubles == []
    assert address.partition("#sign-in=")[2] not in (system.home / "log" / "hearthline.log").read_text()
    with browser.new_context() as other:
        late = other.new_page()
        late.goto(address)
        late.wait_for_function("document.getElementById('announce').textContent.includes('hearthline sign-in')")
        assert late.locator("body.may-write").count() == 0


def test_the_keyboard_is_enough(tab, system):
    tab.goto(f"{system.console}/en/cities/{CITY}")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to content"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"
    head = tab.get_by_role("button", name="Supply °C")
    head.press("Enter")
    column = "[...document.querySelectorAll('table.stations td.t_sec_supply .value')].map((e) => Number(e.textContent))"
    tab.locator("#pause").press("Enter")
    values = tab.evaluate(column)
    assert head.locator("..").get_attribute("aria-sort") == "descending"
    assert abs(values[0] - max(values)) < 1
    tab.locator("#find").fill("homes")
    rows = tab.locator("table.stations tbody tr:visible")
    assert 0 < rows.count() < 40
    rows.first.locator("a").press("Enter")
    tab.wait_for_url("**/en/stations/**")


def test_the_chart_follows_its_buttons_and_the_address(tab, system, station):
    open_chart(tab, f"{system.console}/en/stations/{station}?span=48h")
    assert tab.locator("[data-choice][aria-current]").all_inner_texts() == ["48 h", "Temperatures", "alone"]
    tab.get_by_role("link", name="Pressures").press("Enter")
    tab.wait_for_function(
        "() => document.querySelector('.trend-graph').textContent.includes('Primary supply pressure')"
    )
    assert tab.url.endswith("span=48h&topic=pressures")
    tab.go_back()
    tab.wait_for_function("() => document.querySelector('.trend-graph').textContent.includes('Outdoor temperature')")
    tab.locator("#trend-table summary").click()
    assert tab.locator("#trend-table tbody tr").count() > 10


def test_a_zoom_by_keys_asks_for_finer_data_and_the_way_back_leads_out(tab, system, station):
    open_chart(tab, f"{system.console}/en/stations/{station}?span=48h")
    tab.wait_for_selector(".trend-tools .trend-words")
    coarse = tab.locator(".trend-words").inner_text()
    assert "means of" in coarse
    for _ in range(3):
        with tab.expect_response(lambda r: "_dash-update" in r.url and "from=" in (r.request.post_data or "")):
            tab.locator("[data-move=in]").press("Enter")
        tab.wait_for_function("(was) => document.querySelector('.trend-words').textContent !== was", arg=coarse)
        coarse = tab.locator(".trend-words").inner_text()
    assert "every reading" in coarse
    assert "&from=" in tab.url
    tab.locator(".whole-span").press("Enter")
    tab.wait_for_url(f"**/{station}?span=48h")


def test_lists_keep_what_the_chart_shows_and_a_view_is_kept_by_name(tab, system, station):
    open_chart(tab, f"{system.console}/en/stations/{station}")
    tab.get_by_role("link", name="7 d", exact=True).press("Enter")
    tab.locator("[data-tab=ledger]").press("Enter")
    tab.wait_for_url("**tab=ledger**")
    assert "span=7d" in tab.url
    assert tab.locator("[data-tab=ledger]").get_attribute("aria-current") == "true"
    open_chart(tab, f"{system.console}/en/explore?series={station}:t_sec_supply")
    tab.locator("#save-view input").fill("mine")
    tab.locator("#save-view input").press("Enter")
    tab.reload()
    address = tab.get_by_role("link", name="mine", exact=True).get_attribute("href")
    assert address == f"?series={station}:t_sec_supply"
    with tab.expect_download() as taken:
        tab.locator("[data-picture]").click()
    assert taken.value.suggested_filename == "hearthline-trend.png"
