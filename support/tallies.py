"""Tallies: the fates of a batch by device, as columns: a batch may name thousands of devices. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from network.link import Tally

FATES = Tally.__slots__
"""The columns: received, and the fates that add up to it."""


class Tallies(Mapping[str, Tally]):
    """A Tally for each device. `devices`: names, each once; counts int64[devices, fates]."""

    def __init__(self, devices: Sequence[str], counts: NDArray[np.int64]) -> None:
        self.devices, self.counts = devices, counts

    @classmethod
    def of(cls, tallies: Mapping[str, Tally]) -> "Tallies":
        """Return any tallies as columns."""
        if isinstance(tallies, cls):
            return tallies
        rows = [[getattr(tally, fate) for fate in FATES] for tally in tallies.values()]
        return cls(list(tallies), np.array(rows, np.int64).reshape(-1, len(FATES)))

    @classmethod
    def joined(cls, parts: Iterable[Mapping[str, Tally]]) -> "Tallies":
        """Add up parts in which a device may come more than once."""
        columns = [cls.of(part) for part in parts]
        if len(columns) == 1:
            return columns[0]
        places: dict[str, int] = {}
        owner = [places.setdefault(device, len(places)) for part in columns for device in part.devices]
        counts = np.zeros((len(places), len(FATES)), np.int64)
        np.add.at(counts, owner, np.concatenate([part.counts for part in columns]) if owner else 0)
        return cls(list(places), counts)

    def __getitem__(self, device: str) -> Tally:
        return Tally(*self.counts[self._places[device]].tolist())

    def __iter__(self) -> Iterator[str]:
        return iter(self.devices)

    def __len__(self) -> int:
        return len(self.devices)

    def totals(self) -> Tally:
        """Return the fates of all devices together."""
        return Tally(*self.counts.sum(axis=0).tolist())

    @cached_property
    def _places(self) -> dict[str, int]:
        return {device: place for place, device in enumerate(self.devices)}
