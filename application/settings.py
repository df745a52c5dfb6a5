"""Settings of the watch and of notifications: sections `watch`, `notify`."""

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


class WatchClock(StrEnum):
    """What "now" is for rules: the wall clock, or (trial homes only) the newest event time received."""

    WALL = "wall"
    EVENTS = "events"


class WatchSettings(BaseModel):
    """Section [watch]: `rules`, `responsibilities` and `requests` are files.

    They hold the rules' parameters, the responsibility list and the kinds of citizens' requests.

    A work order opens by itself for incidents of `order_priorities`, `order_settle_s` after their cause was seen, so
    that one over an area has taken its stations in. What was called done has `order_proof_s` to clear; what comes
    back within `order_returns_s` of being verified reopens its order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    clock: WatchClock = WatchClock.WALL
    rules: Path = Path("configs/rules.toml")
    responsibilities: Path = Path("configs/responsibilities.toml")
    requests: Path = Path("configs/requests.toml")
    order_priorities: tuple[Annotated[int, Field(ge=1, le=3)], ...] = (1, 2)
    order_settle_s: float = Field(default=60, ge=0, le=86_400)
    order_proof_s: float = Field(default=1800, ge=0, le=7 * 86_400)
    order_returns_s: float = Field(default=86_400, ge=0, le=31 * 86_400)


class NotifySettings(BaseModel):
    """Section [notify]: what carries notifications. `file` says who is told what.

    The password of the mail server and the secrets that sign webhooks come from the environment, or stand in files of
    the home: secrets/smtp-password, secrets/webhook-<name>. `console_url` is where people reach the console, for links.
    What could not be delivered for `give_up_h` hours is given up; notices are kept for `keep_days`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path = Path("configs/notifications.toml")
    console_url: str | None = None
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    smtp_insecure: bool = False
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+$")
    smtp_ca: Path | None = None
    webhook_secrets: Mapping[str, SecretStr] = Field(default={})
    webhook_ca: Path | None = None
    give_up_h: float = Field(default=24, gt=0, le=24 * 30)
    keep_days: int = Field(default=400, ge=1, le=10 * 366)

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.smtp_host is None:
            return self
        if self.smtp_from is None:
            raise ValueError("smtp_host without smtp_from: say from which address mail comes, such as heat@example.org")
        if self.smtp_tls == "none" and not self.smtp_insecure and not _is_here(self.smtp_host):
            raise ValueError(
                f'smtp_host {self.smtp_host} is beyond this machine, without TLS: use smtp_tls = "starttls" or "tls"; '
                "if the way there is safe, say so with notify.smtp_insecure = true"
            )
        return self

    @field_validator("console_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and (not value.startswith(("http://", "https://")) or any(c.isspace() for c in value)):
            raise ValueError("expected an address such as https://heat.example.org")
        return value


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
