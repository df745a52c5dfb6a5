"""The verbs of scenarios, as a person types them."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from perception.kinds import load_kinds
from perception.seed_files import load_catalogue
from simulators import scenario_commands
from simulators.city import generate_city
from simulators.faults import KINDS, FaultError, ScenarioError, read_truth
from support.commands.listing import show

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
NOW = 1_795_000_000_000_000


@pytest.fixture(scope="module")
def app():
    made = typer.Typer()
    made.callback()(lambda: None)
    scenario_commands.register(
        made,
        scenario_commands.Ports(
            cities=lambda n: load_catalogue(CONFIGS / "cities") if n is None else generate_city(n, 1),
            kinds=load_kinds,
            shipped=CONFIGS / "scenarios",
            clock=lambda: NOW,
            show=show,
        ),
    )
    return made


def said(app, *words):
    done = CliRunner().invoke(app, ["scenarios", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_check_counts_faults_and_writes_what_would_be_wrong(app, tmp_path):
    truth = tmp_path / "truth.jsonl"
    told = json.loads(
        said(app, "check", CONFIGS / "scenarios" / "power-cut.toml", "--stations", 60, "--truth", truth, "--json")
    )
    assert [(row["kind"], row["faults"]) for row in told] == [("power_cut", 1)]
    rows = read_truth(truth)
    assert len(rows) == told[0]["devices"] == 20, "a third of sixty stations lies in the district that was drawn"
    assert {row.begins for row in rows} == {NOW + 30 * 60 * 1_000_000}


def test_check_of_the_demo_in_the_city_that_comes_along(app):
    told = said(app, "check", CONFIGS / "scenarios" / "demo.toml")
    assert "leak" in told
    assert "sensor_fixed" in told
    assert "xuecheng" in told


def test_check_refuses_with_every_problem(app, tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text('[[faults]]\nkind = "leek"\nstation = "xc-beian-05"\n[[faults]]\nkind = "leak"\n')
    with pytest.raises(ScenarioError) as told:
        said(app, "check", file)
    assert len(str(told.value).splitlines()) == 2
    assert str(file) in str(told.value)


def test_list_shows_every_kind_and_every_file(app):
    told = said(app, "list")
    assert all(kind in told for kind in KINDS)
    assert "each-fault.toml: Every fault once" in told
    assert [row["kind"] for row in json.loads(said(app, "list", "--json"))] == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_explain_tells_the_parameters_of_a_kind(app, kind):
    told = said(app, "explain", kind)
    assert KINDS[kind].title.zh in told
    rows = json.loads(said(app, "explain", kind, "--json"))
    assert [row["parameter"] for row in rows] == list(KINDS[kind].parameters.model_fields)


def test_explain_of_a_kind_that_is_none_names_those_that_are(app):
    with pytest.raises(FaultError, match="use one of leak, burst"):
        said(app, "explain", "leek")
