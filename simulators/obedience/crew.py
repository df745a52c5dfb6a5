"""Crew: the controllers of all devices of a fleet, from the bytes of commands to those of replies."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog

from network.orders import Answer, Order, State, UnreadableOrderError, answer_bytes, order_of
from perception.command import CommandError, Why
from perception.sensor_kind import SensorKind
from simulators.heat.interventions import Interventions
from simulators.obedience.controller import Controller
from simulators.obedience.keeping import load, save
from simulators.obedience.standing import Standing

Said = tuple[str, bytes]
"""A device, and the payload of its reply."""

Causes = Callable[[int], Interventions]
Look = Callable[[str], Mapping[str, float]]
"""What the meters of a device show now, by point; empty for a device that shows nothing."""

MOST_WAITING = 10_000
MOST_AT_A_LOOK = 50
ORDERED = ("setpoint_offset", "setpoint", "valve_order", "pump_order")
_SECOND_US = 1_000_000
_log = structlog.get_logger()


class Breaker(Protocol):
    """Breaks and mends devices. Both raise CommandError with what does not fit."""

    def add(self, device: str, args: Mapping[str, object], at: int, until: int | None) -> None:
        """Begin a fault: `kind`, `severity` and the parameters of that kind, as the command gave them."""

    def clear(self, device: str, kind: str | None, at: int) -> None:
        """End what is wrong with a device, of one kind or all."""


class Obedience:
    """Hears for these devices (kind by name). `kept` is the file in which orders outlive this process, None for none.

    What comes to a device that does not hear (`hears`: its link or power is gone) waits in memory until it does, as
    it would with the broker. Not safe between threads: the fleet's own thread calls it.
    """

    def __init__(
        self,
        devices: Mapping[str, SensorKind],
        look: Look,
        breaker: Breaker | None = None,
        kept: Path | None = None,
        hears: Callable[[str], bool] = lambda _device: True,
    ) -> None:
        self._look, self._breaker, self._kept, self._hears = look, breaker, kept, hears
        self._waiting: list[tuple[str, bytes]] = []
        self._controllers = {n: Controller(k) for n, k in devices.items()} if kept is None else load(kept, devices)
        self._busy = {name for name, c in self._controllers.items() if c.is_busy()}
        self._standing = {name for name, c in self._controllers.items() if c.standing.orders}
        self._passed_at = 0
        self._looked_at = ""
        self._is_kept = True
        self._break_again()

    def hear(self, device: str, payload: bytes, now: int) -> list[Said]:
        """Obey what came on a device's `command` topic, and what waited for it; return what it says to that.

        A device that is not ours says nothing. What is wrong with a device is not its own affair: faults are begun
        and ended whether it hears or not.
        """
        if device not in self._controllers:
            return []
        if not self._hears(device) and not _is_fault(payload):
            self._waiting = [*self._waiting, (device, payload)][-MOST_WAITING:]
            return []
        return self._obey(device, payload, now)

    def pass_time(self, now: int) -> list[Said]:
        """Look, at most once a second, what is done by now and who hears again; return what devices say.

        What was ordered since the last call is on disk when this returns. Of many devices that are at it, each look
        takes some in turn.
        """
        self.keep()
        if not (self._busy or self._waiting) or 0 <= now - self._passed_at < _SECOND_US:
            return []
        self._passed_at = now
        said = self._take_up(now)
        for name in [name for name in self._next_busy() if self._hears(name)]:
            controller = self._controllers[name]
            before = controller.standing
            ended = controller.pass_time(self._look(name), now)
            self._is_kept &= not ended and controller.standing is before
            said += _said(name, ended)
            self._note(name)
        self.keep()
        return said

    def keep(self) -> None:
        """Write what is in force, and what was heard, where something is new."""
        if self._kept is not None and not self._is_kept:
            save(self._kept, self._controllers)
        self._is_kept = True

    def _next_busy(self) -> list[str]:
        """Return devices that are at it, those that were not looked at for longest first."""
        busy = sorted(self._busy)
        after = [name for name in busy if name > self._looked_at]
        chosen = [*after, *busy[: len(busy) - len(after)]][:MOST_AT_A_LOOK]
        self._looked_at = chosen[-1] if chosen else ""
        return chosen

    def _take_up(self, now: int) -> list[Said]:
        """Obey what waited for devices that hear."""
        due, self._waiting = self._waiting, [told for told in self._waiting if not self._hears(told[0])]
        return [one for device, payload in due if self._hears(device) for one in self._obey(device, payload, now)]

    def over(self, causes: Causes, rows: Mapping[str, int]) -> Causes:
        """Return causes to which what is ordered has been added; `rows` are those of the stations, by device."""

        def at(time: int) -> Interventions:
            found = causes(time)
            acting = {n: s for n in self._standing & rows.keys() if (s := self._acting(n, time)).orders}
            if acting:
                found = replace(found, **{name: getattr(found, name).copy() for name in ORDERED})
                for name, standing in acting.items():
                    standing.write(found, rows[name])
            return found

        return at

    def _acting(self, name: str, at: int) -> Standing:
        return self._controllers[name].standing.acting(at)

    def standing(self, device: str) -> Mapping[str, Mapping[str, object]]:
        """Return the orders in force at a device, by command."""
        return {name: stays.args for name, stays in self._controllers[device].standing.orders.items()}

    def _obey(self, name: str, payload: bytes, now: int) -> list[Said]:
        try:
            order = order_of(payload)
        except UnreadableOrderError as err:
            return _said(name, [Answer(err.id, State.REJECTED, now, err.why, str(err))])
        except CommandError as err:
            _log.warning("command_unreadable", device=name, cause=str(err))
            return []
        answers = self._controllers[name].heed(order, self._look(name), now, partial(self._break, name))
        self._note(name)
        self._is_kept = False
        return _said(name, answers)

    def _break(self, device: str, order: Order, now: int) -> None:
        if self._breaker is None:
            raise CommandError(Why.UNKNOWN, "nothing can be broken in this world")
        kind = order.args.get("kind")
        if order.do == "fault":
            self._breaker.add(device, order.args, now, order.until)
        else:
            self._breaker.clear(device, None if kind is None else str(kind), now)

    def _break_again(self) -> None:
        """Break what was broken by command before this process began, and mend what was mended."""
        for name, controller in self._controllers.items():
            for heard in [h for h in controller.heard.values() if h.order.do in {"fault", "clear_fault"}]:
                if heard.answers[-1].state is State.DONE and self._breaker is not None:
                    try:
                        self._break(name, heard.order, heard.since)
                    except CommandError as err:
                        _log.warning("fault_forgotten", device=name, cause=str(err))

    def _note(self, name: str) -> None:
        controller = self._controllers[name]
        (self._busy.add if controller.is_busy() else self._busy.discard)(name)
        (self._standing.add if controller.standing.orders else self._standing.discard)(name)


def _is_fault(payload: bytes) -> bool:
    try:
        return order_of(payload).do in {"fault", "clear_fault"}
    except CommandError:
        return False


def _said(device: str, answers: Iterable[Answer]) -> list[Said]:
    return [(device, answer_bytes(answer)) for answer in answers]
