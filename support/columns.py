"""Columns: the tables that follow from a sensor kind, as SQLAlchemy sees them for reading."""

from enum import StrEnum

from sqlalchemy import BigInteger, Column, DateTime, Double, Integer, MetaData, Table

from perception.sensor_kind import SensorKind


class Width(StrEnum):
    """Bucket widths of rollups, from fine to coarse."""

    MINUTE = "1m"
    TEN_MINUTES = "10m"
    HOUR = "1h"
    DAY = "1d"


SECONDS = {Width.MINUTE: 60, Width.TEN_MINUTES: 600, Width.HOUR: 3600, Width.DAY: 86400}
BEYOND = 1e100
"""No instrument says so much: what is as far from zero is left out of every sum, which it would take out of range."""
STATISTICS = ("n", "min", "mean", "max")
COVERED = "covered_s"


def widths(kind: SensorKind) -> tuple[Width, ...]:
    """Return the rollup widths that a kind has: minutes only where its cadence is finer than that."""
    return tuple(Width) if kind.interval_s < SECONDS[Width.MINUTE] else tuple(Width)[1:]


def readings_name(kind: SensorKind) -> str:
    """Return the name of the table of a kind's readings."""
    return f"readings_{kind.name}"


def rollup_name(kind: SensorKind, width: Width) -> str:
    """Return the name of the table of a kind's rollups of one width."""
    return f"rollup_{kind.name}_{width}"


def readings_table(kind: SensorKind) -> Table:
    """Return the table of a kind's readings: (device_id, ts, received_at, a column per point, quality)."""
    return Table(
        readings_name(kind),
        MetaData(),
        Column("device_id", Integer, primary_key=True),
        Column("ts", DateTime(timezone=True), primary_key=True),
        Column("received_at", DateTime(timezone=True), nullable=False),
        *(Column(name, Double) for name in kind.names),
        Column("quality", BigInteger, nullable=False),
    )


def rollup_table(kind: SensorKind, width: Width) -> Table:
    """Return a rollup table: (device_id, bucket, n, n, min, mean, max of each point's good values, covered_s).

    covered_s is for how many seconds the readings of the bucket stood: the bucket's weight in coarser
    ones. Null in rows that are older than the column.
    """
    return Table(
        rollup_name(kind, width),
        MetaData(),
        Column("device_id", Integer, primary_key=True),
        Column("bucket", DateTime(timezone=True), primary_key=True),
        Column("n", Integer, nullable=False),
        *(
            Column(f"{name}_{statistic}", Integer if statistic == "n" else Double)
            for name in kind.names
            for statistic in STATISTICS
        ),
        Column(COVERED, Double),
    )
