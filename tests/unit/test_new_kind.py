"""`make new-kind`: what it writes needs no touch, and a bad or taken name is refused before anything is written."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("perception", "network", "support", "simulators", "tests/contract", "tests/rigs")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """As much of the checkout as a kind is written into and tested with."""
    folder = tmp_path_factory.mktemp("checkout")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests" / "cases" / "kinds", folder / "tests" / "cases" / "kinds")
    shutil.copy(ROOT / "tests" / "cases" / "test_kinds.py", folder / "tests" / "cases")
    for file in ("pyproject.toml", "CHANGELOG.md", "scripts/new_kind.py", "tests/conftest.py"):
        (folder / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    return folder


def run(checkout, *words):
    return subprocess.run(
        [sys.executable, *words], cwd=checkout, capture_output=True, text=True, check=False, timeout=150
    )


def files(checkout):
    return {f: f.read_bytes() for room in ("perception", "tests/cases") for f in (checkout / room).rglob("*.[pj]*")}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "cannot name a kind"),
        ("ab", "cannot name a kind"),
        ("Valve", "cannot name a kind"),
        ("valve-chamber", "cannot name a kind"),
        ("../valve", "cannot name a kind"),
        ("v" * 41, "cannot name a kind"),
        ("class", "a word of Python"),
        ("data", "says nothing"),
        ("street_lamp", "is taken: perception/kinds/street_lamp.py"),
    ],
)
def test_a_bad_or_taken_name_is_refused_and_nothing_is_written(checkout, name, why):
    before = files(checkout)
    done = run(checkout, "scripts/new_kind.py", name)
    assert done.returncode == 1
    assert why in done.stderr
    assert files(checkout).keys() == before.keys()


def test_what_it_writes_passes_lint_types_and_contract_untouched(checkout):
    done = run(checkout, "scripts/new_kind.py", "valve_chamber")
    assert done.returncode == 0, done.stderr
    kind = "perception/kinds/valve_chamber.py"
    assert "`valve_chamber`" in (checkout / "CHANGELOG.md").read_text().partition("## Unreleased")[2][:300]
    assert len(json.loads((checkout / "tests/cases/kinds/valve_chamber.json").read_text())) == 5
    tools = (
        ("ruff", "check", kind, "tests/cases"), ("ruff", "format", "--check", kind), ("mypy", kind),
        ("pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_every_kind.py", "tests/cases", "-k", "valve"),
    )  # fmt: skip
    for tool in tools:
        checked = run(checkout, "-m", *tool)
        assert checked.returncode == 0, (tool, checked.stdout[-2000:], checked.stderr[-2000:])
    assert run(checkout, "scripts/new_kind.py", "valve_chamber").returncode == 1
