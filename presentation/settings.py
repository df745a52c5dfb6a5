"""Settings of the two web applications: where they listen."""

from ipaddress import ip_address
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ConsoleSettings(BaseModel):
    """The operators' console. `live_quiet_s`: without a live frame for so long, readiness says so.

    It knows no passwords and no TLS: beyond this machine it listens only when `behind_proxy` says
    that something in front of it does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8050, ge=1, le=65535)
    behind_proxy: bool = False
    live_quiet_s: float = Field(default=60, gt=0)
    viewers_max: int = Field(default=1000, ge=1)
    station_rows_max: int = Field(default=500, ge=1)

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if not self.behind_proxy and not is_loopback(self.host):
            raise ValueError(
                f"console.host {self.host} is beyond this machine, and the console has neither TLS nor a log-in. "
                "Keep 127.0.0.1 and put a proxy with both in front of it; if one already guards that address, "
                "say so with console.behind_proxy = true"
            )
        return self


class PortalSettings(BaseModel):
    """The citizens' portal.

    A temperature older than `stale_after_s` (and than three intervals of its device) is no ground for an
    answer; water up to `near_target_k` kelvin cooler than its target counts as normal. It has no
    TLS: beyond this machine it listens only when `behind_proxy` says that something in front has.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8060, ge=1, le=65535)
    behind_proxy: bool = False
    stale_after_s: float = Field(default=600, ge=60)
    near_target_k: float = Field(default=3, gt=0)

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if not self.behind_proxy and not is_loopback(self.host):
            raise ValueError(
                f"portal.host {self.host} is beyond this machine, and the portal has no TLS of its own. Keep 127.0.0.1 "
                "and put a proxy with TLS in front of it; if one already guards that address, say so with "
                "portal.behind_proxy = true"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there. Names other than localhost are not looked up."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
