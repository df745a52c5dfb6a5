"""Take the pictures of docs/images from a running system.

python scripts/screenshots.py                 start a system of its own, in a folder that is removed afterwards
python scripts/screenshots.py CONSOLE [PORTAL]   of a system that runs already, by the addresses of its pages
python scripts/screenshots.py look            only those of the page of `hearthline look`, which needs no system
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

CHECKOUT = Path(__file__).resolve().parents[1]
IMAGES = CHECKOUT / "docs" / "images"
MOST_BYTES = 400_000
SETTLE_MS = 1500
DAY_MS = 86_400_000
WIDE, PHONE = (1920, 1080), (360, 800)
STATION = "xc-laocheng-07"
CONSOLE_SHOTS = {
    "console-overview-en": ("/en/cities/xuecheng", WIDE),
    "console-overview-zh": ("/zh/cities/xuecheng", WIDE),
    "console-station-en": (f"/en/stations/{STATION}", WIDE),
    "console-station-zh": (f"/zh/stations/{STATION}", WIDE),
    "console-real-station-en": ("/en/stations/nis-l4", WIDE),
    "console-phone-zh": ("/zh/cities/xuecheng", PHONE),
    "console-phone-station-en": (f"/en/stations/{STATION}", PHONE),
}
PORTAL_SHOTS = {
    "portal-zh": ("/zh", PHONE),
    "portal-en": ("/en", PHONE),
}

LOOK_SHOTS = {"look-en": ("en", "light"), "look-zh": ("zh", "dark")}
LOOK_SIZE = (1280, 1120)


def main() -> None:
    """Take every picture."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    if sys.argv[1:] == ["look"]:
        with chromium() as browser:
            take_look(browser)
        return
    if len(sys.argv) > 1:
        take_all(*sys.argv[1:3])
        return
    sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "tests")]
    from conftest import running_system  # noqa: PLC0415 - only where a system is to be started

    folder = Path(tempfile.mkdtemp(prefix="hearthline-screenshots-"))
    folder.chmod(0o755)
    try:
        with running_system(folder) as system:
            wait_for_the_past(system.console)
            take_all(system.console, system.portal)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_the_past(console: str) -> None:
    """Wait until the day before is stored, and for the two minutes in which its rollups are made at the latest."""
    limit = time.monotonic() + 120
    address = f"{console}/api/v1/stations/{STATION}/trend?points=t_sec_supply"
    while time.monotonic() < limit:
        told = httpx.get(address, timeout=30).json()
        drawn = sum(value is not None for value in told["series"].get("t_sec_supply", {}).get("mean", []))
        if drawn and told["ts"][-1] - told["ts"][0] > DAY_MS * 0.97:
            return
        time.sleep(1)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium without a window."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise SystemExit("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        switches = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        yield playwright.chromium.launch(executable_path=found, args=switches)


def take_all(console: str, portal: str | None = None) -> None:
    """Take the pictures of the console, of the portal when its address is given, and of the page of look."""
    with chromium() as browser:
        for name, (path, size) in CONSOLE_SHOTS.items():
            take(browser, name, console.rstrip("/") + path, size)
        for name, (path, size) in PORTAL_SHOTS.items() if portal else ():
            take(browser, name, portal.rstrip("/") + path, size)
        take_look(browser)


def take_look(browser: Browser) -> None:
    """Take the pictures of the page that `hearthline look` writes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "look.html"
        subprocess.run([sys.executable, "-m", "hearthline", "look", "--out", str(file)], cwd=CHECKOUT, check=True)
        for name, (language, theme) in LOOK_SHOTS.items():
            page = browser.new_page(viewport={"width": LOOK_SIZE[0], "height": LOOK_SIZE[1]})
            page.goto(f"{file.as_uri()}?lang={language}&theme={theme}")
            keep(page, name)


def keep(page: Page, name: str) -> None:
    """Write what is seen, and refuse a picture that is too heavy for a document."""
    target = IMAGES / f"{name}.png"
    page.screenshot(path=target)
    page.close()
    if target.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{target} is {target.stat().st_size} bytes, more than {MOST_BYTES}")
    print(f"{target.relative_to(CHECKOUT)}  {target.stat().st_size // 1000} kB")


def take(browser: Browser, name: str, address: str, size: tuple[int, int]) -> None:
    """Take one picture of what a reader sees first."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme="light")
    answer = page.goto(address)
    if answer is None or not answer.ok:
        raise SystemExit(f"{address} cannot be shown: {answer.status if answer else 'no answer'}")
    settle(page)
    keep(page, name)


def settle(page: Page) -> None:
    """Wait until the page is live and its chart, if it has one, is drawn."""
    if page.locator(".link-state").count():
        page.wait_for_selector('.link-state[data-state="live"]', timeout=30_000)
    if page.locator("#trend-place").count():
        page.wait_for_selector(".trend-graph .scatterlayer path", timeout=60_000)
    page.wait_for_timeout(SETTLE_MS)


if __name__ == "__main__":
    main()
