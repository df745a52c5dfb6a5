"""Desk: asks the views on a thread, so that the event loop never waits for the database.

Many browsers ask the same at the same moment (a snapshot after a gap, a page after an alarm): those
who ask within `fresh_s` of the first get the first one's answer.
"""

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

from anyio import to_thread

from presentation.ports import ConsoleActs, ConsoleViews

Answer = TypeVar("Answer")


def now_us() -> int:
    """Return the wall clock in epoch microseconds."""
    return time.time_ns() // 1000


class Desk:
    """One per application. `fresh_s`: how long an answer stands for all who ask the same.

    `changed` is set when something was written here, so that whoever waits for news need not wait longer.
    """

    def __init__(self, views: ConsoleViews, acts: ConsoleActs | None = None, fresh_s: float = 1.0) -> None:
        self._views = views
        self._acts = acts
        self.changed = asyncio.Event()
        self._fresh_s = fresh_s
        self._answers: dict[Hashable, tuple[float, asyncio.Task[object]]] = {}

    async def ask(self, question: Callable[[ConsoleViews], Answer]) -> Answer:
        """Answer one question on a thread."""
        return await to_thread.run_sync(question, self._views)

    async def ask_shared(self, key: Hashable, question: Callable[[ConsoleViews], Answer]) -> Answer:
        """Answer on a thread, together with everybody else who asks `key` at this moment."""
        now = time.monotonic()
        self._answers = {k: v for k, v in self._answers.items() if now - v[0] < self._fresh_s or not v[1].done()}
        if key not in self._answers:
            self._answers[key] = (now, asyncio.create_task(self._answer(question)))
        return cast("Answer", await asyncio.shield(self._answers[key][1]))

    async def do(self, act: Callable[[ConsoleActs], Answer]) -> Answer:
        """Do something on a thread; what was answered before it stands for nobody after it."""
        if self._acts is None:
            raise RuntimeError("a console without acts lets nobody in")
        try:
            return await to_thread.run_sync(act, self._acts)
        finally:
            self._answers.clear()
            self.changed.set()

    async def _answer(self, question: Callable[[ConsoleViews], object]) -> object:
        return await to_thread.run_sync(question, self._views)
