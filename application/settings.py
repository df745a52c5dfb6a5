"""Settings of the watch."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class WatchClock(StrEnum):
    """What "now" is for rules: the wall clock, or (trial homes only) the newest event time received."""

    WALL = "wall"
    EVENTS = "events"


class WatchSettings(BaseModel):
    """Section [watch]. `rules` is the file of the rules' parameters, `responsibilities` the responsibility list's.

    A work order opens by itself for incidents of `order_priorities`, `order_settle_s` after their cause was seen, so
    that one over an area has taken its stations in. What was called done has `order_proof_s` to clear; what comes
    back within `order_returns_s` of being verified reopens its order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    clock: WatchClock = WatchClock.WALL
    rules: Path = Path("configs/rules.toml")
    responsibilities: Path = Path("configs/responsibilities.toml")
    order_priorities: tuple[Annotated[int, Field(ge=1, le=3)], ...] = (1, 2)
    order_settle_s: float = Field(default=60, ge=0, le=86_400)
    order_proof_s: float = Field(default=1800, ge=0, le=7 * 86_400)
    order_returns_s: float = Field(default=86_400, ge=0, le=31 * 86_400)
