"""Verbs about alarms: seen, acknowledged, shelved, commented; stations and devices taken out of service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from application import life_commands

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection, Engine

    from application.disposition import Act
    from application.read_models import AlarmRow
    from application.views import Views

Rows = Sequence[Mapping[str, object]]
FormerText = Annotated[str | None, typer.Option("--text", hidden=True)]
"""As `--comment` was called before."""


def _name_in(scope: str | None) -> str | None:
    """Return the name in a scope as lists show it (station:NAME), or the bare name that it is."""
    return None if scope is None else scope.removeprefix("city:").removeprefix("station:")


City = Annotated[str | None, typer.Option(help="Only of this city.", callback=_name_in)]
Station = Annotated[str | None, typer.Option(help="Only of this station.", callback=_name_in)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Ids = Annotated[list[str], typer.Argument(help="Numbers of alarms, or how they begin: six characters or more.")]
Why = Annotated[str, typer.Option("--reason", help="Why, in words: it is kept beside who did it.")]
Subject = Annotated[str, typer.Argument(help="station:<name> or device:<name>.")]
Since = Annotated[str, typer.Option("--since", help="From when: 36h, 7d (so long ago), or an ISO time.")]
Until = Annotated[str | None, typer.Option("--until", help="Until when; now where it is left out.")]
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on. `clock` gives epoch microseconds UTC; `actor` is who stands behind what is written."""

    engine: Callable[[], Engine]
    views: Callable[[], Views]
    clock: Callable[[], int]
    actor: Callable[[], str]
    span: Callable[[str, str | None], tuple[int, int]]
    show: Callable[[Rows, bool], None]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""
    alarms = typer.Typer(help="What is wrong, and what is done about it.", no_args_is_help=True)
    app.add_typer(alarms, name="alarms")
    _about_seeing(alarms, ports)
    _about_numbers(alarms, ports)
    _about_answering(alarms, ports)
    _about_shelving(alarms, ports)
    _about_maintenance(alarms, ports)
    life_commands.register(alarms, ports)


def _about_seeing(alarms: typer.Typer, ports: Ports) -> None:
    @alarms.command("list")
    def alarms_list(
        city: City = None,
        station: Station = None,
        closed: Annotated[bool, typer.Option("--closed", help="Also those cleared in the last 30 days.")] = False,
        most: Annotated[int, typer.Option(min=1, max=100_000, help="How many of each city.")] = 50,
        as_json: AsJson = False,
    ) -> None:
        """Show alarms, open ones first, the most urgent first, with what keeps them from the operators' lists."""
        views, now = ports.views(), ports.clock()
        _require_known(views, city, station, now)
        cities = [city] if city else [card.name for card in views.cities()]
        rows = [r for c in cities for r in views.alarms(c, now, closed=closed, station=station, most=most)]
        if not rows and not as_json:
            typer.echo(
                "no alarm in 30 days" if closed else "no alarm is open: --closed shows those of 30 days", err=True
            )
            return
        ports.show([_told(row, now) for row in rows], as_json)

    @alarms.command("incidents")
    def alarms_incidents(
        city: City = None,
        closed: Annotated[bool, typer.Option("--closed", help="Also those that are over.")] = False,
        most: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 50,
        as_json: AsJson = False,
    ) -> None:
        """Show incidents: alarms of one cause, at a station or over an area, with the homes that they touch."""
        from application.incident_store import listed

        with ports.engine().connect() as on:
            ports.show(listed(on, city, closed=closed, most=most), as_json)

    @alarms.command("kept")
    def alarms_kept(as_json: AsJson = False) -> None:
        """Show what is kept from the operators' lists: shelved and out of service, by whom, why and until when."""
        from application.disposition import kept

        with ports.engine().connect() as on:
            ports.show(kept(on, ports.clock()), as_json)


def _require_known(views: Views, city: str | None, station: str | None, now: int) -> None:
    """Raise UnknownSubjectError for a place that is not there: silence about it must not read as health."""
    from application.disposition import UnknownSubjectError

    cities = [card.name for card in views.cities()]
    if city is not None and city not in cities:
        raise UnknownSubjectError(f"there is no city {city!r}: use one of {', '.join(cities)}")
    if station is not None and views.station(station, now) is None:
        raise UnknownSubjectError(f"there is no station {station!r}: `hearthline devices list` shows them")


def _about_numbers(alarms: typer.Typer, ports: Ports) -> None:
    @alarms.command("kpis")
    def alarms_kpis(
        since: Since = "7d",
        until: Until = None,
        operators: Annotated[int, typer.Option(min=1, help="How many operators share the alarms.")] = 1,
        as_json: AsJson = False,
    ) -> None:
        """Show what the alarms ask of their operators, beside the targets of IEC 62682 and ISA-18.2."""
        from application.alarm_kpis import kpis, occurrences, without_end

        span = ports.span(since, until)
        with ports.engine().connect() as on:
            told = kpis(occurrences(on, span), span, operators, without_end(on, ports.clock()))
        rows = [asdict(kpi) for kpi in told]
        ports.show(rows if as_json else [_rounded(row) for row in rows], as_json)

    @alarms.command("nuisance")
    def alarms_nuisance(since: Since = "7d", until: Until = None, as_json: AsJson = False) -> None:
        """Show the rules that ask most often, and the delays that would have spared most of their short alarms."""
        from application.alarm_kpis import nuisances, occurrences

        span = ports.span(since, until)
        with ports.engine().connect() as on:
            seen = [o for o in occurrences(on, span) if o.opened >= span[0]]
        ports.show([asdict(nuisance) for nuisance in nuisances(seen)], as_json)


def _rounded(row: Mapping[str, object]) -> Mapping[str, object]:
    value = row["value"]
    return {**row, "value": "" if value is None else round(float(str(value)), 2), "met": _yes_no(row["met"])}


def _yes_no(met: object) -> str:
    return "" if met is None else "yes" if met else "no"


def _about_answering(alarms: typer.Typer, ports: Ports) -> None:
    @alarms.command("ack")
    def alarms_ack(ids: Ids, comment: Annotated[str | None, typer.Option(help="What there is to say.")] = None) -> None:
        """Acknowledge alarms: somebody has seen them. All of them, or none when one of them cannot be."""
        from application import disposition

        _do(ports, ids, comment, disposition.acknowledge, "acknowledged")

    @alarms.command("reset")
    def alarms_reset(
        ids: Ids, comment: Annotated[str | None, typer.Option(help="What there is to say.")] = None
    ) -> None:
        """Let latched alarms go, whose conditions went and which were acknowledged. All of them, or none."""
        from application import disposition

        _do(ports, ids, comment, disposition.reset, "reset")

    @alarms.command("comment")
    def alarms_comment(
        ids: Ids,
        comment: Annotated[str | None, typer.Option(help="What there is to say.")] = None,
        text: FormerText = None,
    ) -> None:
        """Write a comment beside alarms, into the journal."""
        from application import disposition

        said = comment or text
        if said is None:
            raise typer.BadParameter("what is there to say? --comment WORDS")
        _do(ports, ids, said, disposition.comment, "commented")


def _about_shelving(alarms: typer.Typer, ports: Ports) -> None:
    @alarms.command("shelve")
    def alarms_shelve(
        ids: Ids,
        reason: Why,
        span: Annotated[str, typer.Option("--for", help="How long: 30m, 4h, 24h at most.")] = "4h",
    ) -> None:
        """Put the conditions of alarms aside for a time; they come back by themselves."""
        from application import disposition

        length = _length_us(span)

        def shelve(on: Connection, alarm_id: UUID, act: Act) -> None:
            disposition.shelve(on, alarm_id, act.at + length, act)

        _do(ports, ids, reason, shelve, f"shelved for {span}")

    @alarms.command("unshelve")
    def alarms_unshelve(
        ids: Ids, reason: Annotated[str | None, typer.Option("--reason", help="Why, in words.")] = None
    ) -> None:
        """Bring the conditions of alarms back before their time."""
        from application import disposition

        _do(ports, ids, reason, disposition.unshelve, "back on the lists")


def _about_maintenance(alarms: typer.Typer, ports: Ports) -> None:
    @alarms.command("out")
    def alarms_out(
        subject: Subject,
        reason: Why,
        span: Annotated[str | None, typer.Option("--for", help="How long: 8h, 3d. Without it: until told.")] = None,
    ) -> None:
        """Take a station or a device out of service: its alarms are kept from the lists until it is back."""
        from application.disposition import Act, take_out

        act = Act(ports.actor(), ports.clock(), reason)
        with ports.engine().begin() as on:
            take_out(on, subject, None if span is None else act.at + _length_us(span), act)
        typer.echo(f"{subject} is out of service")

    @alarms.command("back")
    def alarms_back(
        subject: Subject, reason: Annotated[str | None, typer.Option("--reason", help="Why, in words.")] = None
    ) -> None:
        """Bring a station or a device back into service."""
        from application.disposition import Act, bring_back

        with ports.engine().begin() as on:
            bring_back(on, subject, Act(ports.actor(), ports.clock(), reason))
        typer.echo(f"{subject} is back in service")


def _do(
    ports: Ports, ids: Sequence[str], words: str | None, act: Callable[[Connection, UUID, Act], None], done: str
) -> None:
    from application.disposition import Act, find

    who = Act(ports.actor(), ports.clock(), words)
    with ports.engine().begin() as on:
        found = sorted({find(on, each) for each in ids})  # one order for all: nobody waits for each other
        for alarm_id in found:
            act(on, alarm_id, who)
    typer.echo(f"{done}: {', '.join(map(str, found))}")


def _length_us(span: str) -> int:
    number, unit = span[:-1], span[-1:]
    if not number.isdigit() or unit not in _SECONDS or not 0 < int(number) < 10_000:
        raise typer.BadParameter(f"--for is a length such as 30m, 4h or 2d, not {span!r}")
    return int(number) * _SECONDS[unit] * 1_000_000


def _told(row: AlarmRow, now: int) -> Mapping[str, object]:
    from application.instants import moment

    return {
        "alarm": row.alarm_id[:8],
        "priority": row.priority,
        "state": _state(row, now),
        "rule": row.rule,
        "station": row.station,
        "device": row.device,
        "element": row.element,
        "first": "first" if row.first_out else "",
        **life_commands.foreseen(row.consequence),
        "opened": moment(row.opened_at * 1000).isoformat(timespec="seconds"),
        "cleared": "" if row.cleared_at is None else moment(row.cleared_at * 1000).isoformat(timespec="seconds"),
    }


def _state(row: AlarmRow, now: int) -> str:
    from application.alarm import Alarm

    shelved = None if row.shelved_until is None else row.shelved_until * 1000
    by = "its cause" if row.suppressed else None
    active = row.cleared_at is None
    life = Alarm(active, row.acknowledged, shelved, by, in_service=not row.out_of_service, latched=row.latched)
    return life.state(now).replace("_", " ") + (", drill" if row.drill else "")
