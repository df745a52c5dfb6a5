"""Progress: a bar on the terminal for long work; nothing where nobody looks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(title: str, total: float | None, unit: str) -> Iterator[Callable[[float], None]]:
    """Yield what moves a bar on by so many units. It is drawn on the error channel, and on terminals alone."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    words = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit)
    console = Console(stderr=True)
    with Progress(
        *words, TimeElapsedColumn(), TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(title, total=total)
        yield lambda amount: progress.advance(task, amount)
