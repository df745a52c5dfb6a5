"""Service: rooms measured on site, and how warm the homes of each community were, day by day."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
)

from support.tables.naming import metadata, now, when

measurement = Table(
    "measurement",
    metadata,
    Column("measurement_id", BigInteger, Identity(), primary_key=True),
    Column("community", Text, ForeignKey("community.name"), nullable=False),
    when("taken_at"),
    Column("temperature_c", Double, nullable=False),
    when("noticed_at"),
    Column("request", Text),
    now("recorded_at"),
    Column("actor", Text, nullable=False),
    CheckConstraint("temperature_c between -30 and 50", name="a_room"),
    CheckConstraint("noticed_at <= taken_at", name="noticed_before"),
    Index("ix_measurement_community_taken_at", "community", "taken_at"),
)
"""The temperature of a room, measured on site by staff. `noticed_at`: when the complaint that led there came in.

`request` is its number, if there is one. Which home it was stands nowhere.
"""

service_day = Table(
    "service_day",
    metadata,
    Column("community", Text, ForeignKey("community.name"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("rooms", Integer, nullable=False),
    Column("hours", Integer, nullable=False),
    Column("median_c", Double),
    Column("degree_hours", Double),
    Column("measurements", Integer, nullable=False),
    Column("in_season", Boolean, nullable=False),
    Column("basis", Text, nullable=False),
    Column("refund_percent", Integer, nullable=False),
    Column("refund_yuan_m2", Double, nullable=False),
    Column("rule_from", Date),
    now("computed_at"),
    CheckConstraint("basis in ('none', 'sensors', 'measurement')", name="basis"),
    CheckConstraint("refund_percent between 0 and 100", name="percent"),
    Index("ix_service_day_day", "day"),
)
"""A community on a day of its city: median of the rooms' means, degree-hours below target, and the refund by the rules.

`basis` says what the refund rests on; `rule_from` which dated rules were applied.
"""
