"""Civic: what was declared fit for the public, and emergencies with what the public was told of them."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Identity, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from support.tables.naming import metadata, now, title, when

disclosure = Table(
    "disclosure",
    metadata,
    Column("field", Text, primary_key=True),
    Column("declared", JSONB, nullable=False),
    now("changed_at"),
)
"""Each field of configs/disclosure.toml as it was last put in force; changes stand in the audit."""

emergency = Table(
    "emergency",
    metadata,
    Column("emergency_id", Uuid, primary_key=True),
    Column("number", BigInteger, Identity(), nullable=False, unique=True),
    Column("city", Text, ForeignKey("city.name"), nullable=False),
    *title(),
    Column("lead", Text, ForeignKey("body.code"), nullable=False),
    Column("supporting", ARRAY(Text), nullable=False),
    Column("communities", ARRAY(Text), nullable=False),
    Column("incident_id", Uuid, ForeignKey("incident.incident_id")),
    when("declared_at"),
    when("over_at", nullable=True),
    Column("actor", Text, nullable=False),
    now("recorded_at"),
    CheckConstraint("over_at >= declared_at", name="over_after"),
)
"""Something that one body leads and others support in. `communities`: the names of those that it touches."""

emergency_entry = Table(
    "emergency_entry",
    metadata,
    Column("emergency_entry_id", BigInteger, Identity(), primary_key=True),
    Column("emergency_id", Uuid, ForeignKey("emergency.emergency_id"), nullable=False, index=True),
    when("at"),
    Column("body", Text, ForeignKey("body.code"), nullable=False),
    Column("public", Boolean, nullable=False),
    *title(),
    Column("actor", Text, nullable=False),
    now("recorded_at"),
)
"""The shared timeline: what a body did or found. Only what is marked public leaves the house."""

public_alert = Table(
    "public_alert",
    metadata,
    Column("identifier", Text, primary_key=True),
    Column("emergency_id", Uuid, ForeignKey("emergency.emergency_id"), nullable=False, index=True),
    Column("msg_type", Text, nullable=False),
    when("sent"),
    *title(),
    Column("xml", Text, nullable=False),
    Column("actor", Text, nullable=False),
    now("recorded_at"),
    CheckConstraint("msg_type in ('Alert', 'Update', 'Cancel')", name="msg_type"),
)
"""A CAP 1.2 message as it was sent. Never changed: an update or a cancel refers to it."""
