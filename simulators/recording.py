"""Recording: a table of a real device's past as readings, by a column map. Bad rows are counted and named."""

import csv
import gzip
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import IO, BinaryIO, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from perception.payload import RawReading
from perception.sensor_kind import SensorKind

_NAMED = 5
"""So many bad rows are named; the others are counted."""
_ABSENT = frozenset({"", "na", "nan", "null", "none"})


class RecordingError(Exception):
    """A recording or its column map cannot be used at all; the text says which, what was expected and what to try."""


class TimeColumn(BaseModel):
    """Where a row's time stands. `zone` for local times without one; `format` as of strptime, None: ISO 8601."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    zone: str | None = None
    format: str | None = None

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        try:
            return value and ZoneInfo(value).key
        except (ZoneInfoNotFoundError, ValueError) as err:
            raise ValueError(f"unknown time zone {value!r}: use an IANA name such as Europe/Belgrade") from err


class PointColumn(BaseModel):
    """Which column a point comes from: value = cell x scale + offset, in the kind's unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    scale: float = 1.0
    offset: float = 0.0


class ColumnMap(BaseModel):
    """How a table is read as readings of a kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    time: TimeColumn
    points: Mapping[str, PointColumn] = Field(min_length=1)


@dataclass(slots=True)
class Trouble:
    """What could not be read: rows by cause, and the first few by line."""

    rows: int = 0
    cells: int = 0
    named: list[str] = field(default_factory=list)

    def row(self, line: int, why: str) -> None:
        """Count a row that is left out."""
        self.rows += 1
        self._name(f"line {line}: left out: {why}")

    def cell(self, line: int, why: str) -> None:
        """Count a value that is left out of its row."""
        self.cells += 1
        self._name(f"line {line}: {why}")

    def _name(self, text: str) -> None:
        if len(self.named) < _NAMED:
            self.named.append(text)


def load_map(file: Path, kinds: Mapping[str, SensorKind]) -> ColumnMap:
    """Return the column map of a TOML file. Raises RecordingError that names every problem."""
    try:
        found = ColumnMap.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as err:
        raise RecordingError(f"{file}: cannot be read as a column map: {err}") from err
    except ValidationError as err:
        problems = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in err.errors(include_url=False))
        raise RecordingError(f"{file}: {'; '.join(problems)}") from err
    if found.kind not in kinds:
        raise RecordingError(f"{file}: unknown kind {found.kind!r}; known are {', '.join(kinds)}")
    strangers = sorted(set(found.points) - set(kinds[found.kind].names))
    if strangers:
        raise RecordingError(
            f"{file}: the kind {found.kind} has no point {', '.join(strangers)}: see `hearthline kinds`"
        )
    return found


def read_recording(file: Path, columns: ColumnMap, trouble: Trouble) -> list[RawReading]:
    """Return the readings of a CSV file (plain or .gz) in order of time, one per instant; trouble is filled.

    Holds the whole file in memory: about a kilobyte per row. Raises RecordingError when the file cannot be read
    or lacks a column.
    """
    with _opened(file) as text:
        rows = list(_rows(file, text, columns, trouble))
    if len(rows) > 1 and _clock(rows[0]) > _clock(rows[-1]):
        rows.reverse()
    return _in_order(rows, columns, trouble)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    at: datetime
    values: Mapping[str, object]


def _clock(row: _Row) -> datetime:
    return row.at.replace(tzinfo=None)


@contextmanager
def _opened(file: Path) -> Iterator[IO[str]]:
    try:
        with file.open("rb") as raw, _unpacked(file, raw) as text:
            yield text
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as err:
        raise RecordingError(f"{file}: cannot be read as CSV: {err}") from err


def _unpacked(file: Path, raw: IO[bytes]) -> IO[str]:
    plain = gzip.GzipFile(fileobj=raw) if file.suffix == ".gz" else raw
    return TextIOWrapper(cast("BinaryIO", plain), encoding="utf-8-sig", newline="")


def _rows(file: Path, text: IO[str], columns: ColumnMap, trouble: Trouble) -> Iterator[_Row]:
    table = csv.DictReader(text, delimiter=columns.delimiter)
    wanted = [columns.time.column, *(p.column for p in columns.points.values())]
    missing = [c for c in wanted if c not in (table.fieldnames or ())]
    if missing:
        has = ", ".join(table.fieldnames or ()) or "no header line"
        raise RecordingError(f"{file}: no column {', '.join(missing)}; it has {has}")
    for cells in table:
        at = _time(cells[columns.time.column], columns.time, table.line_num, trouble)
        values = _values(cells, columns, table.line_num, trouble) if at else {}
        if at and values:
            yield _Row(table.line_num, at, values)
        elif at:
            trouble.row(table.line_num, "no value")


def _time(cell: str | None, column: TimeColumn, line: int, trouble: Trouble) -> datetime | None:
    try:
        text = (cell or "").strip()
        at = datetime.strptime(text, column.format) if column.format else datetime.fromisoformat(text)  # noqa: DTZ007 - the zone follows
    except ValueError:
        trouble.row(line, f"{column.column} {cell!r:.40} is no time")
        return None
    if at.tzinfo is None and column.zone is None:
        trouble.row(line, f"{column.column} {cell!r:.40} has no zone: state time.zone in the column map")
        return None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(column.zone or "UTC"))


def _values(cells: Mapping[str, str | None], columns: ColumnMap, line: int, trouble: Trouble) -> dict[str, object]:
    found: dict[str, object] = {}
    for point, source in columns.points.items():
        cell = (cells[source.column] or "").strip()
        if cell.lower() in _ABSENT:
            continue
        value = _number(cell)
        if value is None:
            trouble.cell(line, f"{source.column} {cell!r:.40} is no number")
        else:
            found[point] = round(value * source.scale + source.offset, 6)
    return found


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _in_order(rows: Sequence[_Row], columns: ColumnMap, trouble: Trouble) -> list[RawReading]:
    found: dict[int, RawReading] = {}
    before = -(2**63)
    for row in rows:
        ts = _instant(row.at, before)
        if ts is None:
            trouble.row(row.line, f"{columns.time.column} {_clock(row)} does not exist in {columns.time.zone}")
        elif ts in found:
            trouble.row(row.line, f"{columns.time.column} {_clock(row)} comes twice")
        else:
            found[ts] = RawReading(ts, row.values)
            before = ts
    return [found[ts] for ts in sorted(found)]


def _instant(at: datetime, before: int) -> int | None:
    """Return epoch microseconds; None for an hour that the clocks skipped.

    An hour that the clocks repeat is told by order: what would not come after the row before, is its second pass.
    """
    first = _epoch_us(at.replace(fold=0))
    if at.astimezone(UTC).astimezone(at.tzinfo).replace(tzinfo=None) != at.replace(tzinfo=None):
        return None
    return first if first > before else _epoch_us(at.replace(fold=1))


def _epoch_us(at: datetime) -> int:
    whole = at.astimezone(UTC).replace(tzinfo=None) - datetime(1970, 1, 1)  # noqa: DTZ001 - both are UTC by now
    return (whole.days * 86_400 + whole.seconds) * 1_000_000 + whole.microseconds
