"""From publish to the pixels: a value on the station page of a real browser, beside what broker and database cost."""

import json
import shutil
import socket
import time
import urllib.error
import urllib.request

from figures import emit, percentiles, say
from latency import floor
from playwright.sync_api import sync_playwright

SAMPLES = 30
SHOWN = "(text) => document.querySelector('.value[data-point=t_sec_supply]').textContent === text"
LIVE_WITHIN_S = 30.0
SWITCHES = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]


def measure(rig):
    """Tell the median and the 95th percentile in milliseconds."""
    chromium = shutil.which("chromium")
    if chromium is None:
        say("chromium is not installed: its figures are left out")
        return
    samples = _samples(rig, chromium)
    yardsticks = percentiles(floor(rig))
    for name, value, yardstick in zip(("p50", "p95"), percentiles(samples), yardsticks, strict=True):
        emit(f"publish_to_browser_{name}", value, "ms",
             against="publish, receive, insert one row, commit", yardstick=yardstick)  # fmt: skip


def _samples(rig, chromium):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    console = f"http://127.0.0.1:{port}"
    [(name, station)] = rig.ask("select name, station from device where kind = 'heat_substation' limit 1")
    serving = rig.process("serve", "console", ready=lambda: _ready(console), HEARTHLINE_CONSOLE__PORT=str(port))
    with rig.ingesting(), serving, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        page = browser.new_page()
        _publish(rig, name, 40.0)
        page.goto(f"{console}/en/stations/{station}")
        _wait_live(rig, name, page)
        samples = [_sample(rig, name, page, 45 + n / 10) for n in range(SAMPLES)]
        browser.close()
    return samples


def _wait_live(rig, name, page):
    """Publish until the page follows: it has its socket then."""
    until, value = time.monotonic() + LIVE_WITHIN_S, 41.0
    while page.locator(".value[data-point=t_sec_supply]").inner_text() != f"{value:.1f}":
        if time.monotonic() > until:
            raise RuntimeError("the page does not follow")
        _publish(rig, name, value)
        time.sleep(0.3)


def _sample(rig, name, page, value):
    time.sleep(0.4)  # frames go out at most four times a second; each sample is alone
    began = time.perf_counter()
    _publish(rig, name, value)
    page.wait_for_function(SHOWN, arg=f"{value:.1f}", timeout=10_000)
    return (time.perf_counter() - began) * 1000


def _publish(rig, name, value):
    body = {"ts": time.time_ns() // 1_000_000, "values": {"t_sec_supply": value, "t_sec_supply_setpoint": value}}
    rig.outlet.publish(f"hearthline/v1/{name}/readings", json.dumps(body).encode())


def _ready(console):
    try:
        with urllib.request.urlopen(f"{console}/readyz", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
