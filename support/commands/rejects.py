"""Verbs about rejects: seen, mended, replayed and dropped."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from perception.readings import Reason
from support.commands.listing import Rows, show, show_json, visible

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from support.quarantine import Choice, Progress

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Ids = Annotated[list[int] | None, typer.Argument(help="Numbers of single rejects.")]
Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Only of this reason; may be given again.")]
OneDevice = Annotated[str | None, typer.Option("--device", help="Only of this device.")]
Since = Annotated[str | None, typer.Option(help="Only received since then: 2h, 3d, or an ISO time.")]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for ingest to do it.")]
SHOWN_PAYLOAD = 120
_POLL_S = 0.2


def register(rejects: typer.Typer, engine: "Callable[[], Engine]", actor: Callable[[], str]) -> None:
    """Put the verbs on the command line."""
    _about_seeing(rejects, engine)
    _about_moving(rejects, engine, actor)


def _about_seeing(rejects: typer.Typer, engine: "Callable[[], Engine]") -> None:
    @rejects.command("list")
    def rejects_list(
        reason: Reasons = None,
        device: OneDevice = None,
        since: Since = None,
        state: Annotated[
            str, typer.Option(help="open, asked, replayed, dropped, all, or waiting: open and asked.")
        ] = "waiting",
        each: Annotated[bool, typer.Option("--each", help="Single rejects, the newest first.")] = False,
        most: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many lines.")] = 50,
        as_json: AsJson = False,
    ) -> None:
        """Show what could not be taken in, by reason and device, with what to do about it."""
        choice = _chosen(engine(), (), reason, device, since, state)
        rows = single_rows(engine(), choice, most) if each else group_rows(engine(), choice)
        show(rows if as_json else rows[:most], as_json, empty="nothing of that kind was rejected")
        if not as_json and len(rows) > most:
            typer.echo(f"and {len(rows) - most} more: --most, or narrow it with --reason, --device, --since")

    @rejects.command("show")
    def rejects_show(reject_id: Annotated[int, typer.Argument(help="Its number.")], as_json: AsJson = False) -> None:
        """Show all that is known of one reject, its payload as it came."""
        from support.commands.payloads import shown

        facts, payload = all_of_one(engine(), reject_id)
        if as_json:
            text = {"payload": payload.decode()} if _is_text(payload) else {"payload_hex": payload.hex()}
            show_json(facts | text)
            return
        width = max(map(len, facts))
        for name, value in facts.items():
            if value:
                typer.echo(f"{name:<{width}}  {visible(str(value))}")
        typer.echo(f"payload, {len(payload)} bytes:\n{shown(payload)}")


def _about_moving(rejects: typer.Typer, engine: "Callable[[], Engine]", actor: Callable[[], str]) -> None:
    @rejects.command("replay")
    def rejects_replay(
        ids: Ids = None,
        reason: Reasons = None,
        device: OneDevice = None,
        since: Since = None,
        wait_s: Wait = 30,
        as_json: AsJson = False,
    ) -> None:
        """Take rejects in anew, by number or choice, once their cause is mended; says what became of them."""
        from support import quarantine

        choice = _narrowed(_chosen(engine(), ids or (), reason, device, since, "open"))
        with engine().begin() as on:
            asked = quarantine.ask(on, choice, actor())
        report(engine(), asked, wait_s, as_json=as_json)

    @rejects.command("drop")
    def rejects_drop(
        ids: Ids = None,
        reason: Reasons = None,
        device: OneDevice = None,
        since: Since = None,
        yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    ) -> None:
        """Put rejects aside that nobody wants; they are kept as dropped until they are too old."""
        from support import quarantine

        choice = _narrowed(_chosen(engine(), ids or (), reason, device, since, "open"))
        if not yes:
            typer.confirm(f"drop {_how_many(engine(), choice)} rejects?", abort=True)
        with engine().begin() as on:
            dropped = quarantine.drop(on, choice, actor())
        typer.echo(f"{len(dropped)} rejects are dropped" if dropped else "no open reject was meant: nothing is dropped")


def _chosen(
    engine: "Engine",
    ids: Sequence[int],
    reasons: Sequence[str] | None,
    device: str | None,
    since: str | None,
    state: str,
) -> "Choice":  # fmt: skip
    """Return which rejects are meant. Raises QuarantineError when reason, device or state is unknown."""
    from support.commands.moments import moment
    from support.quarantine import WAITING, Choice, QuarantineError, RejectState, require_known

    sets = {str(s): (s,) for s in RejectState} | {
        "waiting": WAITING,
        "open": (RejectState.OPEN, RejectState.SUMMED),
        "all": tuple(RejectState),
    }
    if state not in sets:
        raise QuarantineError(f"no state is called {state!r}: there are {', '.join(sets)}")
    choice = Choice(
        ids=tuple(ids),
        reasons=tuple(reasons or ()),
        device=device,
        since=None if since is None else moment(since),
        states=sets[state],
    )
    with engine.connect() as on:
        require_known(on, choice)
    return choice


def _narrowed(choice: "Choice") -> "Choice":
    """Return the choice, unless it means everything: that must be said."""
    from support.quarantine import QuarantineError

    if not (choice.ids or choice.reasons or choice.device or choice.since):
        raise QuarantineError("say which: numbers, --reason, --device or --since (--since always means all)")
    return choice


def _how_many(engine: "Engine", choice: "Choice") -> int:
    from support import quarantine

    with engine.connect() as on:
        return sum(g.number for g in quarantine.groups(on, choice))


def group_rows(engine: "Engine", choice: "Choice") -> Rows:
    """Return rejects by reason, device and state, with the remedy."""
    from support import quarantine

    with engine.connect() as on:
        found = quarantine.groups(on, choice)
        refused, known = quarantine.refused_points(on, choice), quarantine.known_devices(on)
    return [
        {
            "reason": g.reason,
            "device": g.device,
            "state": g.state,
            "count": g.number,
            "not_kept": int(g.not_kept),
            "newest": g.newest.isoformat(timespec="seconds"),
            "remedy": _to_do(g.state, _mended_by(g.reason, g.device, known), g.device, refused.get(g.device, ())),
        }
        for g in found
    ]


def _mended_by(reason: str, device: str | None, known: Collection[str]) -> str:
    """Return the reason whose remedy it is: an unknown device may have announced itself since."""
    return Reason.INACTIVE_DEVICE if reason == Reason.UNKNOWN_DEVICE and device in known else reason


def _to_do(state: str, reason: str, device: str | None, points: Sequence[str]) -> str:
    from support.remedies import remedy

    return remedy(reason, device, points) if state == "open" else {"asked": "wait for ingest"}.get(state, "")


def single_rows(engine: "Engine", choice: "Choice", most: int) -> Rows:
    """Return single rejects, newest first; the payload as text, cut short."""
    from support import quarantine

    with engine.connect() as on:
        found = quarantine.each(on, choice, most)
    return [
        {
            "reject_id": r.reject_id,
            "received_at": r.received_at.isoformat(timespec="milliseconds"),
            "reason": r.reason,
            "device": r.device,
            "state": r.state,
            "partial": r.partial,
            "points": ",".join(r.points),
            "detail": r.detail,
            "topic": r.topic,
            "payload": bytes(r.payload[:SHOWN_PAYLOAD]).decode(errors="replace"),
        }
        for r in found
    ]


def all_of_one(engine: "Engine", reject_id: int) -> tuple[dict[str, object], bytes]:
    """Return every fact of a reject but the payload, and the payload. Raises QuarantineError."""
    from support import quarantine

    with engine.connect() as on:
        row, brought = quarantine.one(on, reject_id)
    facts = {k: v for k, v in row._mapping.items() if k != "payload"}  # noqa: SLF001 - SQLAlchemy's public door
    facts |= {"brought": list(brought), "remedy": _to_do(row.state, row.reason, row.device, row.points)}
    return facts, bytes(row.payload)


def report(engine: "Engine", asked: Sequence[int], wait_s: float, *, as_json: bool = False) -> None:
    """Wait for a replay, at most so long, and say what became of it. Exits with 1 when something is left or refused."""
    from support import quarantine

    until = time.monotonic() + wait_s
    while True:
        began = time.monotonic()
        with engine.connect() as on:
            stands = quarantine.progress(on, asked)
        now = time.monotonic()
        if not stands.left or now >= until:
            break
        time.sleep(max(_POLL_S, 4 * (now - began)))  # another process's work: there is nothing to be notified by
    if as_json:
        show_json([{"asked": len(asked), "settled": stands.settled, "left": stands.left, **stands.outcome}])
    else:
        typer.echo(told(len(asked), stands))
    if stands.left or stands.outcome.get("rejected"):
        raise typer.Exit(1)


def told(asked: int, stands: "Progress") -> str:
    """Return in a sentence or two how a replay went."""
    if not asked:
        return "no open reject was meant: nothing is replayed"
    said = f"{stands.settled} of {asked} rejects replayed: {_counted(stands.outcome)}"
    if stands.outcome.get("rejected"):
        said += "; what was rejected again is listed by hearthline rejects list"
    if stands.left:
        said += f"; {stands.left} still wait: ingest takes them when it runs (hearthline status)"
    return said


def _counted(outcome: Mapping[str, int]) -> str:
    words = {
        "stored": "stored",
        "merged": "merged",
        "duplicate": "duplicate",
        "conflict": "in conflict",
        "rejected": "rejected again",
        "taken": "taken in",
    }
    return ", ".join(f"{outcome[fate]} {word}" for fate, word in words.items() if outcome.get(fate)) or "none yet"


def _is_text(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
