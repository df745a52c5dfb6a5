"""A small trial from end to end: blind engine, files that recompute to the same figures, the same again for a seed."""

import gzip
import json
import threading
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from application.trial.apart import PLAIN, EngineApart, EngineLostError, engines_of
from perception.kinds import load_kinds
from perception.seed_files import load_catalogue
from simulators.city import generate_city
from simulators.climate import SEASONS
from simulators.trial.report import printed
from simulators.trial.score import SCORING_SEED, TUNING_SEEDS, Trial, recomputed, run
from simulators.trial.truths import TrialFileError
from simulators.trial.winters import REAL, played

ROOT = Path(__file__).resolve().parents[2]
RULES, THRESHOLDS = ROOT / "configs/rules.toml", ROOT / "configs/trial/plain-thresholds.toml"
KINDS = load_kinds()
TRIAL = Trial(
    ROOT / "configs/scenarios/season-400.toml", 15, 0.2, TUNING_SEEDS[0], 1_764_547_200_000_000, SEASONS["winter"],
    "winter",
)  # fmt: skip


def play(out, plain=None, trial=TRIAL):
    return run(trial, KINDS, engines_of(RULES, plain), out, threading.Event(), lambda *_: None)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    out = tmp_path_factory.mktemp("trial")
    return out, play(out, THRESHOLDS)


instant = datetime.fromisoformat


def lines(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_stranger_comes_to_the_same_figures(told):
    """Only the files and the page: nothing of our own code."""
    out, figures = told
    alarms, truth, facts = (
        lines(out / "alarms.jsonl"),
        lines(out / "truth.jsonl"),
        json.loads((out / "run.json").read_text()),
    )
    shown = [a for a in alarms if a["operator"]]

    def within(alarm, fault, begin, due):
        inside = (
            fault[due] and fault[begin] and instant(fault[begin]) <= instant(alarm["opened_at"]) <= instant(fault[due])
        )
        return inside and alarm["rule"] in fault["rules"] and alarm["station"] in fault["stations"]

    found = [f for f in truth if any(within(a, f, "from", "due") for a in shown)]
    belong = [a for a in shown if any(within(a, f, *w) for f in truth for w in (("from", "due"), ("to", "due_again")))]
    false = [a for a in shown if a not in belong]
    end = datetime.fromisoformat(facts["end"])
    missed = [f for f in truth if f not in found and f["rules"] and datetime.fromisoformat(f["due"]) <= end]
    assert len(found) > 10
    assert figures["precision"] == round(len(found) / (len(found) + len(false)), 4)
    assert figures["recall"] == round(len(found) / (len(found) + len(missed)), 4)
    days = facts["stations"] * (end - datetime.fromisoformat(facts["begin"])) / timedelta(days=1)
    assert figures["operator_alarms_per_station_day"] == round(len(shown) / days, 4)
    assert sum(row["injected"] for row in figures["per_fault"].values()) == len(truth)
    assert recomputed(out, ("", PLAIN))["per_fault"] == figures["per_fault"]


def test_the_engine_knew_nothing_and_the_truth_came_last(told):
    out, figures = told
    engine = json.loads((out / "engine.json").read_text())
    assert engine["knows_the_pretend_world"] is False
    assert engine["readings"] > 15 * 0.15 * 1440
    for folder in (out, out / PLAIN):
        assert (folder / "alarms.jsonl").stat().st_mtime_ns <= (out / "truth.jsonl").stat().st_mtime_ns
    assert {"precision", "recall"} <= figures["beside"][PLAIN].keys()
    assert "secondary_leak" not in figures["beside"][PLAIN]["per_rule"]
    assert printed(figures).count("precision") == 2


def test_a_seed_plays_the_same_trial(told, tmp_path):
    out, _ = told
    play(tmp_path)
    for name in ("alarms.jsonl", "truth.jsonl", "incidents.jsonl"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_a_trial_that_is_stopped_is_scored_up_to_there(tmp_path):
    stop = threading.Event()
    stop.set()
    figures = run(TRIAL, KINDS, engines_of(RULES, None), tmp_path, stop, lambda *_: None)
    assert figures["run"]["days"] == pytest.approx(10 / 1440)
    begun = [fault["from"] for fault in lines(tmp_path / "truth.jsonl")]
    assert all(at < figures["run"]["end"] for at in begun)


def test_seeds_for_tuning_and_for_scoring_are_disjoint(told):
    assert SCORING_SEED not in TUNING_SEEDS
    assert told[1]["run"]["seed_is"] == "for tuning"


def test_recordings_of_real_stations_are_played_beside(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name in ("nis-l4", "nis-l17"):
        with gzip.open(ROOT / f"configs/recordings/{name}.csv.gz", "rt", encoding="utf-8") as told:
            days = list(islice(told, 1 + 2 * 96))
        (folder / f"{name}.csv").write_text("".join(days), encoding="utf-8")
    (folder / "nis.toml").write_text((ROOT / "configs/replay/nis.toml").read_text(encoding="utf-8"), encoding="utf-8")
    entries = ",".join(f'{{device="{n}", file="{n}.csv", map="nis.toml"}}' for n in ("nis-l4", "nis-l17"))
    (folder / "recordings.toml").write_text(f"recordings = [{entries}]", encoding="utf-8")
    figures = played(folder, load_catalogue(ROOT / "configs/cities"), KINDS, engines_of(RULES, None), tmp_path)
    assert [(row["device"], row["rows"]) for row in figures] == [("nis-l4", 192), ("nis-l17", 192)]
    alarms = lines(tmp_path / REAL / "alarms.jsonl")
    assert sum(row["alarms"] for row in figures) == len(alarms)
    assert {a["station"] for a in alarms} <= {"nis-l4", "nis-l17"}


def test_an_engine_that_cannot_begin_is_an_error_that_says_so(tmp_path):
    with (
        EngineApart(tmp_path / "nothing.toml", generate_city(3, 1), {}, {}, 0, tmp_path) as engine,
        pytest.raises(EngineLostError, match="status 1"),
    ):
        engine.close()


def test_a_folder_without_a_trial_is_an_error_that_says_what_writes_it(tmp_path):
    with pytest.raises(TrialFileError, match=r"run\.json.*--out"):
        recomputed(tmp_path)
