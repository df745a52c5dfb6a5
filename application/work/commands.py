"""Verbs about work orders: seen, opened, assigned and carried on until the data verify them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection, Engine

    from application.disposition import Act
    from application.rule import Rule
    from application.settings import WatchSettings
    from application.work.desk import Desk
    from application.work.order import Step

Rows = Sequence[Mapping[str, object]]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Order = Annotated[str, typer.Argument(help="Its number, or how its id begins.")]
Words = Annotated[str | None, typer.Option("--comment", help="What there is to say.")]
Why = Annotated[str, typer.Option("--reason", help="Why, in words: it is kept beside who did it.")]
At = Annotated[str | None, typer.Option("--at", help="When it happened: 20m, 2h (so long ago), or an ISO time; now.")]
Minutes = Annotated[int, typer.Option("--minutes", min=0, help="Minutes spent on it.")]
Parts = Annotated[list[str] | None, typer.Option("--part", help="A part that was used; once for each.")]
City = Annotated[str | None, typer.Option(help="Only of this city.")]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on. `clock` gives epoch microseconds; `actor` is who stands behind what is written.

    `rules` are the rules by name, with the numbers of their file; `watch` are the settings.
    """

    engine: Callable[[], Engine]
    rules: Callable[[], Mapping[str, Rule]]
    watch: Callable[[], WatchSettings]
    clock: Callable[[], int]
    actor: Callable[[], str]
    span: Callable[[str, str | None], tuple[int, int]]
    show: Callable[[Rows, bool], None]

    def desk(self) -> Desk:
        """Return what opening and proving needs to know."""
        from application.work.desk import desk_of

        return desk_of(self.rules(), self.watch())


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""
    work = typer.Typer(help="Work orders: what has to be done on site, by whom and until when.", no_args_is_help=True)
    app.add_typer(work, name="work")
    _about_seeing(work, ports)
    _about_opening(work, ports)
    _about_doing(work, ports)
    _about_ending(work, ports)
    _about_responsibilities(work, ports)


def _about_seeing(work: typer.Typer, ports: Ports) -> None:
    @work.command("list")
    def work_list(
        city: City = None,
        station: Annotated[str | None, typer.Option(help="Only at this station.")] = None,
        state: Annotated[str | None, typer.Option(help="Only in this state: new, on-the-way, done, ...")] = None,
        overdue: Annotated[bool, typer.Option("--overdue", help="Only those beyond a time limit.")] = False,
        closed: Annotated[bool, typer.Option("--closed", help="Also those that ended in the last 30 days.")] = False,
        most: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 50,
        as_json: AsJson = False,
    ) -> None:
        """Show work orders, overdue first, then by priority and due time."""
        from application.work.sheet import facts, line
        from application.work.view import counts, orders

        now = ports.clock()
        with ports.engine().connect() as on:
            _require_known(on, city, station)
            told = None if state is None else _state(state)
            rows = orders(on, now, city=city, station=station, state=told, overdue=overdue, closed=closed, most=most)
            number = counts(on, now, city)
        if as_json:
            ports.show([facts(row) for row in rows], True)
        elif rows:
            ports.show([line(row) for row in rows], False)
            typer.echo(
                f"{number.open} to be done, {number.overdue} of them overdue; {number.waiting} done, to be verified"
            )
        else:
            typer.echo(
                "no such work order" if closed or state else "no work order is open: --closed shows others", err=True
            )

    @work.command("show")
    def work_show(order: Order, as_json: AsJson = False) -> None:
        """Show one order: what to do, who answers for it, its alarms, and its journal."""
        from application.work.sheet import dated, facts, sheet, told_of
        from application.work.store import find
        from application.work.view import story

        with ports.engine().connect() as on:
            told = story(on, find(on, order), ports.clock())
        assert told is not None
        journal = [dated(asdict(entry)) for entry in told.journal]
        alarms = [dated(asdict(alarm)) for alarm in told.alarms]
        if as_json:
            from support.commands.listing import show_json

            show_json({**facts(told.order), "journal": journal, "alarms": alarms})
            return
        ports.show([{"order": key, str(told.order.number): value} for key, value in sheet(told.order).items()], False)
        ports.show([{**alarm, "alarm_id": str(alarm["alarm_id"])[:8]} for alarm in alarms], False)
        ports.show([told_of(entry) for entry in told.journal], False)


def _about_opening(work: typer.Typer, ports: Ports) -> None:
    @work.command("open")
    def work_open(
        alarm: Annotated[str | None, typer.Option(help="For this alarm, and the incident that it belongs to.")] = None,
        incident: Annotated[str | None, typer.Option(help="For this incident, at its cause.")] = None,
        comment: Words = None,
        as_json: AsJson = False,
    ) -> None:
        """Open an order for an alarm or an incident; tend opens those of urgent incidents by itself."""
        from application import disposition
        from application.work.order import UnknownWorkError
        from application.work.store import cause_of, find_incident, open_for

        if (alarm is None) == (incident is None):
            raise UnknownWorkError(
                "say for what: --alarm ID or --incident ID (`hearthline alarms list`, `... incidents`)"
            )
        act = disposition.Act(ports.actor(), ports.clock(), comment)
        with ports.engine().begin() as on:
            about = cause_of(on, find_incident(on, incident)) if alarm is None and incident else None
            about = about or disposition.find(on, str(alarm))
            order_id = open_for(on, ports.desk(), about, act)
        _tell(ports, order_id, as_json)


def _about_doing(work: typer.Typer, ports: Ports) -> None:
    from application.work.order import Step

    @work.command("assign")
    def work_assign(
        order: Order,
        to: Annotated[str, typer.Option("--to", help="To whom: a team of the body that answers for it.")],
        comment: Words = None,
        at: At = None,
        as_json: AsJson = False,
    ) -> None:
        """Give an order to somebody, or to somebody else."""
        _take(ports, order, Step.ASSIGNED, comment, at, as_json, to=to)

    @work.command("start")
    def work_start(order: Order, comment: Words = None, at: At = None, as_json: AsJson = False) -> None:
        """Note that the crew is on the way."""
        _take(ports, order, Step.STARTED, comment, at, as_json)

    @work.command("arrive")
    def work_arrive(order: Order, comment: Words = None, at: At = None, as_json: AsJson = False) -> None:
        """Note that the crew is on site."""
        _take(ports, order, Step.ARRIVED, comment, at, as_json)

    @work.command("done")
    def work_done(
        order: Order,
        comment: Words = None,
        minutes: Minutes = 0,
        part: Parts = None,
        at: At = None,
        as_json: AsJson = False,
    ) -> None:
        """Note that the work is done; the data verify it, or bring the order back."""
        _take(ports, order, Step.DONE, comment, at, as_json, minutes=minutes, parts=part or [])

    @work.command("note")
    def work_note(
        order: Order,
        comment: Words = None,
        text: Annotated[str | None, typer.Option("--text", hidden=True)] = None,  # as it was called before
        minutes: Minutes = 0,
        part: Parts = None,
        at: At = None,
        as_json: AsJson = False,
    ) -> None:
        """Write something beside an order: words, minutes spent, parts used."""
        _take(ports, order, Step.NOTED, comment or text, at, as_json, minutes=minutes, parts=part or [])


def _about_ending(work: typer.Typer, ports: Ports) -> None:
    from application.work.order import Step

    @work.command("verify")
    def work_verify(order: Order, comment: Words = None, as_json: AsJson = False) -> None:
        """Close what is done, if the data say that its condition has cleared; tend does so by itself."""
        from application.disposition import Act
        from application.work.store import find, verify

        with ports.engine().begin() as on:
            order_id = find(on, order)
            verify(on, ports.desk(), order_id, Act(ports.actor(), ports.clock(), comment))
        _tell(ports, order_id, as_json)

    @work.command("reject")
    def work_reject(order: Order, reason: Why, at: At = None, as_json: AsJson = False) -> None:
        """Say that the body does not do it: not its duty, beyond its means, nothing found."""
        _take(ports, order, Step.REJECTED, reason, at, as_json)

    @work.command("cancel")
    def work_cancel(order: Order, reason: Why, at: At = None, as_json: AsJson = False) -> None:
        """Withdraw an order, also one that is done and that no data can verify."""
        _take(ports, order, Step.CANCELLED, reason, at, as_json)

    @work.command("reopen")
    def work_reopen(order: Order, reason: Why, as_json: AsJson = False) -> None:
        """Bring back what was called done or verified and is not."""
        from application.disposition import Act
        from application.work.store import find, reopen

        with ports.engine().begin() as on:
            order_id = find(on, order)
            reopen(on, order_id, Act(ports.actor(), ports.clock(), reason))
        _tell(ports, order_id, as_json)


def _about_responsibilities(work: typer.Typer, ports: Ports) -> None:
    @work.command("responsibilities")
    def work_responsibilities(
        rule: Annotated[
            str | None, typer.Option(help="Which item answers for this rule, and its ground; needs --station.")
        ] = None,
        station: Annotated[str | None, typer.Option(help="At this station.")] = None,
        as_json: AsJson = False,
    ) -> None:
        """Show the responsibility list in force: who must do what, on which ground, within how many hours."""
        from application.work.lookup import answering, rows_of

        with ports.engine().connect() as on:
            if rule is not None or station is not None:
                told = answering(on, ports.desk(), rule or "", station or "", ports.clock(), plain=as_json)
                ports.show([told], as_json)
            else:
                rows = rows_of(on, ports.clock(), plain=as_json)
                ports.show(rows if as_json else [{k: v for k, v in r.items() if k != "ground"} for r in rows], as_json)


def _take(
    ports: Ports, order: str, what: Step, comment: str | None, at: str | None, as_json: bool, **detail: object
) -> None:
    """Take one step of an order, and tell how far it has come."""
    from application.work.order import Entry
    from application.work.store import find, step

    now = ports.clock()
    act = _spoken(ports, now if at is None else ports.span(at, None)[0], comment, detail)
    told = {key: value for key, value in detail.items() if value}
    with ports.engine().begin() as on:
        order_id = find(on, order)
        step(on, order_id, Entry(what, act.at, act.actor, act.comment, told))
    _tell(ports, order_id, as_json)


def _spoken(ports: Ports, at: int, comment: str | None, detail: Mapping[str, object]) -> Act:
    """Return who says so. Raises AlarmError for words that nobody could read later, wherever they stand."""
    from application.disposition import Act

    parts = detail.get("parts")
    for each in (detail.get("to"), *(parts if isinstance(parts, list) else ())):
        Act("", at, None if each is None else str(each))
    return Act(ports.actor(), at, comment)


def _tell(ports: Ports, order_id: UUID, as_json: bool) -> None:
    from application.work.view import story

    with ports.engine().connect() as on:
        told = story(on, order_id, ports.clock())
    assert told is not None
    row = told.order
    if as_json:
        from application.work.sheet import facts
        from support.commands.listing import show_json

        show_json(facts(row))
        return
    typer.echo(f"work order {row.number} ({row.title.en} at {row.station}) is {row.state.replace('_', ' ')}")


def _require_known(on: Connection, city: str | None, station: str | None) -> None:
    """Raise UnknownWorkError for a place that is not there: silence about it must not read as health."""
    from sqlalchemy import select

    from application.work.order import UnknownWorkError
    from support import tables

    cities = list(on.scalars(select(tables.city.c.name).order_by(tables.city.c.name)))
    if city is not None and city not in cities:
        raise UnknownWorkError(f"there is no city {city!r}: use one of {', '.join(cities) or 'none'}")
    known = select(tables.station.c.name).where(tables.station.c.name == station)
    if station is not None and on.scalar(known) is None:
        raise UnknownWorkError(f"there is no station {station!r}: `hearthline devices list` shows them")


def _state(words: str) -> str:
    from application.work.order import WorkState

    wanted = words.strip().lower().replace("-", "_").replace(" ", "_")
    if wanted not in set(WorkState):
        raise typer.BadParameter(f"--state is one of {', '.join(s.value.replace('_', '-') for s in WorkState)}")
    return wanted
