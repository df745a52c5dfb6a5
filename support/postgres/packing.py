"""Packing: columns of numpy into PostgreSQL's binary formats, without touching a value in Python.

Formats: "Binary Format" under COPY, and array_send, in PostgreSQL's manual and source.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

from perception.readings import Readings

_EPOCH_US = 946_684_800_000_000
"""PostgreSQL counts microseconds from 2000-01-01 UTC."""

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"

_NULL = b"\xff\xff\xff\xff"

INT4, INT8, TEXT, FLOAT8, TIMESTAMPTZ = 23, 20, 25, 701, 1184
_WIRE: dict[int, str] = {INT4: ">i4", INT8: ">i8", FLOAT8: ">f8", TIMESTAMPTZ: ">i8"}


@dataclass(frozen=True, slots=True)
class Packed:
    """Bytes in PostgreSQL's binary format for use as a query parameter; the query casts it to its type."""

    data: bytes


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Packed) -> Buffer:
        return obj.data


psycopg.adapters.register_dumper(Packed, _PackedDumper)


def points_present(readings: Readings) -> NDArray[np.intp]:
    """Return the columns that hold at least one value; the others need not travel."""
    present: NDArray[np.intp] = np.flatnonzero(~np.isnan(readings.values).all(axis=0))
    return present


def pg_time(ts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn epoch microseconds into PostgreSQL's."""
    return ts - _EPOCH_US


def copy_block(readings: Readings, columns: NDArray[np.intp]) -> bytes | bytearray:
    """Return the rows as one COPY block: device_id, ts, received_at, the points of `columns`, quality. NaN: null."""
    values = readings.values[:, columns]
    block = bytearray(len(_HEADER) + len(readings) * _row_type(len(columns)).itemsize + len(_TRAILER))
    block[: len(_HEADER)], block[-len(_TRAILER) :] = _HEADER, _TRAILER
    rows = np.frombuffer(block, _row_type(len(columns)), len(readings), len(_HEADER))
    rows["fields"] = 4 + len(columns)
    for name, width, column in (
        ("device_id", 4, readings.device_id),
        ("ts", 8, pg_time(readings.ts)),
        ("received_at", 8, pg_time(readings.received_at)),
        ("quality", 8, readings.quality),
    ):
        rows[name]["length"] = width
        rows[name]["value"] = column
    missing = np.isnan(values)
    rows["points"]["value"] = values
    if not missing.any():
        rows["points"]["length"] = 8
        return block
    rows["points"]["length"] = np.where(missing, -1, 8)
    return _HEADER + _without_nulls(rows, missing) + _TRAILER


@lru_cache(maxsize=128)
def _row_type(points: int) -> np.dtype[np.void]:
    def field(value: str) -> np.dtype[np.void]:
        return np.dtype([("length", ">i4"), ("value", value)])

    return np.dtype([
        ("fields", ">i2"),
        ("device_id", field(">i4")),
        ("ts", field(">i8")),
        ("received_at", field(">i8")),
        ("points", field(">f8"), (points,)),
        ("quality", field(">i8")),
    ])  # fmt: skip


def _without_nulls(rows: NDArray[np.void], missing: NDArray[np.bool_]) -> bytes:
    """Cut out the eight bytes of each null's value: a null is its length -1 and nothing else."""
    halves = rows.view(np.uint16).reshape(len(rows), -1)  # two bytes at a time: every offset is even
    first = rows.dtype.fields["points"][1] // 2 if rows.dtype.fields else 0
    keep = np.ones(halves.shape, np.bool_)
    points = keep[:, first : first + 6 * missing.shape[1]].reshape(*missing.shape, 6)
    points[:, :, 2:] = ~missing[:, :, None]
    keep[:, first : first + 6 * missing.shape[1]] = points.reshape(len(rows), -1)
    return halves[keep].tobytes()


def array(oid: int, values: NDArray[Any]) -> Packed:
    """Return a one-dimensional array of INT4, INT8, FLOAT8 or TIMESTAMPTZ (as epoch microseconds). NaN: null."""
    if oid == TIMESTAMPTZ:
        values = pg_time(values.astype(np.int64))
    wire = np.dtype(_WIRE[oid])
    missing = np.isnan(values) if oid == FLOAT8 else np.zeros(len(values), np.bool_)
    cells = np.zeros(len(values), [("length", ">i4"), ("value", wire)])
    cells["length"] = np.where(missing, -1, wire.itemsize)
    cells["value"] = values
    head = np.array([1, int(missing.any()), oid, len(values), 1], ">i4").tobytes()
    return Packed(head + (_cut(cells, missing) if missing.any() else cells.tobytes()))


def texts(values: Sequence[str | None]) -> Packed:
    """Return a one-dimensional array of TEXT. None: null."""
    return _listed(TEXT, [_NULL if value is None else _text_cell(value) for value in values])


def moments(values: Sequence[int | None]) -> Packed:
    """Return a one-dimensional array of TIMESTAMPTZ from epoch microseconds. None: null."""
    pack = struct.Struct(">iq").pack
    return _listed(TIMESTAMPTZ, [_NULL if value is None else pack(8, value - _EPOCH_US) for value in values])


def _listed(oid: int, cells: Sequence[bytes]) -> Packed:
    head = np.array([1, int(_NULL in cells), oid, len(cells), 1], ">i4").tobytes()
    return Packed(head + b"".join(cells))


@lru_cache(maxsize=65_536)
def _text_cell(value: str) -> bytes:
    """Return an element of TEXT. Names of devices come again with every batch."""
    cell = value.encode()
    return len(cell).to_bytes(4, "big") + cell


def _cut(cells: NDArray[np.void], missing: NDArray[np.bool_]) -> bytes:
    words = cells.view(np.uint32).reshape(len(cells), -1)
    keep = np.ones(words.shape, np.bool_)
    keep[:, 1:] = ~missing[:, None]
    return words[keep].tobytes()


def mark_block(kind: str, device_id: NDArray[np.int32], bucket: NDArray[np.int64]) -> bytes:
    """Return rows (kind, device_id, bucket) as one COPY block; buckets as epoch microseconds."""
    name = kind.encode()
    head = [("fields", ">i2"), ("kind", ">i4"), ("name", f"S{len(name)}")]
    rows = np.zeros(len(device_id), [*head, ("four", ">i4"), ("device_id", ">i4"), ("eight", ">i4"), ("bucket", ">i8")])
    rows["fields"], rows["kind"], rows["four"], rows["eight"] = 3, len(name), 4, 8
    rows["name"], rows["device_id"], rows["bucket"] = name, device_id, pg_time(bucket)
    return _HEADER + rows.tobytes() + _TRAILER
