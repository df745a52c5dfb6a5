"""Send: what is due goes out, one notice after another: claim, send, settle. Nothing is locked while it is sent.

Killed between sending and settling, tend sends that one notice again, under the same number: at least once.

Sending has a thread of its own, so that a mail server that is slow or dead holds up nothing else that tend does: no
time-out would be short enough for both. It works for a while at most and then ends, until the pass asks again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from application.instants import microseconds
from application.notify import queue
from application.notify.desk import Desk, PlanFile, Post, send
from application.notify.plan import Plan
from application.notify.wording import Content, kind_of
from support import outgoing
from support.delivery import NeverError, UndeliveredError
from support.store import StoreDownError

ACTOR = "tend"
_SPELL_S = 15.0
"""So long the thread works at most before it looks again at what is due: what is urgent goes before what waits."""
_NOTICED_S = 0.2
"""So long the pass waits for it: what goes well is done by then."""
_log = structlog.get_logger()


class Sender:
    """Sends in a thread of its own. For the thread of tend alone."""

    def __init__(self, engine: Engine, file: PlanFile, desk: Desk, clock: Callable[[], int]) -> None:
        self._work = partial(send_due, engine, desk, clock)
        self._file = file
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="notices")
        self._busy: Future[int] | None = None

    def run(self, _now: int) -> Iterator[int]:
        """Let it work, and yield how many notices were settled. Raises StoreDownError, and what the thread met."""
        done = self._ended()
        if self._busy is None:
            self._busy = self._pool.submit(self._work, self._file.plan())
        wait([self._busy], _NOTICED_S)
        yield done + self._ended()

    def _ended(self) -> int:
        """Return what the thread has done, if it has come to its end."""
        if self._busy is None or not self._busy.done():
            return 0
        ended, self._busy = self._busy, None
        return ended.result()


def send_due(engine: Engine, desk: Desk, clock: Callable[[], int], plan: Plan, spell_s: float = _SPELL_S) -> int:
    """Send what is due, for so many seconds at most; return how many notices were settled. Raises StoreDownError."""
    if not plan.recipient:  # a file that cannot be used just now must cost nobody their notices
        return 0
    until = time.monotonic() + spell_s
    outcomes: Counter[tuple[str, str]] = Counter()
    with reached(engine) as on:
        numbers = queue.due(on, plan, clock(), desk.settings.console_url)
    for number in numbers:
        if time.monotonic() >= until:
            break
        outcomes.update(_one(engine, desk, clock, plan, number))
    return sum(outcomes.values())


def _one(
    engine: Engine, desk: Desk, clock: Callable[[], int], plan: Plan, number: int
) -> Mapping[tuple[str, str], int]:
    with reached(engine) as on:
        row = queue.claim(on, number, clock())
        if row is None:
            return {}
        post = posted(row)
        if post.channel == "topic":
            return _counted(desk, post, _to_outbox(on, plan, post, row, clock()))
    outcome, err = "sent", None
    try:
        send(desk, plan, post, clock())
    except UndeliveredError as told:
        err = told
    with reached(engine) as on:
        if err is None:
            queue.settle_sent(on, number, clock())
        else:
            outcome = queue.settle_failed(on, row, err, clock(), desk.settings.give_up_h)
    if err is not None:
        where = {"recipient": post.recipient, "channel": post.channel, "why": str(err), "attempts": row.attempts}
        _log.warning("notice_not_delivered", notice=number, state=outcome, **where)
    return _counted(desk, post, outcome)


def posted(row: queue.Found) -> Post:
    """Return a notice of the queue as it goes out."""
    content = Content(row.content["subject"], row.content["text"], row.content["event"])
    created = microseconds(row.created_at)
    kind = kind_of(row.stage)
    return Post(row.message_id, row.recipient, row.channel, kind, row.priority, content, created, queue.thread_of(row))


def _to_outbox(on: Connection, plan: Plan, post: Post, row: queue.Found, now: int) -> str:
    """Hand a notice to ingest, which publishes it, in the transaction that settles it; return its state."""
    recipient = plan.recipient.get(post.recipient)
    if recipient is None or recipient.topic is None:
        return queue.settle_failed(on, row, NeverError(f"{post.recipient} has no topic any more"), now, 0.0)
    outgoing.notification(on, recipient.topic, post.event, ACTOR)
    queue.settle_sent(on, row.notification_id, now)
    return "sent"


def _counted(desk: Desk, post: Post, outcome: str) -> Mapping[tuple[str, str], int]:
    desk.count(post.channel, outcome, 1)
    return {(post.channel, outcome): 1}


@contextmanager
def reached(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that commits at the end of its block. Raises StoreDownError."""
    try:
        with engine.begin() as on:
            yield on
    except (OperationalError, InterfaceError) as err:
        raise StoreDownError(f"the database cannot be reached: {err.orig}") from err
