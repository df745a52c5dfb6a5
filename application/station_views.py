"""Station views: the part of the read side that the pages of stations and trends ask for."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import Connection

from application import explored, station_file
from application.explored import SeriesPlace
from application.rule import Rule
from application.station_file import Mark, StationFile
from perception.sensor_kind import SensorKind


class StationReads:
    """A part of Views, which opens the connections. Times are epoch microseconds; every method blocks."""

    _kinds: Mapping[str, SensorKind]
    _rules: Mapping[str, Rule]

    def _reading(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    def station_file(self, name: str, part: str, now: int) -> StationFile | None:
        """Return what is kept of a station beside its values; `part` says which list of it is shown."""
        with self._reading() as on:
            return station_file.read(on, self._kinds, self._rules, name, part, now)

    def marks(self, device: str, start: int, stop: int) -> Sequence[Mark] | None:
        """Return alarms, commands and doubted values of a device that reach into [start, stop), oldest first."""
        with self._reading() as on:
            return station_file.marks(on, self._kinds, self._rules, device, (start, stop))

    def series_places(self, devices: Sequence[str]) -> Mapping[str, SeriesPlace]:
        """Return where devices stand, by name; those that there are not are left out."""
        with self._reading() as on:
            return explored.places_of(on, devices)

    def device_names(self, city: str, most: int) -> Sequence[str]:
        """Return the names of the active devices of a city, in order."""
        with self._reading() as on:
            return explored.names_of(on, city, most)
