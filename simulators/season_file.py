"""Season file: buckets of a season as a Parquet file, a row group per day, whole or not there."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from simulators.season import Bucket, SeasonError

SEASON, FACTS, TRUTH = "season.parquet", "season.json", "truth.jsonl"
_ROWS_PER_GROUP = 100_000


class SeasonFile:
    """A file that is being written: `ts` (begin of the bucket, UTC), `device`, and a column per point.

    Memory: one row group. It has its name only once it is closed in order. Raises SeasonError.
    """

    def __init__(self, folder: Path, devices: Sequence[str], facts: Mapping[str, object]) -> None:
        self._folder, self._facts = folder, facts
        self._names = pa.array(devices).dictionary_encode()
        self._devices = len(devices)
        self._waiting: list[Bucket] = []
        self._writer: Any = None
        self.rows = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._beside.unlink(missing_ok=True)
        except OSError as err:
            raise SeasonError(f"{folder} cannot be written: {err}") from err

    @property
    def _beside(self) -> Path:
        return self._folder / f"{SEASON}.part"

    def add(self, bucket: Bucket) -> None:
        """Take a bucket."""
        self._waiting.append(bucket)
        if len(self._waiting) * self._devices >= _ROWS_PER_GROUP:
            self._flush()

    def finish(self) -> Path:
        """Write what is left and put the file under its name, with the facts beside it."""
        self._flush()
        if self._writer is None:
            raise SeasonError("nothing was written: the season was stopped before its first bucket")
        self._writer.close()
        path = self._folder / SEASON
        self._beside.replace(path)
        (self._folder / FACTS).write_text(json.dumps(dict(self._facts), indent=2) + "\n", encoding="utf-8")
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
        self._beside.unlink(missing_ok=True)

    def _flush(self) -> None:
        if not self._waiting:
            return
        count = len(self._waiting)
        times = np.repeat(np.array([b.at // 1000 for b in self._waiting], dtype=np.int64), self._devices)
        columns = {
            "ts": pa.array(times, pa.timestamp("ms", tz="UTC")),
            "device": pa.DictionaryArray.from_arrays(
                pa.array(np.tile(np.arange(self._devices, dtype=np.int32), count)), self._names.dictionary
            ),
        }
        for name in self._waiting[0].columns:
            values = np.concatenate([b.columns[name] for b in self._waiting])
            columns[name] = pa.array(values, pa.float64(), mask=np.isnan(values))
        table = pa.table(columns)
        try:
            if self._writer is None:
                self._writer = parquet.ParquetWriter(self._beside, table.schema, compression="zstd")
            self._writer.write_table(table)
        except OSError as err:
            raise SeasonError(f"{self._beside} cannot be written: {err}") from err
        self.rows += count * self._devices
        self._waiting = []
