"""Faults of the pretend world: a catalogue of kinds, scenarios that schedule them, and the truth to score by."""

from simulators.faults.fate import SOUND_LINK, LinkFate, joined
from simulators.faults.fault import Fault, FaultError, FaultKind, Parameters, tuned
from simulators.faults.grounds import Grounds, grounds_of
from simulators.faults.kinds import KINDS, kind_named
from simulators.faults.making import made
from simulators.faults.planning import planned
from simulators.faults.scenario import Scenario, ScenarioError, load_scenario, read_scenario
from simulators.faults.schedule import Schedule
from simulators.faults.truth import TruthError, TruthRow, read_truth, write_truth

__all__ = [
    "KINDS", "SOUND_LINK", "Fault", "FaultError", "FaultKind", "Grounds", "LinkFate", "Parameters", "Scenario",
    "ScenarioError", "Schedule", "TruthError", "TruthRow", "grounds_of", "joined", "kind_named", "load_scenario",
    "made", "planned", "read_scenario", "read_truth", "tuned", "write_truth",
]  # fmt: skip
