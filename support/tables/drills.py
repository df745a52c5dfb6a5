"""Drills: exercises in the running city, each with the time at which it is over whatever becomes of who began it."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text, Uuid, text

from support.tables.naming import metadata, when

drill = Table(
    "drill",
    metadata,
    Column("drill_id", Uuid, primary_key=True),
    Column("what", Text, nullable=False),
    Column("station", Text, ForeignKey("station.name"), nullable=False),
    Column("device", Text, ForeignKey("device.name"), nullable=False),
    when("begins_at"),
    when("until"),
    when("ended_at", nullable=True),
    Column("actor", Text, nullable=False),
    Column("command_id", Uuid, nullable=False),
    CheckConstraint("until > begins_at and until <= begins_at + interval '1 hour'", name="an_hour_at_most"),
    Index("uq_drill_open", "station", unique=True, postgresql_where=text("ended_at is null")),
    Index("ix_drill_until", "until"),
)
"""`what` is breaking, at a simulated device; `command_id` is the order that broke it, and that ends by itself.

`ended_at` is null while it lasts, and stays so when who began it was killed: then `until` is its end.
"""
