"""Plan: who is told what and when, as data: recipients, routes, and who is on call (configs/notifications.toml).

A file is read as a whole or not at all: PlanError lists every problem of it. What is allowed and yet looks wrong, such
as an hour in which nobody is on call, is a remark. No secret stands in it: a webhook names its own.

    [recipient.control-room]
    mail = "control-room@example.org"

    [[route]]
    to = ["control-room", "on-call:network"]
    priorities = [1, 2]
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from application.rule import Family

ON_CALL = "on-call:"
"""How a route names a rota, in place of a recipient."""
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")

Priority = Annotated[int, Field(ge=1, le=3)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
Channel = Literal["mail", "webhook", "topic"]


def _lists(value: object) -> object:
    """Take a rung of one name for a list of one."""
    return [[rung] if isinstance(rung, str) else rung for rung in value] if isinstance(value, list) else value


Rungs = Annotated[tuple[tuple[str, ...], ...], BeforeValidator(_lists), Field(min_length=1)]
"""Who is told first, who next: recipients per rung."""


_HOLD_S: Mapping[int, float] = {1: 20.0, 2: 120.0, 3: 600.0}


class PlanError(Exception):
    """The file of notifications cannot be used; the text lists every problem."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Hours(_Part):
    """Hours of a day's clock, `from` to `to`; where they end before they begin, over midnight."""

    begin: str = Field(alias="from")
    end: str = Field(alias="to")

    @field_validator("begin", "end")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        if _CLOCK.fullmatch(value) is None:
            raise ValueError(f"{value!r} is no time of day: write 08:00, or 24:00 for the end of a day")
        return value

    @property
    def minutes(self) -> tuple[int, int]:
        """From and to as minutes of the day; the end lies after the begin, by a day at most."""
        begin, end = (int(told[:2]) * 60 + int(told[3:]) for told in (self.begin, self.end))
        return begin, end if end > begin else end + 24 * 60


class Quiet(Hours):
    """Hours in which notices of these priorities wait, by the clock of `zone`."""

    priorities: frozenset[Priority] = frozenset({2, 3})
    zone: str

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        return _zone(value)


class Webhook(_Part):
    """An address that takes CloudEvents. `secret` is the name of the secret that signs; None: not signed.

    `allow_private` lets it be an address of this machine or of a private network.
    """

    url: str
    secret: Name | None = None
    allow_private: bool = False

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError as err:
            raise ValueError(f"{value!r} is no address: expected https://host/path") from err
        plain = value.isascii() and value.isprintable() and " " not in value
        if parts.scheme not in {"http", "https"} or not host or not plain:
            raise ValueError(f"{value!r} is no address: expected https://host/path")
        if parts.username is not None or parts.password is not None:
            raise ValueError("an address in this file holds no password: use `secret`, which signs")
        return value


class Recipient(_Part):
    """A role that is told: where, in which language, and when it does not want to be disturbed.

    `topic` is a city: machines listen to hearthline/v1/notify/<city>. `digest` None: mail is folded, machines are not.
    """

    language: Literal["zh", "en"] = "zh"
    mail: str | None = None
    webhook: Webhook | None = None
    topic: Name | None = None
    quiet: Quiet | None = None
    digest: bool | None = None

    @field_validator("mail")
    @classmethod
    def _is_a_mailbox(cls, value: str | None) -> str | None:
        if value is not None and (_MAIL.fullmatch(value) is None or ".." in value):
            raise ValueError(f"{value!r} is no address of one mailbox: expected name@host")
        return value

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if not self.channels:
            raise ValueError("give it at least one of mail, webhook and topic")
        return self

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The ways to it."""
        ways: Mapping[Channel, object] = {"mail": self.mail, "webhook": self.webhook, "topic": self.topic}
        return tuple(channel for channel, way in ways.items() if way is not None)


class Route(_Part):
    """Which alarms are told to whom. An empty filter lets everything through; `cleared`: also told when it is over."""

    to: tuple[str, ...] = Field(min_length=1)
    priorities: frozenset[Priority] = frozenset({1, 2, 3})
    cities: frozenset[str] = frozenset()
    districts: frozenset[str] = frozenset()
    stations: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    families: frozenset[Family] = frozenset()
    cleared: bool = False


class Shift(Hours):
    """Who is on call at these days and hours: a list of recipients per rung, the first is told first.

    `every_weeks` lets teams take turns: in the week of `since` and every so many weeks before and after.
    """

    days: tuple[Day, ...] = DAYS
    rungs: Rungs
    every_weeks: Literal[1, 2, 3, 4, 6, 8, 12] = 1
    since: date | None = None

    @model_validator(mode="after")
    def _has_a_first_week(self) -> Self:
        if self.every_weeks > 1 and self.since is None:
            raise ValueError("every_weeks needs `since`: a day of a week in which this shift holds")
        return self


class Instead(_Part):
    """Who is on call over [from, until) in place of the weekly shifts: holidays, and shifts that were swapped."""

    begin: datetime = Field(alias="from")
    until: datetime
    rungs: Rungs

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Self:
        if self.begin.tzinfo is None or self.until.tzinfo is None:
            raise ValueError("from and until need a zone: 2026-12-24T08:00:00+08:00")
        if self.until <= self.begin:
            raise ValueError("until comes after from")
        return self


class Rota(_Part):
    """A week of shifts by the clock of `zone`, and after how many minutes the next rung is told, by priority.

    A priority without minutes is not escalated. `otherwise` is told when nobody is on call.
    """

    zone: str
    escalate_min: Mapping[Priority, Annotated[float, Field(gt=0, le=1440)]] = Field(default={1: 15.0, 2: 60.0})
    shift: tuple[Shift, ...] = Field(min_length=1)
    instead: tuple[Instead, ...] = ()
    otherwise: str | None = None

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        return _zone(value)


class Digest(_Part):
    """More than `more_than` messages to one recipient in `within_min` minutes become one.

    While they are many, the next one comes `within_min` minutes later; `urgent_min` where priority 1 is in it.
    """

    more_than: int = Field(default=5, ge=1, le=1000)
    within_min: float = Field(default=10, gt=0, le=1440)
    urgent_min: float = Field(default=2, gt=0, le=1440)


class Plan(_Part):
    """The whole file. An alarm is told once it is open for `hold_s`, by priority: until then it may find its incident.

    Alarms that were written more than `live_within_min` after they opened are history, and told to nobody.
    """

    recipient: Mapping[Name, Recipient] = Field(default={})
    route: tuple[Route, ...] = ()
    on_call: Mapping[Name, Rota] = Field(default={})
    digest: Digest = Digest()
    hold_s: Mapping[Priority, Annotated[float, Field(ge=0, le=86_400)]] = Field(default={})
    live_within_min: float = Field(default=60, gt=0, le=1440)

    def hold_us(self, priority: int) -> int:
        """Return how long an alarm waits before it is told, in microseconds."""
        return round(self.hold_s.get(priority, _HOLD_S.get(priority, 0.0)) * 1_000_000)

    @model_validator(mode="after")
    def _names_lead_somewhere(self) -> Self:
        problems = [
            f"{where}: there is no {told!r}" for where, told in self._named() if not self._is_known(where, told)
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _named(self) -> list[tuple[str, str]]:
        return [
            *((f"route {n} to", name) for n, route in enumerate(self.route, 1) for name in route.to),
            *(
                (f"on_call.{rota} rungs", name)
                for rota, told in self.on_call.items()
                for rungs in (*(s.rungs for s in told.shift), *(i.rungs for i in told.instead))
                for rung in rungs
                for name in rung
            ),
            *((f"on_call.{rota} otherwise", told.otherwise) for rota, told in self.on_call.items() if told.otherwise),
        ]

    def _is_known(self, where: str, name: str) -> bool:
        rota = name.removeprefix(ON_CALL) if name.startswith(ON_CALL) and where.startswith("route") else None
        return name in self.recipient or rota in self.on_call

    def wants_digest(self, recipient: str, channel: str) -> bool:
        """Return whether many messages to a recipient become one: mail by default, what listens to a topic never."""
        chosen = self.recipient[recipient].digest
        return channel != "topic" and (channel == "mail" if chosen is None else chosen)


def plan_of(tables: Mapping[str, object]) -> Plan:
    """Return the plan of a file's tables. Raises PlanError with every problem."""
    try:
        return Plan.model_validate(tables)
    except ValidationError as err:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in err.errors(include_url=False)]
        raise PlanError("; ".join(line.replace("Value error, ", "") for line in lines)) from err


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError) as err:  # whatever stands there: a path, a folder, nothing
        raise ValueError(f"there is no time zone {value!r}: write Asia/Shanghai") from err
    return value
