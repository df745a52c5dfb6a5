"""Controller: what one simulated device makes of orders: a state machine without clock or I/O.

Every order is answered at once with accepted or rejected, and after accepted later with done or failed. One that comes
again is answered as it was and done once. The same orders and instants give the same answers.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from network.orders import FINAL, Answer, Order, State
from perception.command import CommandError, Why
from perception.sensor_kind import SensorKind
from simulators.obedience.judgement import PATIENCE_US, consider, is_done
from simulators.obedience.standing import Standing, replaced_by

REMEMBERED_US = 7 * 86_400 * 1_000_000
MOST_REMEMBERED = 1_000
"""Orders whose ids a device keeps, with its answers, so that it knows one that comes again."""

Break = Callable[[Order, int], None]
"""Breaks or mends the device at a time, as a fault order says. Raises CommandError when it cannot."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An order and what was answered to it so far; `since`: when the plant was set to it."""

    order: Order
    since: int
    answers: tuple[Answer, ...]

    @property
    def is_open(self) -> bool:
        """Whether an end is still to come."""
        return self.answers[-1].state not in FINAL


class Controller:
    """One device's. Times are epoch microseconds of the device's clock, which may be set forwards or back."""

    def __init__(
        self, kind: SensorKind, standing: Standing | None = None, heard: Mapping[str, Heard] | None = None
    ) -> None:
        self.kind = kind
        self.standing = standing or Standing()
        self.heard: dict[str, Heard] = dict(heard or {})

    def heed(self, order: Order, shown: Mapping[str, float], now: int, broken: Break) -> list[Answer]:
        """Obey an order, or say why not; return what is to be answered, also of orders that it replaces."""
        before = self.heard.get(order.id)
        if before is not None:
            return list(before.answers)
        self.standing = self.standing.at(now)
        try:
            consider(order, self.kind, self.standing, shown, now)
            if order.do in {"fault", "clear_fault"}:
                broken(order, now)
        except CommandError as err:
            return self._remember(order, now, Answer(order.id, State.REJECTED, now, err.why, str(err)))
        replaced = list(self._replace(order, now))
        self.standing = self.standing.with_order(order, shown, now)
        answers = self._remember(order, now, Answer(order.id, State.ACCEPTED, now))
        return [*replaced, *answers, *self.pass_time(shown, now)]

    def pass_time(self, shown: Mapping[str, float], now: int) -> list[Answer]:
        """Let time pass: give back what is over, and say which orders are done and which will not be."""
        self.standing = self.standing.at(now)
        said = []
        for heard in [h for h in self.heard.values() if h.is_open]:
            if now < heard.since:  # the clock was set back: nobody knows how long it has been
                self.heard[heard.order.id] = replace(heard, since=now)
                continue
            if is_done(heard.order, shown, heard.since, now):
                said.append(self._end(heard, Answer(heard.order.id, State.DONE, now)))
            elif now - heard.since > PATIENCE_US[heard.order.do]:
                detail = f"the plant did not get there within {PATIENCE_US[heard.order.do] // 60_000_000} min"
                said.append(self._end(heard, Answer(heard.order.id, State.FAILED, now, Why.NOT_REACHED, detail)))
        return said

    def is_busy(self) -> bool:
        """Whether the passing of time may change something."""
        return any(h.is_open for h in self.heard.values()) or any(s.until for s in self.standing.orders.values())

    def _replace(self, order: Order, now: int) -> Iterator[Answer]:
        """End the orders whose place this one takes."""
        for heard in [h for h in self.heard.values() if h.is_open and h.order.do in replaced_by(order)]:
            detail = f"{order.do} {order.id} took its place"
            yield self._end(heard, Answer(heard.order.id, State.FAILED, now, Why.SUPERSEDED, detail))

    def _end(self, heard: Heard, answer: Answer) -> Answer:
        self.heard[heard.order.id] = replace(heard, answers=(*heard.answers, answer))
        return answer

    def _remember(self, order: Order, now: int, answer: Answer) -> list[Answer]:
        self.heard[order.id] = Heard(order, now, (answer,))
        old = [k for k, h in self.heard.items() if not h.is_open and h.since < now - REMEMBERED_US]
        for name in [*old, *list(self.heard)[: max(0, len(self.heard) - len(old) - MOST_REMEMBERED)]]:
            if name != order.id and name in self.heard and not self.heard[name].is_open:
                del self.heard[name]
        return [answer]
