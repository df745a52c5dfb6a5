"""Baselines: what was learned of each station or device from its own history."""

from sqlalchemy import CheckConstraint, Column, Double, Integer, Table, Text

from support.tables.naming import metadata, when

baseline = Table(
    "baseline",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Double, nullable=False),
    Column("low", Double),
    Column("high", Double),
    Column("samples", Integer, nullable=False),
    when("learned_at"),
    CheckConstraint("low <= value and value <= high", name="in_range"),
)
"""The value of a named quantity, the range it lies in as far as that is known, and how much it was learned from."""
