"""Processes that are support's alone: prepare the database, tend it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from threading import Event

import psycopg
from prometheus_client import REGISTRY
from sqlalchemy import Engine

from perception.sensor_kind import SensorKind
from support.maintain import Pass, Report, maintain, maintain_once
from support.metrics import TendMetrics
from support.outage import Heartbeat
from support.postgres.connect import make_engine
from support.postgres.projection import apply_projection
from support.postgres.schema import migrate
from support.postgres.server import wait_ready
from support.postgres.upkeep import TendTurn, passes
from support.settings import TendSettings

Passes = Callable[[Engine], Sequence[Pass]]


def prepare(url: str, kinds: Mapping[str, SensorKind], portal_password: str) -> str:
    """Wait for the database, bring its tables up to date, build the public projection; return a remark on its role."""
    wait_ready(url)
    migrate(url, kinds)
    with psycopg.connect(url) as on:
        return apply_projection(on, portal_password).remark


def tend(
    url: str,
    kinds: Mapping[str, SensorKind],
    settings: TendSettings,
    clock: Callable[[], int],
    stop: Event,
    heartbeat: Heartbeat,
    more: Passes = lambda _: (),
) -> None:
    """Do everything scheduled until `stop`; `more` are the passes of the layers above."""
    engine = make_engine(url, "tend")
    metrics = TendMetrics(REGISTRY)
    with closing(TendTurn(url)) as turn:
        every = (*passes(engine, kinds, settings), *more(engine))
        maintain(every, turn, settings, clock, stop, heartbeat, metrics.count)
    engine.dispose()


def tend_once(
    url: str,
    kinds: Mapping[str, SensorKind],
    settings: TendSettings,
    clock: Callable[[], int],
    more: Passes = lambda _: (),
) -> list[Report]:
    """Do everything scheduled once, and tell what each pass did. Raises TurnTakenError, StoreDownError."""
    engine = make_engine(url, "tend")
    with closing(TendTurn(url)) as turn:
        reports = list(maintain_once((*passes(engine, kinds, settings), *more(engine)), turn, clock))
    engine.dispose()
    return reports
