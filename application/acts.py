"""Acts: what people do in the console, one transaction each. The writing side beside Views.

Each method opens its own connection, blocks, and raises StoreDownError when the database cannot be reached. `at` and
`until` are epoch microseconds UTC. Who does it is handed in; it stands in the journal and in the audit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoneFreeError

from application import disposition
from application.alarm import AlarmError
from application.disposition import Act
from application.service.book import Measurement, record
from application.work import store
from application.work.desk import Desk
from application.work.order import Entry, Step
from support.store import StoreDownError


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an act upon several alarms: those done, and why the others were not."""

    done: Sequence[UUID]
    refused: Mapping[UUID, str] = field(default_factory=dict)


class Acts:
    """What is done to alarms and work orders. Safe to share between threads; the engine belongs to the caller."""

    def __init__(self, engine: Engine, desk: Desk) -> None:
        """`desk` is what opening and proving work orders needs to know."""
        self._engine = engine
        self.desk = desk

    def acknowledge(self, alarms: Sequence[UUID], act: Act) -> Done:
        """Say that somebody has seen them; what somebody else has seen meanwhile is told, and stays as it is."""
        return self._each(alarms, lambda on, alarm: disposition.acknowledge(on, alarm, act))

    def comment(self, alarms: Sequence[UUID], act: Act) -> Done:
        """Write something beside them."""
        return self._each(alarms, lambda on, alarm: disposition.comment(on, alarm, act))

    def shelve(self, alarms: Sequence[UUID], until: int, act: Act) -> Done:
        """Put their conditions aside until a time, a day ahead at most."""
        return self._each(alarms, lambda on, alarm: disposition.shelve(on, alarm, until, act))

    def unshelve(self, alarms: Sequence[UUID], act: Act) -> Done:
        """Bring their conditions back before their time."""
        return self._each(alarms, lambda on, alarm: disposition.unshelve(on, alarm, act))

    def reset(self, alarms: Sequence[UUID], act: Act) -> Done:
        """Let latched alarms go, whose conditions went and which somebody has acknowledged."""
        return self._each(alarms, lambda on, alarm: disposition.reset(on, alarm, act))

    def take_out(self, subject: str, until: int | None, act: Act) -> None:
        """Take a station or a device out of service. Raises AlarmError."""
        with self._writing() as on:
            disposition.take_out(on, subject, until, act)

    def bring_back(self, subject: str, act: Act) -> None:
        """Bring it back. Raises AlarmError."""
        with self._writing() as on:
            disposition.bring_back(on, subject, act)

    def open_order(self, alarm: UUID, act: Act) -> UUID:
        """Open a work order for an alarm and its incident; return its id. Raises WorkError."""
        with self._writing() as on:
            return store.open_for(on, self.desk, alarm, act)

    def order_step(self, order: UUID, step: str, act: Act, detail: Mapping[str, object]) -> str:
        """Take a step of a work order; return the state that it is in then. Raises WorkError."""
        with self._writing() as on:
            if step == Step.VERIFIED:
                return str(store.verify(on, self.desk, order, act).state)
            if step == Step.REOPENED:
                return str(store.reopen(on, order, act).state)
            return str(store.step(on, order, Entry(Step(step), act.at, act.actor, act.comment, detail)).state)

    def measure(self, told: Measurement, act: Act) -> int:
        """Record a room temperature measured on site; return its number. Raises MeasurementError."""
        with self._writing() as on:
            return record(on, told, act.actor, act.at)

    def _each(self, alarms: Sequence[UUID], do: Callable[[Connection, UUID], None]) -> Done:
        """Do it to each, in one transaction and one order for everybody, so that two people never wait in a ring."""
        done: list[UUID] = []
        refused: dict[UUID, str] = {}
        with self._writing() as on:
            for alarm in sorted(set(alarms)):
                try:
                    do(on, alarm)
                except AlarmError as err:  # raised before anything of this alarm is written
                    refused[alarm] = str(err)
                else:
                    done.append(alarm)
        return Done(done, refused)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as on:
                yield on
        except (OperationalError, InterfaceError) as err:
            raise StoreDownError(f"the database cannot be reached: {err.orig}") from err
        except NoneFreeError as err:
            raise StoreDownError(
                "the database is too busy: no connection came free, raise database.connections"
            ) from err
