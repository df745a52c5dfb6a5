"""Crew: the controllers of all devices of a fleet, from the bytes of commands to those of replies."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog

from network.link import Delivery
from network.orders import Answer, Order, State, UnreadableOrderError, answer_bytes, order_of
from network.topics import Channel, Topic
from perception.command import CommandError, Why
from perception.sensor_kind import SensorKind
from simulators.heat.interventions import Interventions
from simulators.obedience.controller import Controller
from simulators.obedience.keeping import load, save

Message = tuple[str, bytes]
Look = Callable[[str], Mapping[str, float]]
"""What the meters of a device show now, by point; empty for a device that shows nothing."""

_SECOND_US = 1_000_000
_COMMAND = f"/{Channel.COMMAND}"
_log = structlog.get_logger()


class Breaker(Protocol):
    """Breaks and mends devices. Both raise CommandError with what does not fit."""

    def add(self, device: str, args: Mapping[str, object], at: int, until: int | None) -> None:
        """Begin a fault: `kind`, `severity` and the parameters of that kind, as the command gave them."""

    def clear(self, device: str, kind: str | None, at: int) -> None:
        """End what is wrong with a device, of one kind or all."""


class Obedience:
    """Hears for these devices (kind by name). `kept` is the file in which orders outlive this process, None for none.

    Not safe between threads: the fleet's own thread calls it.
    """

    def __init__(
        self, devices: Mapping[str, SensorKind], look: Look, breaker: Breaker | None = None, kept: Path | None = None
    ) -> None:
        self._look, self._breaker, self._kept = look, breaker, kept
        self._controllers = {n: Controller(k) for n, k in devices.items()} if kept is None else load(kept, devices)
        self._busy = {name for name, c in self._controllers.items() if c.is_busy()}
        self._standing = {name for name, c in self._controllers.items() if c.standing.orders}
        self._passed_at = 0
        self._break_again()

    def heed(self, deliveries: Iterable[Delivery], now: int) -> list[Message]:
        """Obey what came; return the replies. Commands to devices that are not ours are passed over.

        What is ordered is on disk when this returns, so the deliveries may be acknowledged.
        """
        replies = [message for delivery in deliveries for message in self._heed(delivery, now)]
        if replies:
            self._save()
        return replies

    def pass_time(self, now: int) -> list[Message]:
        """Look, at most once a second, what is done by now; return the replies."""
        if not self._busy or 0 <= now - self._passed_at < _SECOND_US:
            return []
        self._passed_at = now
        said: list[Message] = []
        before = {name: self._controllers[name].standing for name in self._busy}
        for name in sorted(self._busy):
            said += self._replies(name, self._controllers[name].pass_time(self._look(name), now))
        changed = [name for name in before if self._controllers[name].standing is not before[name]]
        for name in before:
            self._note(name)
        if said or changed:
            self._save()
        return said

    def write(self, interventions: Interventions, places: Mapping[str, int], at: int) -> None:
        """Write what is ordered into the interventions of an instant; `places` by name of the device."""
        for name in self._standing & places.keys():
            self._controllers[name].standing.at(at).write(interventions, places[name])

    def standing(self, device: str) -> Mapping[str, Mapping[str, object]]:
        """Return the orders in force at a device, by command."""
        return {name: stays.args for name, stays in self._controllers[device].standing.orders.items()}

    def _heed(self, delivery: Delivery, now: int) -> Iterator[Message]:
        name = delivery.topic.removesuffix(_COMMAND).rpartition("/")[2]
        controller = self._controllers.get(name)
        if controller is None:
            return
        try:
            order = order_of(delivery.payload)
        except UnreadableOrderError as err:
            yield from self._replies(name, [Answer(err.id, State.REJECTED, now, err.why, str(err))])
            return
        except CommandError as err:
            _log.warning("command_unreadable", device=name, cause=str(err))
            return
        yield from self._replies(name, controller.heed(order, self._look(name), now, partial(self._break, name)))
        self._note(name)

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

    def _replies(self, device: str, answers: Iterable[Answer]) -> list[Message]:
        topic = str(Topic(device, Channel.REPLY))
        return [(topic, answer_bytes(answer)) for answer in answers]

    def _note(self, name: str) -> None:
        controller = self._controllers[name]
        (self._busy.add if controller.is_busy() else self._busy.discard)(name)
        (self._standing.add if controller.standing.orders else self._standing.discard)(name)

    def _save(self) -> None:
        if self._kept is not None:
            save(self._kept, self._controllers)
