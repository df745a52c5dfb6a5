"""Settings of the watch."""

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class WatchClock(StrEnum):
    """What "now" is for rules: the wall clock, or (trial homes only) the newest event time received."""

    WALL = "wall"
    EVENTS = "events"


class WatchSettings(BaseModel):
    """Section [watch]. `rules` is the file of the rules' parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clock: WatchClock = WatchClock.WALL
    rules: Path = Path("configs/rules.toml")
