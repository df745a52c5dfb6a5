"""Station ports: what the pages of stations and trends ask of the layers below, beside what the whole console asks."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from application.explored import SeriesPlace
from application.station_file import Mark, StationFile


class StationViews(Protocol):
    """Methods block. Times are epoch microseconds UTC; None: no such station or device. Raise StoreDownError."""

    def station_file(self, name: str, part: str, now: int) -> StationFile | None:
        """Return what is kept of a station beside its values; `part` says which list of it is shown."""

    def marks(self, device: str, start: int, stop: int) -> Sequence[Mark] | None:
        """Return alarms, commands and doubted values of a device that reach into [start, stop), oldest first."""

    def series_places(self, devices: Sequence[str]) -> Mapping[str, SeriesPlace]:
        """Return where devices stand, by name; those that there are not are left out."""

    def device_names(self, city: str, most: int) -> Sequence[str]:
        """Return the names of the active devices of a city, in order, `most` at most."""
