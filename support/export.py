"""Export: readings as files for other tools: Parquet or CSV, one per kind and day, written in a stream.

    OUT/kind=heat_substation/day=2026-01-20/part-0.parquet     (or part-0.csv.gz)
    OUT/kind=heat_substation/_columns.json                     what the columns mean

A row is a reading: device, device_id, ts, received_at, a column per point, quality, bad_points. An empty cell
is "not reported". Bit b of `quality` says that point b is not good; `bad_points` names those points, separated
by semicolons: their values stand in their columns, and are not to be relied upon. Values are in the units of
the kind: corrections were applied when the readings came in, and are stated beside them.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from perception.readings import Readings, quality_mask
from perception.sensor_kind import SensorKind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Format(StrEnum):
    """What kind of file is written."""

    PARQUET = "parquet"
    CSV = "csv"

    @property
    def ending(self) -> str:
        """The ending of its files."""
        return "parquet" if self is Format.PARQUET else "csv.gz"


class ExportError(Exception):
    """Nothing can be exported like this; the text says what to change."""


class Outflow(Protocol):
    """Where the readings come from."""

    def blocks(self, kind: SensorKind, device_ids: Sequence[int], span: tuple[int, int]) -> Iterator[Readings]:
        """Yield the readings of [from, to) (epoch microseconds), by device and time, in blocks that fit into memory."""


@dataclass(frozen=True, slots=True)
class Source:
    """A device to export: its days are those of `zone`, the clock of its city."""

    device_id: int
    name: str
    zone: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What to export, and where to. `corrections`: rows that say how raw values became those that are stored."""

    kind: SensorKind
    sources: Sequence[Source]
    span: tuple[int, int]
    format: Format
    out: Path
    corrections: Sequence[Mapping[str, object]] = ()
    force: bool = False
    resume: bool = False


@dataclass(slots=True)
class Exported:
    """What came of it."""

    files: int = 0
    rows: int = 0
    kept: int = 0


def days(wish: Wish) -> list[date]:
    """Return the days of any source that the span touches, ascending."""
    zones = {s.zone for s in wish.sources}
    edges = [(_day(wish.span[0], zone), _day(wish.span[1] - 1, zone)) for zone in zones]
    first, last = min(e[0] for e in edges), max(e[1] for e in edges)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def export(wish: Wish, outflow: Outflow, forward: Callable[[int], None]) -> Exported:
    """Write a file for each day that has readings; each is whole or not there. `forward(rows)` is called for each day.

    Raises ExportError before anything is written when a file stands already, unless the wish says `force`, or
    `resume`: then whole days are passed over, but for the newest that is there, which may have been cut by a `to`.
    """
    found, all_days = Exported(), days(wish)
    standing = [day for day in all_days if _path(wish, day).exists()]
    if standing and not (wish.force or wish.resume):
        raise ExportError(
            f"{_path(wish, standing[0])} exists already: add --resume or --force, or choose another --out"
        )
    whole = set(standing[:-1]) if wish.resume and not wish.force else set()
    _describe(wish)
    for day in all_days:
        rows = 0
        if day in whole:
            found.kept += 1
        else:
            rows = _write_day(wish, day, outflow)
            found.files += rows > 0
            found.rows += rows
        forward(rows)
    return found


def _write_day(wish: Wish, day: date, outflow: Outflow) -> int:
    """Write one day beside its place and move it there; return how many rows. A day without rows has no file."""
    target = _path(wish, day)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    schema, rows, writer = _schema(wish, day), 0, None
    try:
        for table in _tables(wish, day, outflow, schema):
            if writer is None:
                target.parent.mkdir(parents=True, exist_ok=True)
                writer = _Writer(wish.format, part, schema)
            writer.write(table)
            rows += len(table)
        if writer is not None:
            writer.close()
            part.replace(target)
    except OSError as err:
        raise ExportError(f"cannot write {target}: {err.strerror or err}") from err
    finally:
        if writer is not None:
            writer.close()
            part.unlink(missing_ok=True)
            with suppress(OSError):
                target.parent.rmdir()  # only a folder that nothing came into
    return rows


class _Writer:
    """A file of one day that is being written."""

    def __init__(self, kind: Format, path: Path, schema: pa.Schema) -> None:
        self._stream = pa.output_stream(path, compression="gzip" if kind is Format.CSV else None)
        make = parquet.ParquetWriter if kind is Format.PARQUET else csv.CSVWriter
        self._writer = make(self._stream, schema)
        self._open = True

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._writer.close()
            self._stream.close()


def _tables(wish: Wish, day: date, outflow: Outflow, schema: pa.Schema) -> Iterator[pa.Table]:
    names = {s.device_id: s.name for s in wish.sources}
    for zone in sorted({s.zone for s in wish.sources}):
        begin, end = (_midnight(d, zone) for d in (day, day + timedelta(days=1)))
        span = max(begin, wish.span[0]), min(end, wish.span[1])
        ids = [s.device_id for s in sorted(wish.sources, key=lambda s: s.name) if s.zone == zone]
        if span[0] < span[1]:
            for block in outflow.blocks(wish.kind, ids, span):
                yield _table(block, names, schema)


def _table(block: Readings, names: Mapping[int, str], schema: pa.Schema) -> pa.Table:
    ids, where = np.unique(block.device_id, return_inverse=True)
    devices = pa.DictionaryArray.from_arrays(pa.array(where, pa.int32()), [names[i] for i in ids.tolist()])
    words, place = np.unique(block.quality, return_inverse=True)
    points = np.array(block.kind.names)
    bad = [";".join(points[mask]) for mask in quality_mask(words, len(points))]
    columns = [
        devices.cast(pa.string()),
        pa.array(block.device_id),
        *(pa.array(times, pa.timestamp("us", tz="UTC")) for times in (block.ts, block.received_at)),
        *(pa.array(column, from_pandas=True) for column in block.values.T),  # NaN: not reported
        pa.array(block.quality),
        pa.array(bad, pa.string()).take(pa.array(place)),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _schema(wish: Wish, day: date) -> pa.Schema:
    kind, when = wish.kind, pa.timestamp("us", tz="UTC")
    points = [
        pa.field(p.name, pa.float64(), metadata={
            "unit": p.unit, "title_en": p.title.en, "title_zh": p.title.zh, "quality_bit": str(bit),
            "counter": json.dumps(p.counter),
        })
        for bit, p in enumerate(kind.points)
    ]  # fmt: skip
    fields = [
        pa.field("device", pa.string()), pa.field("device_id", pa.int32()), pa.field("ts", when),
        pa.field("received_at", when), *points, pa.field("quality", pa.int64()), pa.field("bad_points", pa.string()),
    ]  # fmt: skip
    return pa.schema(fields, metadata={"hearthline": json.dumps({"day": day.isoformat(), **_facts(wish)}, default=str)})


def _facts(wish: Wish) -> dict[str, Any]:
    from_to = [(_EPOCH + timedelta(microseconds=at)).isoformat() for at in wish.span]
    return {
        "kind": wish.kind.name,
        "version": wish.kind.version,
        "from": from_to[0],
        "to": from_to[1],
        "zones": {s.name: s.zone for s in wish.sources},
        "corrections": list(wish.corrections),
    }


def _describe(wish: Wish) -> None:
    """Write what the columns mean beside the days: CSV files cannot say it themselves."""
    points = [
        {"name": p.name, "unit": p.unit, "title_en": p.title.en, "title_zh": p.title.zh, "quality_bit": bit}
        for bit, p in enumerate(wish.kind.points)
    ]
    file = _folder(wish) / "_columns.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        told = json.dumps({**_facts(wish), "points": points}, ensure_ascii=False, indent=1, default=str)
        part.write_text(told + "\n", "utf-8")
        part.replace(file)
    except OSError as err:
        raise ExportError(f"cannot write into {wish.out}: {err.strerror}: choose another --out") from err


def _folder(wish: Wish) -> Path:
    return wish.out / f"kind={wish.kind.name}"


def _path(wish: Wish, day: date) -> Path:
    return _folder(wish) / f"day={day.isoformat()}" / f"part-0.{wish.format.ending}"


def _day(at: int, zone: str) -> date:
    return (_EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(zone)).date()


def _midnight(day: date, zone: str) -> int:
    return (datetime.combine(day, time(), ZoneInfo(zone)) - _EPOCH) // timedelta(microseconds=1)
