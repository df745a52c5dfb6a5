"""Settings of the pretend world: section `simulate`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class SimulateSettings(BaseModel):
    """What `simulate` plays. The season belongs to the city: its catalogue says in which weather it lives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(default=7, ge=0)
    backfill_hours: float = Field(default=48, ge=0, le=24 * 14)
    backfill_step_s: float = Field(default=60, gt=0)
    faults: bool = True
    leak_at: str | None = "xc-laocheng-07"
    broken_sensor_at: str | None = "xc-beian-05"
    recordings: bool = True
    weather: Path | None = None
