"""The page of `hearthline look` in Chromium: written by the verb, read by a person."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    file = tmp_path_factory.mktemp("look") / "page.html"
    done = subprocess.run(
        [sys.executable, "-m", "hearthline", "look", "--days", "7", "--out", str(file)],
        cwd=CHECKOUT, check=False, capture_output=True, text=True, timeout=150,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "judged lines agree" in done.stdout
    return file


@pytest.mark.parametrize(("width", "language", "theme"), [(1280, "en", "light"), (390, "zh", "dark")])
def test_the_page_is_whole_quiet_and_fits(browser, written, width, language, theme):
    said, asked = [], []
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url.split(":")[0]))
    page.goto(f"{written.as_uri()}?lang={language}&theme={theme}")
    assert page.locator("svg").count() == 8 + 3 + 5 + 3
    lengths = page.eval_on_selector_all(".week-panel path.line", "lines => lines.map(l => l.getTotalLength())")
    assert len(lengths) == 2 * (1 + 2 + 3 + 1)
    assert min(lengths) > 300
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    other = "zh" if language == "en" else "en"
    assert page.locator(f"h1 .{language}").is_visible()
    assert not page.locator(f"h1 .{other}").is_visible()
    panel = page.locator(".week-panel").first.bounding_box()
    page.mouse.move(panel["x"] + panel["width"] / 2, panel["y"] + panel["height"] / 2)
    assert "°C" in page.locator("#reading-real").inner_text()
    page.click("#language")
    assert page.locator(f"h1 .{other}").is_visible()
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") != theme
    page.close()
    assert not said
    assert set(asked) <= {"file", "data"}
