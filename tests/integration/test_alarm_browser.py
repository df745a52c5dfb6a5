"""The pages of alarms in a browser: a flood of them, by keyboard, by thumb, in both languages and themes."""

from datetime import timedelta

import pytest
from alarmed import Alarmed, served
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from sqlalchemy import select

from support import tables
from tests.integration.conftest import COMMUNITIES, catalogue

AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SHAPES = {
    "phone": {"viewport": {"width": 360, "height": 800}, "color_scheme": "dark", "has_touch": True},
    "desk": {"viewport": {"width": 1920, "height": 1080}, "color_scheme": "light"},
}


@pytest.fixture
def town(database, tmp_path):
    alarmed = Alarmed(database, catalogue(), tmp_path)
    yield alarmed
    alarmed.engine.dispose()


@pytest.fixture
def site(town):
    with served(town.app) as address:
        yield address


@pytest.fixture
def open_tab(browser, site, town):
    """Open a tab of a shape, signed in under a name, or as a reader."""
    contexts = []

    def open_(shape="desk", name="anna"):
        context = browser.new_context(**SHAPES[shape])
        contexts.append(context)
        tab = context.new_page()
        tab.troubles = []
        tab.on("pageerror", lambda error: tab.troubles.append(str(error)))
        if name is not None:
            tab.goto(f"{site}/en/alarms#sign-in={town.invitations.invite(name)}")
            expect(tab.locator("#who")).to_have_text(name)
            assert "sign-in" not in tab.url
        return tab

    yield open_
    for context in contexts:
        context.close()


def flood(town):
    """Raise more than fit on a page, of every state; return the incident of some."""
    causes = [town.raised(name, "power_cut", minutes=9) for name in COMMUNITIES]
    every = [(name, k) for name in COMMUNITIES for k in range(45)]
    town.write([town.row(name, "sensor_out_of_range", f"p{k}", 1 + k % 3, minutes=10 + k) for name, k in every])
    under = [town.raised(name, "device_silent", minutes=5, suppressed_by="power_cut") for name in COMMUNITIES]
    gone = town.raised("mute", "door_open", minutes=300)
    town.changed(gone, cleared_at=town.now - timedelta(minutes=200))
    return town.incident("warm", "power_cut", [*causes, *under], [f"st-{name}" for name in COMMUNITIES])


@pytest.mark.parametrize(("language", "shape"), [("zh", "phone"), ("en", "desk")])
def test_pages_with_a_flood_are_accessible_and_fit_their_screen(open_tab, site, town, language, shape):
    incident, tab = flood(town), open_tab(shape)
    alarm = town.raised("tricky", "pump_failed", "pump_circ_1_fault")
    town.ordered(alarm)
    for path in ("alarms", "incidents", f"incidents/{incident}", "kpis", "work", f"alarms/{alarm}"):
        tab.goto(f"{site}/{language}/{path}")
        tab.wait_for_selector("body.may-write")
        tab.evaluate("document.querySelectorAll('details').forEach((d, i) => { d.open = i < 40; })")
        if path == "alarms":
            assert tab.locator(".alarm-row").count() == 200
        tab.evaluate("document.querySelectorAll('tbody tr').forEach((r, i) => { if (i > 20) r.remove(); })")
        found = Axe().run(tab, options=AXE)
        assert found.violations_count == 0, found.generate_report()
        assert tab.evaluate("document.documentElement.scrollWidth") == SHAPES[shape]["viewport"]["width"], path
    tab.locator("[data-act=shelve]").click()
    found = Axe().run(tab, options=AXE)
    assert found.violations_count == 0, found.generate_report()
    assert tab.troubles == []


def test_an_operator_needs_no_mouse(open_tab, town):
    first, second = town.raised("warm", minutes=20), town.raised("cool", minutes=10)
    third = town.raised("leaky", "door_open", priority=3)
    tab = open_tab()
    tab.reload()
    expect(tab.locator("body")).to_have_class("may-write")
    order = [row.get_attribute("data-alarm") for row in tab.locator(".alarm-row").all()]
    assert order == [str(second), str(first), str(third)]
    row = {a: tab.locator(f'.alarm-row[data-alarm="{a}"]') for a in (first, second, third)}
    tab.keyboard.press("j")
    expect(row[second]).to_be_focused()
    for key in ("x", "j", "x", "a"):
        tab.keyboard.press(key)
    expect(tab.locator("#told")).to_have_text("Acknowledged: 2")
    expect(row[second]).to_have_attribute("data-state", "acknowledged")
    expect(row[first]).to_be_focused()
    tab.keyboard.press("j")
    tab.keyboard.press("s")
    expect(tab.get_by_role("textbox", name="Reason")).to_be_focused()
    tab.keyboard.press("a")  # a letter in a field is a letter
    tab.keyboard.type(" valve is being changed")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(tab.locator("#told")).to_have_text("Shelved: 1")
    expect(row[third]).to_be_focused()
    expect(row[third]).to_have_class("alarm-row p3 unacknowledged gone")
    tab.keyboard.press("k")
    expect(row[first]).to_be_focused()
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog", name="Keyboard")).to_be_visible()
    tab.keyboard.press("Escape")
    with town.engine.connect() as on:
        (shelving,) = on.execute(select(tables.shelving)).all()
    assert (shelving.actor, shelving.reason) == ("console:anna", "a valve is being changed")
    assert tab.troubles == []


def test_an_order_is_moved_along_by_keys(open_tab, site, town):
    order = town.ordered(town.raised())
    tab = open_tab()
    tab.goto(f"{site}/en/work-orders")
    tab.wait_for_selector("body.may-write")
    card = tab.locator(f'[data-order="{order}"]')
    tab.keyboard.press("j")
    tab.keyboard.press("n")
    expect(tab.get_by_role("textbox", name="To whom")).to_be_focused()
    tab.keyboard.type("crew 3")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("region", name="Assigned 1").locator(card)).to_be_focused()
    tab.keyboard.press("n")
    expect(tab.get_by_role("region", name="On the way 1").locator(card)).to_be_focused()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", level=1)).to_contain_text("#1 Secondary return pressure low")
    expect(tab.locator("[data-part=order-journal] tbody tr")).to_have_count(3)
    assert tab.troubles == []


def test_nothing_jumps_while_somebody_works_and_others_see_what_was_done(open_tab, town):
    calm = town.raised("warm", "door_open", priority=3)
    here, there = open_tab(), open_tab(name="bo")
    for tab in (here, there):
        tab.reload()
        tab.wait_for_selector('.link-state[data-state="live"]')
    here.keyboard.press("j")
    urgent = town.raised("cool", minutes=1)
    button = here.locator("#show-new-alarms")
    expect(button).to_have_text("1 new: show", timeout=10_000)
    assert here.locator(".alarm-row").count() == 1
    expect(there.locator(".alarm-row").first).to_have_attribute("data-alarm", str(urgent), timeout=10_000)
    button.press("Enter")
    expect(here.locator(".alarm-row").first).to_be_focused()
    expect(here.locator(".alarm-row").first).to_have_attribute("data-alarm", str(urgent))
    here.keyboard.press("a")
    told = there.locator(f'.alarm-row[data-alarm="{urgent}"]')
    expect(told).to_have_attribute("data-state", "acknowledged", timeout=10_000)
    expect(there.locator(f'.alarm-row[data-alarm="{calm}"]')).to_be_visible()


def test_on_call_on_a_phone_two_taps_acknowledge_and_a_reader_is_told_how(open_tab, site, town):
    alarm = town.raised()
    tab = open_tab("phone")
    tab.goto(f"{site}/en/cities/testopolis")
    tab.wait_for_selector("body.may-write")
    tab.get_by_role("navigation", name="Pages").get_by_role("link", name="Alarms").tap()
    tab.get_by_role("button", name="Acknowledge Secondary return pressure low").tap()
    expect(tab.locator("#told")).to_have_text("Acknowledged: 1")
    with town.engine.connect() as on:
        by = on.scalar(select(tables.alarm.c.acknowledged_by).where(tables.alarm.c.alarm_id == alarm))
    assert by == "console:anna"
    reader = open_tab(name=None)
    reader.goto(f"{site}/en/alarms#sign-in=wrong")
    expect(reader.locator("#told")).to_contain_text("hearthline sign-in")
    expect(reader.locator(".alarm-tools .read-only")).to_be_visible()
    assert reader.locator("[data-act]:visible").count() == 0


def test_four_taps_on_a_phone_acknowledge_the_worst_alarm_and_open_its_order(open_tab, site, town):
    town.ordered(town.raised("cool", "pump_failed", "1"))  # which brings the responsibility list in
    alarm = town.raised("warm", "power_cut", minutes=5)
    tab = open_tab("phone")
    tab.goto(f"{site}/en/cities/testopolis")
    tab.wait_for_selector("body.may-write")
    taps = 0

    def tap(target):
        nonlocal taps
        target.tap()
        taps += 1

    tap(tab.get_by_role("navigation", name="Pages").get_by_role("link", name="Alarms"))
    tab.wait_for_selector("body.may-write .alarm-row")
    tap(tab.locator(f'.alarm-row[data-alarm="{alarm}"]').locator(f'a[href$="/alarms/{alarm}"]').first)
    tab.wait_for_selector("body.may-write [data-act=acknowledge]")
    tap(tab.locator("[data-act=acknowledge]"))
    expect(tab.locator("#told")).to_have_text("Acknowledged: 1")
    tap(tab.locator("[data-act=order]"))
    tab.wait_for_url("**/work-orders/*")
    with town.engine.connect() as on:
        a, w = tables.alarm.c, tables.work_order.c
        assert on.scalar(select(a.acknowledged_at).where(a.alarm_id == alarm)) is not None
        assert on.scalar(select(w.number).where(w.alarm_id == alarm)) is not None
    assert taps <= 4
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    assert tab.troubles == []


def test_a_page_whose_link_comes_back_looks_again(open_tab, town, site):
    tab, links, missed = open_tab(), [], []

    def deaf_at_first(page_side):
        links.append(page_side)
        served_side = page_side.connect_to_server()
        if len(links) == 1:  # it goes with the very word that something has changed
            served_side.on_message(lambda text: page_side.close() if missed and "changed" in text else None)

    tab.route_web_socket("**/live**", deaf_at_first)
    tab.goto(f"{site}/en/alarms")
    tab.wait_for_selector('.link-state[data-state="live"]')
    missed.append(town.raised("cool"))
    expect(tab.locator(f'.alarm-row[data-alarm="{missed[0]}"]')).to_be_visible(timeout=20_000)
    assert len(links) == 2
    assert tab.troubles == []


def test_explore_draws_no_chart_of_nothing_and_keeps_views_all_the_same(open_tab, site):
    tab = open_tab("phone")
    tab.goto(f"{site}/en/explore?city=testopolis")
    assert tab.locator("#trend-place").count() == 0
    tab.locator("#save-view input").fill("bare")
    tab.locator("#save-view button").click()
    expect(tab.locator("#saved-views a")).to_have_text("bare")
    tab.goto(f"{site}/en/explore?city=testopolis&series=dev-warm:t_outdoor")
    expect(tab.locator(".trend-graph")).to_be_visible(timeout=20_000)
    assert tab.troubles == []
