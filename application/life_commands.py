"""Verbs about the life of alarms: reset, their journal, and the story of an incident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from application.alarm_commands import Ports
    from application.incident_story import Entry, Story
    from application.read_models import Consequence, JournalRow

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def register(alarms: typer.Typer, ports: Ports) -> None:
    """Put the verbs beside the other ones about alarms."""

    @alarms.command("journal")
    def alarms_journal(
        station: Annotated[str | None, typer.Option(help="Only of this station.")] = None,
        most: Annotated[int, typer.Option(min=1, max=100_000, help="How many entries.")] = 50,
        as_json: AsJson = False,
    ) -> None:
        """Show what happened to alarms in 30 days, newest first: when it was, and when we learned of it."""
        rows = ports.views().entries(ports.clock(), station=station, most=most)
        if not rows and not as_json:
            typer.echo("nothing stands in the journal of 30 days", err=True)
            return
        ports.show([_journaled(row) for row in rows], as_json)

    @alarms.command("incident")
    def alarms_incident(
        number: Annotated[str, typer.Argument(help="Number of an incident, or how it begins: six characters or more.")],
        as_json: AsJson = False,
    ) -> None:
        """Show one incident: the cause that is proposed and why, whom it touches, and what happened when."""
        story = ports.views().incident(number)
        if as_json:
            ports.show([_whole(story)], True)
            return
        for line in _head(story):
            typer.echo(line)
        ports.show([_entry(entry) for entry in story.timeline], False)


def _journaled(row: JournalRow) -> Mapping[str, object]:
    return {
        "at": _time(row.at * 1000),
        "recorded": _time(row.recorded_at * 1000),
        "late": "late" if row.late else "",
        "what": row.what.replace("_", " "),
        "rule": row.rule,
        "station": row.station,
        "element": row.element,
        "actor": row.actor,
        "comment": row.comment or "",
        "alarm": row.alarm_id[:8],
    }


def _entry(entry: Entry) -> Mapping[str, object]:
    return {
        "at": _time(entry.at),
        "recorded": _time(entry.recorded_at),
        "late": "late" if entry.late else "",
        "what": entry.what.replace("_", " "),
        "first": "first" if entry.first_out else "",
        "rule": entry.rule,
        "station": entry.station,
        "element": entry.element,
        "actor": entry.actor,
        "comment": entry.comment or "",
        "alarm": entry.alarm_id[:8],
    }


def _head(story: Story) -> list[str]:
    from application.incident_store import ranged

    closed = "open" if story.closed is None else f"over at {_time(story.closed)}"
    homes = "an unknown number of homes" if story.homes is None else f"{story.homes} homes"
    cold = "not foreseen" if story.hours is None else f"{story.hours[0]:.1f} h ({ranged(*story.hours[1:])})"
    return [
        f"incident {story.incident_id}, priority {story.priority}, since {_time(story.opened)}, {closed}",
        f"{story.scope}: proposed cause {story.cause} at {story.cause_station}",
        *(f"  because {reason}" for reason in story.reasons),
        f"touches {homes}; communities: {', '.join(story.communities)}",
        f"stations: {', '.join(story.stations)}",
        f"rooms below 18 Cel in: {cold}",
        "",
    ]


def _whole(story: Story) -> Mapping[str, object]:
    from dataclasses import asdict

    told = asdict(story)
    reasons = [{"what": r.what, "words": str(r), **r.told} for r in story.reasons]
    times = {"opened": _time(story.opened), "closed": None if story.closed is None else _time(story.closed)}
    entries = [{**e, "at": _time(e["at"]), "recorded_at": _time(e["recorded_at"])} for e in told["timeline"]]
    return {**told, **times, "reasons": reasons, "timeline": entries}


def foreseen(told: Consequence | None) -> Mapping[str, object]:
    """Return what is foreseen of an alarm, as columns of a list."""
    from application.incident_store import ranged

    if told is None:
        return {"homes": None, "hours_to_18": None, "range": "", "why": ""}
    why = told.why.replace("_", " ")
    return {"homes": told.homes, "hours_to_18": told.hours, "range": ranged(told.low, told.high), "why": why}


def _time(at: int) -> str:
    from application.instants import moment

    return moment(at).isoformat(timespec="seconds")
