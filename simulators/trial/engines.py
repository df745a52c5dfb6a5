"""Engines: what a trial judges, as it is handed in."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from perception.catalogue import Catalogue
from simulators.trial.columns import Columns

ALARMS = "alarms.jsonl"


class Engine(AbstractContextManager["Engine"], Protocol):
    """It runs in a process of its own."""

    def take(self, blocks: Mapping[str, Columns], now: int) -> None:
        """Take what devices said up to `now`, by kind."""

    def close(self) -> None:
        """Wait until it has written alarms.jsonl into its folder."""


Engines = Callable[[Catalogue, Mapping[str, int], Mapping[str, float], int, Path], Mapping[str, Engine]]
"""From catalogue, device_id by name, cadence by kind, begin and a folder: engines by the folder inside it, "" first."""
