"""Foreign: devices that speak another grammar: what they said of themselves, and what somebody takes of them."""

from sqlalchemy import Boolean, Column, ForeignKey, ForeignKeyConstraint, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from support.tables.naming import metadata, now, when

foreign_device = Table(
    "foreign_device",
    metadata,
    Column("grammar", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("born", JSONB),
    Column("online", Boolean),
    when("seen_at"),
)
"""Written by ingest alone. `name`: what it would be called; `born`: its births, from which aliases are understood."""

foreign_approval = Table(
    "foreign_approval",
    metadata,
    Column("grammar", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("device_id", Integer, ForeignKey("device.device_id"), nullable=False, unique=True),
    Column("taken", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    now("approved_at"),
    ForeignKeyConstraint(
        ["grammar", "address"], ["foreign_device.grammar", "foreign_device.address"], name="fk_foreign_approval_device"
    ),
)
"""Written by people alone. `taken`: a list of perception.foreigner.Taken."""
