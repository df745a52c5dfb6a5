"""Packing into PostgreSQL's binary formats, read back byte by byte, and the folding of equal keys."""

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perception.point import Point, Title
from perception.readings import Readings
from perception.sensor_kind import SensorKind
from support.postgres.accounts import touched
from support.postgres.packing import (
    FLOAT8,
    INT4,
    TEXT,
    TIMESTAMPTZ,
    array,
    copy_block,
    mark_block,
    moments,
    points_present,
    texts,
)
from support.postgres.repeats import fold

TITLE = Title(zh="点", en="Point")
KIND = SensorKind(
    name="demo_meter",
    title=TITLE,
    interval_s=10,
    points=tuple(Point(name=name, title=TITLE, unit="1", low=0, high=1) for name in "abc"),
)
PG_EPOCH_US = 946_684_800_000_000
CELLS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
ROWS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 3), st.tuples(CELLS, CELLS, CELLS), st.integers(0, 7)), max_size=12
)


def readings_of(rows):
    values = np.array([row[2] for row in rows], np.float64).reshape(len(rows), 3)
    return Readings(
        KIND,
        np.array([row[0] for row in rows], np.int32),
        np.array([row[1] for row in rows], np.int64) + PG_EPOCH_US,
        np.full(len(rows), PG_EPOCH_US + 5),
        values,
        np.array([row[3] for row in rows], np.int64),
        np.arange(len(rows)),
    )


def unpacked(block):
    """Read a COPY block the slow way: rows of fields, each its bytes or None."""
    assert block.startswith(b"PGCOPY\n\xff\r\n\0" + bytes(8))
    place, rows = 19, []
    while True:
        (fields,) = struct.unpack_from(">h", block, place)
        place += 2
        if fields == -1:
            assert place == len(block)
            return rows
        row = []
        for _ in range(fields):
            (length,) = struct.unpack_from(">i", block, place)
            place += 4
            row.append(None if length == -1 else block[place : place + length])
            place += max(length, 0)
        rows.append(row)


@given(ROWS)
def test_a_copy_block_holds_every_value_and_only_nulls_are_short(rows):
    readings = readings_of(rows)
    columns = points_present(readings)
    back = unpacked(copy_block(readings, columns))
    assert len(back) == len(rows)
    for (device, second, values, quality), fields in zip(rows, back, strict=True):
        assert fields[0] == struct.pack(">i", device)
        assert fields[1] == struct.pack(">q", second)
        assert fields[2] == struct.pack(">q", 5)
        assert fields[3:-1] == [None if values[c] is None else struct.pack(">d", values[c]) for c in columns]
        assert fields[-1] == struct.pack(">q", quality)


@given(st.lists(CELLS, min_size=1))
def test_an_array_of_numbers_has_nulls_where_numbers_are_missing(cells):
    packed = array(FLOAT8, np.array(cells, np.float64)).data
    dimensions, flags, oid, length, lower = struct.unpack_from(">iiiii", packed)
    assert (dimensions, flags, oid, length, lower) == (1, int(None in cells), FLOAT8, len(cells), 1)
    body = b"".join(
        struct.pack(">i", -1) if cell is None else struct.pack(">id", 8, cell) for cell in cells
    )  # fmt: skip
    assert packed[20:] == body


def test_arrays_of_ids_and_times():
    assert array(INT4, np.array([7], np.int32)).data[20:] == struct.pack(">ii", 4, 7)
    assert array(TIMESTAMPTZ, np.array([PG_EPOCH_US + 9])).data[20:] == struct.pack(">iq", 8, 9)


@given(st.lists(st.text(), min_size=1))
def test_an_array_of_texts(words):
    packed = texts(words).data
    assert struct.unpack_from(">iiiii", packed) == (1, 0, TEXT, len(words), 1)
    cells = [word.encode() for word in words]
    assert packed[20:] == b"".join(struct.pack(">i", len(cell)) + cell for cell in cells)


@given(st.lists(st.none() | st.integers(PG_EPOCH_US - 10**15, PG_EPOCH_US + 10**15), min_size=1))
def test_an_array_of_moments_and_of_texts_has_nulls_where_there_is_none(moments_given):
    packed = moments(moments_given).data
    head = (1, int(None in moments_given), TIMESTAMPTZ, len(moments_given), 1)
    assert struct.unpack_from(">iiiii", packed) == head
    null = struct.pack(">i", -1)
    assert packed[20:] == b"".join(
        null if at is None else struct.pack(">iq", 8, at - PG_EPOCH_US) for at in moments_given
    )
    words = [None if at is None else "x" for at in moments_given]
    assert texts(words).data[20:] == b"".join(null if w is None else struct.pack(">i1s", 1, b"x") for w in words)


def test_a_block_of_marks():
    block = mark_block("demo_meter", np.array([7], np.int32), np.array([PG_EPOCH_US], np.int64))
    assert unpacked(block) == [[b"demo_meter", struct.pack(">i", 7), struct.pack(">q", 0)]]


@given(ROWS)
def test_folding_gives_each_key_the_first_value_of_each_point(rows):
    readings = readings_of(rows)
    folded = fold(readings)
    keys = [row[:2] for row in rows]
    if len(set(keys)) == len(keys):
        assert folded is None
        return
    truth = {}
    for key, values, quality in ((row[:2], row[2], row[3]) for row in rows):
        known = truth.setdefault(key, [None] * 3)
        for place, value in enumerate(values):
            if known[place] is None and value is not None:
                known[place] = (value, bool(quality >> place & 1))
    assert len(folded.readings) == len(truth)
    for row in range(len(folded.readings)):
        key = (int(folded.readings.device_id[row]), (int(folded.readings.ts[row]) - PG_EPOCH_US))
        word = int(folded.readings.quality[row])
        told = [
            None if np.isnan(v) else (v, bool(word >> place & 1))
            for place, v in enumerate(folded.readings.values[row].tolist())
        ]
        assert told == truth[key]
    assert sum(folded.first) == len(truth)


def test_touched_buckets_begin_on_ten_minutes():
    device_id, bucket = touched(readings_of([(2, 0, (1, 1, 1), 0), (2, 1, (1, 1, 1), 0), (1, 0, (1, 1, 1), 0)]))
    assert device_id.tolist() == [1, 2]
    assert bucket.tolist() == [PG_EPOCH_US, PG_EPOCH_US]
