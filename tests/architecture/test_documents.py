"""The documents and the code say the same: every verb, setting, error word and kind is described."""

import importlib.util
import re
from pathlib import Path

import pytest
from typer.main import get_command

import hearthline
from perception.kinds import load_kinds
from perception.readings import Reason
from perception.seed_files import load_catalogue

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
EVERYTHING = "\n".join(d.read_text(encoding="utf-8") for d in DOCUMENTS)


def verbs():
    command = get_command(hearthline.app)
    for name, verb in command.commands.items():
        yield from ((f"{name} {inner}" for inner in verb.commands) if hasattr(verb, "commands") else (name,))


def settings():
    for section, field in hearthline.Settings.model_fields.items():
        yield from (f"{section}.{key}" for key in field.annotation.model_fields)


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_every_verb_is_documented(verb):
    assert re.search(rf"`(\.venv/bin/)?hearthline {verb}\b|\| `{verb}\b", EVERYTHING), f"say in docs what `{verb}` does"


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_every_verb_says_what_it_does(verb):
    command = get_command(hearthline.app)
    for word in verb.split():
        command = command.commands[word]
    assert command.help


@pytest.mark.parametrize("setting", sorted(settings()))
def test_every_setting_is_documented(setting):
    assert f"`{setting}`" in EVERYTHING, f"say in docs/operations.md what {setting} does"


@pytest.mark.parametrize("kind", sorted(load_kinds()))
def test_every_kind_is_named(kind):
    assert f"`{kind}`" in EVERYTHING


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (document.parent / target).exists(), f"{document.name} points at {target}"


ROOMS = "perception|network|support|application|presentation|simulators|configs|tests|docs"
INVENTED = {"perception/kinds/valve_chamber.py", "configs/mappings/gateway.toml"}
"""Files that a how-to makes the reader write."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
def test_files_that_are_named_exist(document):
    named = re.findall(rf"`((?:{ROOMS})/[\w./-]+)`", document.read_text(encoding="utf-8"))
    missing = [n for n in named if n not in INVENTED and not (ROOT / n).exists()]
    assert not missing, f"{document.name} names {missing}"


def test_places_and_devices_of_examples_exist():
    catalogue = load_catalogue(ROOT / "configs" / "cities")
    known = {row.name for field in type(catalogue).model_fields for row in getattr(catalogue, field)}
    assert not set(re.findall(r"\bxc-[a-z]+-\d+\b", EVERYTHING)) - known


def test_every_metric_is_documented():
    sources = "\n".join(
        f.read_text(encoding="utf-8") for room in ROOMS.split("|")[:6] for f in (ROOT / room).rglob("*.py")
    )
    metrics = set(re.findall(r'(?:Counter|Gauge|Histogram)\(\s*"(hearthline_\w+)"', sources))
    assert metrics
    assert not {m for m in metrics if f"`{m}`" not in EVERYTHING}


def test_every_reason_of_a_reject_is_documented():
    assert not {reason for reason in Reason if f"`{reason}`" not in EVERYTHING}


def test_no_row_of_the_operations_page_stands_twice():
    for table in re.split(r"\n(?!\|)", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")):
        firsts = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
        assert len(firsts) == len(set(firsts)), sorted({f for f in firsts if firsts.count(f) > 1})


def test_the_table_of_reasons_is_the_code_s():
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = page[page.index("| reason |") : page.index("A reject is `open`")]
    told = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(told) == sorted(Reason)


def test_the_page_of_rules_is_what_the_rules_say():
    told = importlib.util.spec_from_file_location("rules_page", ROOT / "scripts" / "rules_page.py")
    script = importlib.util.module_from_spec(told)
    told.loader.exec_module(script)
    assert script.PAGE.read_text("utf-8") == script.page(), "write it anew: python scripts/rules_page.py"
