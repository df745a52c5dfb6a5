"""Drills: exercises in the running city, which break a simulated device and show that everybody notices.

Door: `Drills` begins one, follows it through the tables and ends it; `DrilledRules` hurries the rules meanwhile.
"""

from application.drills.desk import Drill, DrillError, Drills
from application.drills.exercise import EXERCISES, Exercise
from application.drills.hurry import DrilledRules
from application.drills.progress import Event

__all__ = ["EXERCISES", "Drill", "DrillError", "DrilledRules", "Drills", "Event", "Exercise"]
