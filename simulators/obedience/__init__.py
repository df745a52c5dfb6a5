"""Obedience: simulated devices do as they are told, and say what became of it.

Door: Obedience, which hears commands for all devices of a fleet and writes what is ordered into the interventions that
the physics read; Breaker, through which a `fault` command reaches the schedule of faults.
"""

from simulators.obedience.controller import Controller
from simulators.obedience.crew import Breaker, Obedience
from simulators.obedience.standing import Standing

__all__ = ["Breaker", "Controller", "Obedience", "Standing"]
