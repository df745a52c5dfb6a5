"""The verbs `command send`, `command list` and `command show`: tell devices what to do, and see what they did."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from support.commands.listing import show, show_json

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from perception.sensor_kind import SensorKind
    from support.orders import OrderRow, Wish

_SPAN = re.compile(r"(\d{1,6})(s|min|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LOOK_S = 0.25
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def register(
    app: typer.Typer,
    engine: Callable[[], Engine],
    kinds: Callable[[], Mapping[str, SensorKind]],
    actor: Callable[[], str],
) -> None:
    """Put the verbs on the command line."""
    orders = typer.Typer(help="Tell devices what to do, and see what they did.", no_args_is_help=True)
    app.add_typer(orders, name="command")
    _register_send(orders, engine, kinds, actor)

    @orders.command("list")
    def command_list(
        device: Annotated[str | None, typer.Option(help="Only commands to this device.")] = None,
        most: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 50,
        as_json: AsJson = False,
    ) -> None:
        """Show what devices were told, newest first, and how far it has come."""
        from support.orders import given

        with engine().connect() as on:
            rows = [_short(row) for row in given(on, device, most)]
        nothing = "nobody was told anything yet" if device is None else f"no device {device!r} was told anything yet"
        show(rows, as_json, empty=f"{nothing}: hearthline command send")

    @orders.command("show")
    def command_show(
        command_id: Annotated[UUID, typer.Argument(metavar="ID", help="The id that `command send` printed.")],
        as_json: AsJson = False,
    ) -> None:
        """Show one command with every answer of the device."""
        from support.orders import one

        with engine().connect() as on:
            row = one(on, command_id)
        if row is None:
            raise typer.BadParameter(f"no command has the id {command_id}: see `hearthline command list`")
        _tell(row, as_json)


def _register_send(
    orders: typer.Typer,
    engine: Callable[[], Engine],
    kinds: Callable[[], Mapping[str, SensorKind]],
    actor: Callable[[], str],
) -> None:
    @orders.command("send")
    def command_send(
        device: Annotated[str, typer.Argument(help="Name of the device.")],
        name: Annotated[str, typer.Argument(help="What to do: see `hearthline kinds KIND --commands`.")],
        arguments: Annotated[list[str] | None, typer.Argument(help="KEY=VALUE ...")] = None,
        hold: Annotated[str | None, typer.Option("--for", help="How long it holds, as 2h; else until told.")] = None,
        expires: Annotated[str, typer.Option(help="Not to be begun later than so long from now.")] = "5min",
        wait: Annotated[bool, typer.Option("--wait", help="Wait for the end. 1: it was not done.")] = False,
        as_json: AsJson = False,
    ) -> None:
        """Tell a device what to do, within the limits of its kind."""
        from support.orders import Wish, give

        hold_s = None if hold is None else _seconds(hold)
        wish = Wish(device, name, _arguments(arguments or ()), hold_s, _seconds(expires))
        with engine().begin() as on:
            command_id = give(on, kinds(), wish, actor())
        row = _await(engine, command_id, wish) if wait else _now(engine, command_id)
        _tell(row, as_json)
        raise typer.Exit(1 if wait and row.status != "done" else 0)


def _await(engine: Callable[[], Engine], command_id: UUID, wish: Wish) -> OrderRow:
    """Look until the command has ended; say each step once."""
    from support.orders import ENDED

    said = ""
    while True:
        row = _now(engine, command_id)
        if row.status != said:
            said = row.status
            typer.echo(f"{wish.device} {wish.do}: {said}", err=True)
        if row.status in ENDED:
            return row
        time.sleep(_LOOK_S)


def _now(engine: Callable[[], Engine], command_id: UUID) -> OrderRow:
    from support.orders import one

    with engine().connect() as on:
        row = one(on, command_id)
    assert row is not None, "it was written a moment ago"
    return row


def _tell(row: OrderRow, as_json: bool) -> None:
    line = _line(row)
    answers = [{"state": a.state, "at": _when(a.at), "reason": a.reason, "detail": a.detail} for a in row.answers]
    if as_json:
        show_json({**line, "expires_at": _when(row.expires_at), "answers": answers})
        return
    show([{"what": key, "value": value} for key, value in line.items() if value is not None], as_json=False)
    if answers:
        show(answers, as_json=False)


def _short(row: OrderRow) -> dict[str, object]:
    """Return a command as a row of a list; why it was not done in words is for `command show`."""
    return {key: value for key, value in _line(row).items() if key not in {"detail", "sent_at"}}


def _line(row: OrderRow) -> dict[str, object]:
    return {
        "id": row.command_id,
        "device": row.device,
        "do": row.do,
        "args": " ".join(f"{k}={v}" for k, v in row.args.items()),
        "status": row.status,
        "reason": row.reason,
        "detail": row.why,
        "actor": row.actor,
        "created_at": _when(row.created_at),
        "sent_at": _when(row.sent_at),
        "until": _when(row.until),
    }


def _when(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")


def _arguments(words: Sequence[str]) -> dict[str, object]:
    """Read KEY=VALUE words: true and false, numbers, and what is neither as a word."""
    found: dict[str, object] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key or key in found:
            raise typer.BadParameter(f"{word!r}: arguments are KEY=VALUE, each key once")
        found[key] = _value(value)
    return found


def _value(written: str) -> object:
    if written in {"true", "false"}:
        return written == "true"
    try:
        return float(written)
    except ValueError:
        return written


def _seconds(written: str) -> float:
    span = _SPAN.fullmatch(written)
    if span is None:
        raise typer.BadParameter(f"{written!r} is no length of time: expected 90s, 30min, 2h or 7d")
    return float(int(span[1]) * _SECONDS[span[2]])
