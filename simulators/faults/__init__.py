"""Faults of the pretend world: a catalogue of kinds, scenarios that schedule them, and the truth to score by."""

from simulators.faults.fate import SOUND_LINK, LinkFate, joined
from simulators.faults.fault import Fault, FaultError, FaultKind, Parameters, tuned
from simulators.faults.scene import FalseSensor, Faults, Leak, leaks_at, opening_scene
from simulators.faults.schedule import Schedule
from simulators.faults.truth import TruthError, TruthRow, read_truth, write_truth

__all__ = [
    "SOUND_LINK", "FalseSensor", "Fault", "FaultError", "FaultKind", "Faults", "Leak", "LinkFate", "Parameters",
    "Schedule", "TruthError", "TruthRow", "joined", "leaks_at", "opening_scene", "read_truth", "tuned", "write_truth",
]  # fmt: skip
