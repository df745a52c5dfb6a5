"""House: letters to devices, who did what, and the versions that everybody watches."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from support.tables.naming import metadata, now, when

outbox = Table(
    "outbox",
    metadata,
    Column("outbox_id", BigInteger, Identity(), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("qos", Integer, nullable=False, server_default="1"),
    Column("actor", Text, nullable=False),
    now("created_at"),
    when("sent_at", nullable=True),
    Column("device", Text),
    Column("command_id", Uuid, unique=True),
    when("expires_at", nullable=True),
    Column("refused", Text),
    Column("reply", JSONB),
    when("replied_at", nullable=True),
    Index("ix_outbox_waiting", "outbox_id", postgresql_where=text("sent_at is null and refused is null")),
    Index("ix_outbox_device", "device", "outbox_id", postgresql_where=text("command_id is not null")),
)
"""What ingest sends: commands to devices, with what they reply, and notifications. `refused`: why it cannot be sent."""

command_reply = Table(
    "command_reply",
    metadata,
    Column("command_id", Uuid, ForeignKey("outbox.command_id", ondelete="CASCADE"), primary_key=True),
    Column("state", Text, primary_key=True),
    Column("reason", Text),
    Column("detail", Text),
    Column("body", JSONB, nullable=False),
    when("replied_at"),
    CheckConstraint("state in ('accepted', 'rejected', 'done', 'failed')", name="state"),
)
"""What devices answered to commands, step by step: the first answer of each state. `outbox.reply` is the very first."""

audit = Table(
    "audit",
    metadata,
    Column("audit_id", BigInteger, Identity(), primary_key=True),
    now("at"),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default="{}"),
    Index("ix_audit_at", "at"),
)

roster_version = Table(
    "roster_version",
    metadata,
    Column("sole", Boolean, primary_key=True, server_default=text("true")),
    Column("version", BigInteger, nullable=False),
    CheckConstraint("sole", name="one_row"),
)
"""Raised by triggers whenever a fact of the roster changes, whoever changes it and by whatever client."""

ingest_epoch = Table(
    "ingest_epoch",
    metadata,
    Column("sole", Boolean, primary_key=True, server_default=text("true")),
    Column("epoch", BigInteger, nullable=False),
    CheckConstraint("sole", name="one_row"),
)
"""The right to write readings. Each ingest that takes over raises it; every batch checks it."""
