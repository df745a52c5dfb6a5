"""Upkeep: what the scheduled work keeps: marks, horizons, consumption."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Identity,
    Integer,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from support.tables.naming import metadata, when

rollup_mark = Table(
    "rollup_mark",
    metadata,
    Column("mark_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("device_id", Integer, nullable=False),
    when("bucket"),
)
"""Ten-minute buckets to be computed; append-only, deleted by the maintenance pass that recomputes them."""

rollup_touch = Table(
    "rollup_touch",
    metadata,
    Column("touch_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    when("bucket"),
    Column("device_ids", ARRAY(Integer), nullable=False),
)
"""The same as one row per batch and bucket, as ingest writes it; the maintenance pass unfolds it into marks."""

raw_horizon = Table(
    "raw_horizon",
    metadata,
    Column("kind", Text, primary_key=True),
    when("kept_from"),
)
"""Until when readings of a kind were dropped: buckets before it are never computed again."""
consumption = Table(
    "consumption",
    metadata,
    Column("device_id", Integer, primary_key=True, autoincrement=False),
    Column("point", Text, primary_key=True),
    Column("bucket", DateTime(timezone=True), primary_key=True),
    Column("amount", Double, nullable=False),
    Column("estimated", Boolean, nullable=False, server_default=text("false")),
    *(Column(n, Integer, nullable=False, server_default="0") for n in ("resets", "rollovers", "jumps", "bad")),
    Column("state", ARRAY(Double)),
    CheckConstraint("amount >= 0 and amount < 'infinity'", name="never_negative"),
)
"""What flowed through a meter in an hour of its city's clock. `state`: how the counter stood at its end, to go on."""

counter_mark = Table(
    "counter_mark",
    metadata,
    Column("mark_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("device_id", Integer, nullable=False),
    when("hour"),
)
"""Hours whose rollups were made anew, by a trigger on rollup_mark; deleted by the pass that follows the counters."""
