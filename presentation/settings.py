"""Settings of the two web applications: where they listen."""

from pydantic import BaseModel, ConfigDict, Field


class ConsoleSettings(BaseModel):
    """The operators' console. `live_quiet_s`: without a live frame for so long, readiness says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8050, ge=1, le=65535)
    live_quiet_s: float = Field(default=60, gt=0)
    viewers_max: int = Field(default=1000, ge=1)
    station_rows_max: int = Field(default=500, ge=1)


class PortalSettings(BaseModel):
    """The citizens' portal.

    A temperature older than `stale_after_s` (and than three intervals of its device) is no ground for an
    answer; water up to `near_target_k` kelvin cooler than its target counts as normal.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8060, ge=1, le=65535)
    stale_after_s: float = Field(default=600, ge=60)
    near_target_k: float = Field(default=3, gt=0)
