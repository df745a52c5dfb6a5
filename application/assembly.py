"""Assembly: what the processes of Hearthline are made of, as far as application goes. Called by hearthline.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from application.acts import Acts
    from application.derived.keeping import Room
    from application.notify.desk import Desk
    from application.settings import NotifySettings, WatchSettings
    from application.views import Views
    from application.watch import Watch
    from perception.roster import Roster
    from perception.sensor_kind import SensorKind
    from support.maintain import Pass
    from support.store import ReadingReader


def views_of(engine: Engine, reader: ReadingReader, kinds: Mapping[str, SensorKind], rules: Path) -> Views:
    """Return the read models; they follow the file of the rules."""
    from application.rules_file import RulesFile
    from application.views import Views

    return Views(engine, reader, kinds, RulesFile(rules))


def acts_of(engine: Engine, rules: Path, told: WatchSettings) -> Acts:
    """Return what people do in the console; it follows the file of the rules."""
    from application.acts import Acts
    from application.rules_file import RulesFile
    from application.work.desk import desk_of

    return Acts(engine, desk_of(RulesFile(rules), told))


def desk_of(
    checkout: Path, settings: NotifySettings, secrets: Path, kinds: Callable[[], Mapping[str, SensorKind]]
) -> Desk:
    """Return what notices are made and sent with; what becomes of them is counted for /metrics. Once per process."""
    from prometheus_client import REGISTRY

    from application.notify.desk import Desk
    from support.metrics import NoticeMetrics

    return Desk(checkout / settings.file, settings, secrets, kinds, NoticeMetrics(REGISTRY).count)


def passes_of(
    rules: Path,
    engine: Engine,
    reader: ReadingReader,
    kinds: Mapping[str, SensorKind],
    roster: Callable[[], Roster],
    watch: WatchSettings,
    room: Room,
) -> Sequence[Pass]:
    """Return what application has to do again and again, as passes of tend."""
    from application.quality.numbers import Numbers
    from application.requests.upkeep import requests_pass
    from application.rules_file import RulesFile
    from application.service.book import keeping
    from application.service.rules import read_service
    from application.slow_tending import slow_rules
    from application.tending import Tools, passes
    from support.metrics import work_metrics

    told, metrics = RulesFile(rules), work_metrics()

    def numbers() -> Numbers:
        told.changed()
        return Numbers.of_rules((rule.name, dict(tuning.usual)) for rule, tuning in told.pairs)

    tools = Tools(
        engine,
        told,
        reader,
        kinds,
        watch,
        numbers=numbers,
        room=room,
        orders=lambda number: metrics.tell(number.by_state, number.overdue),
    )
    service = keeping(engine, read_service())
    slow = slow_rules(engine, reader, RulesFile(rules), roster)
    return [*passes(tools), requests_pass(engine), slow, service]


def notices_of(rules: Path, engine: Engine, desk: Desk, clock: Callable[[], int]) -> Sequence[Pass]:
    """Return what tells people of it, as passes of tend that follow the others. Raises RuleError, PlanError."""
    from application.notify.tending import passes
    from application.rules_file import RulesFile

    return passes(engine, RulesFile(rules), desk, clock)


def watch_of(
    file: Path,
    engine: Engine,
    reader: ReadingReader,
    kinds: Mapping[str, SensorKind],
    clock: Callable[[], int],
    *,
    event_time: bool,
) -> Watch:
    """Return the fast rules, which begin from what the tables know and follow the file of their numbers and drills."""
    from application.drills.hurry import DrilledRules, under_drill
    from application.rules_file import RulesFile
    from application.watch import Watch
    from application.watch_store import remembering

    rules = DrilledRules(RulesFile(file), under_drill(engine, clock))
    remember = remembering(engine, reader, kinds, clock, lambda: rules.pairs, event_time=event_time)
    return Watch(rules.pairs, remember, event_time=event_time, fresh=lambda: rules.pairs if rules.changed() else None)
