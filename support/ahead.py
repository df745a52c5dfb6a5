"""Ahead: what comes next is taken and interpreted by a second thread while the database works on what came before.

Only under load: with little to do, everything happens in one thread, in one turn, which is the shortest
way from a delivery to its commit.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Portion = TypeVar("Portion")


class Ahead(Generic[Portion]):
    """Does `work` when it is asked for its result, or, after `begin`, before that. One thread asks; `close` it."""

    def __init__(self, work: Callable[[], Sequence[Portion]]) -> None:
        """`work` is never done twice at once; what it raises, `take` raises."""
        self._work = work
        self._pool = ThreadPoolExecutor(1, "ahead")
        self._begun: Future[Sequence[Portion]] | None = None

    def begin(self) -> None:
        """Let the second thread work from now on, unless it has begun already."""
        if self._begun is None:
            self._begun = self._pool.submit(self._work)

    def take(self) -> Sequence[Portion]:
        """Return the result of the work that was begun, or do it now."""
        begun, self._begun = self._begun, None
        return self._work() if begun is None else begun.result()

    def close(self) -> None:
        """End the second thread; what it has taken and nobody has asked for was not acknowledged, and comes again."""
        self._pool.shutdown(wait=True)
