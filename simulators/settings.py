"""Settings of the pretend world: section `simulate`."""

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

MOST_SEED = 2**63 - 1


class Connections(StrEnum):
    """Who has a connection to the broker: each branch has a gateway that speaks for its devices, or each device."""

    GATEWAYS = "gateways"
    DEVICES = "devices"


class SimulateSettings(BaseModel):
    """What `simulate` plays. The season belongs to the city: its catalogue says in which weather it lives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(default=7, ge=0, le=MOST_SEED)
    backfill_hours: float = Field(default=48, ge=0, le=24 * 14)
    backfill_step_s: float = Field(default=60, gt=0)
    faults: bool = True
    scenario: str = "configs/scenarios/demo.toml"
    recordings: bool = True
    weather: Path | None = None
    speed: str = Field(default="1", pattern=r"^(max|[0-9]+(\.[0-9]+)?)$")
    days: float = Field(default=1, gt=0, le=366)
    connections: Connections = Connections.GATEWAYS
    jitter: float = Field(default=0.02, ge=0, lt=0.5)
    queue_mib: int = Field(default=256, ge=1)
