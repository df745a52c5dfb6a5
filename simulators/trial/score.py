"""Score, a spine: a city with faults speaks to an engine that is not told of them; then both are compared.

The truth is written only after every engine has ended.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from perception.catalogue import Catalogue
from perception.sensor_kind import SensorKind
from simulators.air import Record
from simulators.cast import ROOM_CLIMATE, cast_of
from simulators.city import generate_city
from simulators.climate import Season
from simulators.faults import Schedule, grounds_of, load_scenario, planned
from simulators.faults.grounds import Grounds
from simulators.fleet import Stop
from simulators.trial.columns import Cadence, Telling
from simulators.trial.engines import ALARMS, Engines
from simulators.trial.matching import DAY_US, Alarm, Span, scored
from simulators.trial.truths import events_of, iso, read_events, read_facts, read_lines, us, write_lines
from simulators.trial.winters import REAL, WINTERS
from simulators.world import SUBSTATION, World

TRUTH, RUN, SCORE = "truth.jsonl", "run.json", "score.json"
TUNING_SEEDS = (11, 12, 13, 14, 15)
"""The rules were tuned on cities of these seeds, and on no other."""
SCORING_SEED = 2026
_UTC_OFFSET_S = 8 * 3600.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What is played: a scenario's file in a made-up city. `begin` in epoch microseconds; `sky` is its weather."""

    scenario: Path
    stations: int
    days: float
    seed: int
    begin: int
    sky: Season | Record
    sky_name: str
    cadence: Cadence = field(default_factory=Cadence)

    @property
    def end(self) -> int:
        """When it is over."""
        return self.begin + round(self.days * DAY_US)


Progress = Callable[[int, int], None]


def run(
    trial: Trial, kinds: Mapping[str, SensorKind], engines: Engines, out: Path, stop: Stop, progress: Progress
) -> dict[str, Any]:
    """Play the trial to the engines; write their files, the truth and the figures into a folder; return the figures.

    One that was stopped is scored up to where it came. Raises ScenarioError.
    """
    catalogue = generate_city(trial.stations, trial.seed)
    world, grounds = staged(trial, catalogue, kinds)
    telling = Telling(world, trial.begin, trial.cadence)
    begun, spent = time.monotonic(), time.process_time()
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        judged = engines(catalogue, telling.numbers, telling.interval_s, trial.begin, out)
        for engine in judged.values():
            stack.enter_context(engine)
        reached = trial.begin
        for now, blocks in telling.play(trial.end):
            for engine in judged.values():
                engine.take(blocks, now)
            reached = now
            progress(now - trial.begin, trial.end - trial.begin)
            if stop.is_set():
                break
        for engine in judged.values():
            engine.close()
    spent = time.process_time() - spent
    write_lines(out / TRUTH, [e.told() for e in events_of(world.schedule.faults, grounds.areas, reached)])
    facts = {
        **_facts(trial, reached),
        "seconds": round(time.monotonic() - begun, 1),
        "simulating_cpu_s": round(spent, 1),
    }
    (out / RUN).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return recomputed(out, tuple(judged))


def recomputed(out: Path, engines: Sequence[str] = ("",)) -> dict[str, Any]:
    """Return the figures of the files in a folder, and of those beside them; they are kept in score.json.

    Raises TrialFileError.
    """
    facts = read_facts(out / RUN)
    events = read_events(out / TRUTH)
    span = Span(facts["stations"], us(facts["begin"]), us(facts["end"]))
    figures = {
        name: scored(events, [Alarm.of(row) for row in read_lines(out / name / ALARMS)], span) for name in engines
    }
    told = {
        **figures[""],
        "beside": {name: each for name, each in figures.items() if name},
        "real": _real(out),
        "run": facts,
    }
    (out / SCORE).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return told


def _real(out: Path) -> list[dict[str, Any]]:
    file = out / REAL / WINTERS
    return read_lines(file) if file.exists() else []


def staged(trial: Trial, catalogue: Catalogue, kinds: Mapping[str, SensorKind]) -> tuple[World, Grounds]:
    """Return the world with its faults, and the grounds that they were laid over. Raises ScenarioError.

    The drawn faults are drawn by the trial's seed, over the days of the trial where those are fewer than the
    scenario's own.
    """
    [city] = catalogue.cities
    parts = tuple(p for p in cast_of(catalogue, kinds, city.name) if p.kind.name in {SUBSTATION, ROOM_CLIMATE})
    grounds = grounds_of(catalogue, city.name, [p.name for p in parts])
    told = load_scenario(trial.scenario)
    draw = told.draw.model_copy(update={"span_s": min(told.draw.span_s, trial.days * 86_400)})
    told = told.model_copy(update={"seed": trial.seed, "draw": draw})
    faults = planned(told, grounds, kinds, trial.begin, ZoneInfo(city.timezone), str(trial.scenario))
    schedule = Schedule(faults)
    return World(parts, trial.sky, utc_offset_s=_UTC_OFFSET_S, seed=trial.seed, faults=schedule), grounds


def _facts(trial: Trial, reached: int) -> dict[str, object]:
    return {
        "scenario": trial.scenario.name, "stations": trial.stations, "seed": trial.seed,
        "days": (reached - trial.begin) / DAY_US,
        "seed_is": "for tuning" if trial.seed in TUNING_SEEDS else "for scoring", "tuning_seeds": list(TUNING_SEEDS),
        "begin": iso(trial.begin), "end": iso(reached), "weather": trial.sky_name,
        "substation_every_s": trial.cadence.substation / 1e6, "room_every_s": trial.cadence.room / 1e6,
    }  # fmt: skip
