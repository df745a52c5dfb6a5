"""Verbs about rules: listed, checked, explained, and tried on what is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from application.rule import Rule
    from application.rules_file import Pairs
    from application.tuning import Tuning
    from perception.readings import Readings
    from perception.roster import Member, Roster
    from perception.sensor_kind import SensorKind
    from support.store import Tenths

    TenthsOf = Callable[[SensorKind, Sequence[str], Sequence[int], tuple[int, int]], Tenths]

Rows = Sequence[Mapping[str, object]]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
_IN_LIST = ("name", "title", "title_zh", "priority", "subject", "exceptions")
"""Facts of a rule that fit into a line of a list."""
_STEP_US = 6 * 3_600_000_000
"""So much is replayed at once: a day of a device with 10 s cadence is 8,640 readings."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the verbs work on. `raw(device_id, kind, span)` returns stored readings in the order of time.

    `tenths(kind, points, device_ids, span)` returns ten-minute means, `zones()` the zone of each city.
    """

    rules_file: Callable[[], Path]
    roster: Callable[[], Roster]
    raw: Callable[[int, SensorKind, tuple[int, int]], Readings]
    tenths: TenthsOf
    zones: Callable[[], Mapping[str, tzinfo]]
    clock: Callable[[], int]
    span: Callable[[str, str | None], tuple[int, int]]
    show: Callable[[Rows, bool], None]


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""
    rules = typer.Typer(help="The rules that raise alarms.", no_args_is_help=True)
    app.add_typer(rules, name="rules")

    @rules.command("list")
    def rules_list(as_json: AsJson = False) -> None:
        """Show the rules; `rules explain` says what each looks at and its numbers, and so does --json of all."""
        rows = rule_rows(_pairs(ports))
        ports.show(rows if as_json else [{name: row[name] for name in _IN_LIST} for row in rows], as_json)

    @rules.command("check")
    def rules_check(
        file: Annotated[Path | None, typer.Argument(help="Another file than the one in force.")] = None,
    ) -> None:
        """Check a file of rules: every problem is named. The running system takes up a changed file within seconds."""
        from application.rules_file import read_rules

        pairs = read_rules(file or ports.rules_file())
        exceptions = sum(len(tuning.variants) for _, tuning in pairs)
        counts = f"{len(pairs)} rules and {exceptions} {'exception' if exceptions == 1 else 'exceptions'}"
        typer.echo(f"{file or ports.rules_file()}: {counts} are fine")

    @rules.command("explain")
    def rules_explain(
        rule: Annotated[str, typer.Argument(help="Name of the rule.")],
        device: Annotated[str | None, typer.Option(help="With the numbers that hold on this device.")] = None,
        as_json: AsJson = False,
    ) -> None:
        """Say what a rule looks at, when it raises, and what is to be done: in both languages, with its numbers."""
        found, tuning = _named(_pairs(ports), rule)
        member = None if device is None else _member(ports.roster(), device)
        ports.show(explained(found, tuning, member, ports.clock()), as_json)

    @rules.command("try")
    def rules_try(
        rule: Annotated[str, typer.Argument(help="Name of the rule.")],
        device: Annotated[str, typer.Option(help="The device whose stored readings are replayed.")],
        since: Annotated[str, typer.Option("--from", help="From when: 36h, 7d (so long ago), or an ISO time.")] = "1d",
        until: Annotated[str | None, typer.Option("--to", help="Until when; now where it is left out.")] = None,
        file: Annotated[Path | None, typer.Option("--rules", help="With the numbers of another file.")] = None,
        as_json: AsJson = False,
    ) -> None:
        """Replay what is stored of a device through a rule: what would it have raised? Nothing is written."""
        from application.rules_file import read_rules

        pairs = _pairs(ports) if file is None else read_rules(file)
        pair, roster = _named(pairs, rule), ports.roster()
        member, span = _member(roster, device), ports.span(since, until)
        if pair[0].tempo == "slow":
            from application.slow_trial import tried_slowly

            rows = list(map(_shown, tried_slowly(ports.tenths, pair, member, roster, ports.zones(), span)))
        else:
            rows = list(tried(ports, pair, member, span))
        if not rows and not as_json:
            typer.echo(f"{rule} would have raised nothing on {device} from {since} to {until or 'now'}")
            return
        ports.show(rows, as_json)


def tried(
    ports: Ports, pair: tuple[Rule, Tuning], member: Member, span: tuple[int, int]
) -> Iterator[Mapping[str, object]]:
    """Yield what a rule would have raised and cleared on a device over a span, in event time. Raises RuleError."""
    from application.rule import RuleError
    from application.watch import Watch
    from perception.roster import Roster

    rule, _ = pair
    if not rule.fits(member.kind):
        raise RuleError(f"{rule.name} does not fit the kind {member.kind.name}: it needs {', '.join(rule.needs)}")
    watch = Watch([pair], event_time=True)
    state = watch.attend(watch.enrol(None, Roster({member.name: member}, {member.kind.name: member.kind})), span[0])
    for begin in range(span[0], span[1], _STEP_US):
        readings = ports.raw(member.device_id, member.kind, (begin, min(begin + _STEP_US, span[1])))
        if not len(readings):
            continue
        state, transitions, _ = watch.step(state, {member.kind.name: readings}, int(readings.ts[-1]))
        yield from map(_shown, transitions)


def _shown(told: Mapping[str, object]) -> Mapping[str, object]:
    """Return a transition as a row of a list."""
    from application.instants import moment

    at, opened = int(str(told["at"])), int(str(told["opened_at"]))
    return {
        "what": told["what"],
        "at": moment(at).isoformat(timespec="seconds"),
        "element": told["element"],
        "lasted_s": None if told["what"] == "raised" else round((at - opened) / 1e6),
        "evidence": told["evidence"],
    }


def rule_rows(pairs: Pairs) -> Rows:
    """Return the rules with their words and numbers."""
    return [
        {
            "name": rule.name,
            "title": rule.title.en,
            "title_zh": rule.title.zh,
            "priority": rule.priority,
            "needs": ", ".join(rule.needs),
            "parameters": ", ".join(f"{name}={value}" for name, value in tuning.usual),
            "exceptions": len(tuning.variants),
            "tempo": rule.tempo,
            "subject": rule.subject,
        }
        for rule, tuning in pairs
    ]


def explained(rule: Rule, tuning: Tuning, member: Member | None, now: int) -> Rows:
    """Return what there is to know of a rule, a fact per row; with the numbers of the device, where one is given."""
    usual = dict(tuning.usual)
    here = usual if member is None else tuning.at(member, now)
    judge = (getattr(rule.judge, "func", rule.judge).__doc__ or "").strip().splitlines()  # of a partial, what it wraps
    facts: dict[str, object] = {
        "title": f"{rule.title.en} / {rule.title.zh}",
        "priority": rule.priority,
        "time to respond": f"{rule.respond_s / 60:g} min",
        "looks at": ", ".join(rule.needs) or "whatever the device has",
        **({"has learned": ", ".join(rule.learned)} if rule.learned else {}),
        "judges": judge[0] if judge else "",
        "when": _when(rule),
        "alarm of": f"the {rule.subject}",
        "advice": rule.advice.en,
        "advice_zh": rule.advice.zh,
        **{
            f"number {name}": value if value == usual[name] else f"{value} (elsewhere {usual[name]})"
            for name, value in here.items()
        },
        "exceptions": len(tuning.variants),
    }
    return [{"fact": name, "value": value} for name, value in facts.items()]


def _when(rule: Rule) -> str:
    if rule.tempo == "slow":
        return "every ten minutes, over means of hours and days"
    return {"reading": "each reading", "minute": "each minute", "clock": "each second"}[rule.trigger]


def _pairs(ports: Ports) -> Pairs:
    from application.rules_file import read_rules

    return read_rules(ports.rules_file())


def _named(pairs: Pairs, name: str) -> tuple[Rule, Tuning]:
    from application.rule import RuleError

    for rule, tuning in pairs:
        if rule.name == name:
            return rule, tuning
    raise RuleError(f"there is no rule {name!r}: use one of {', '.join(rule.name for rule, _ in pairs)}")


def _member(roster: Roster, device: str) -> Member:
    from application.tracing import UnknownDeviceError

    if device not in roster.members:
        raise UnknownDeviceError(f"there is no device {device!r}: `hearthline devices list` shows them")
    return roster.members[device]
