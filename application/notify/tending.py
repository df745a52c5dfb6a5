"""Tending of notices: what queues them and what sends them, as passes of tend."""

from collections.abc import Callable, Iterator, Mapping

from sqlalchemy import Engine

from application.notify.desk import Desk, PlanFile
from application.notify.sending import Sender, reached
from application.notify.telling import Teller
from application.rule import Rule
from support.maintain import Pass

_EVERY_S = 5.0


def passes(engine: Engine, rules: Mapping[str, Rule], desk: Desk, clock: Callable[[], int]) -> list[Pass]:
    """Return the two passes; they follow that of the incidents, of which they tell.

    Raises PlanError when the file cannot be used; their runs raise StoreDownError.
    """
    file = PlanFile(desk.file)
    teller, sender = Teller(file, rules, desk), Sender(engine, file, desk, clock)

    def tell(now: int) -> Iterator[int]:
        with reached(engine) as on:
            changed = teller.tell(on, now)
        yield changed

    return [
        Pass("notices", _EVERY_S, tell, "notices queued and withdrawn"),
        Pass("sending", _EVERY_S, sender.run, "attempts to send a notice"),
    ]
