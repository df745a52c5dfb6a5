"""Intake: what became of what devices sent: rejects, ledger, running numbers, and what is known of it later."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from support.tables.naming import metadata, now, when

reject = Table(
    "reject",
    metadata,
    Column("reject_id", BigInteger, Identity(), primary_key=True),
    when("received_at"),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("device", Text),
    Column("partial", Boolean, nullable=False, server_default=text("false")),
    Column("points", JSONB, nullable=False, server_default="[]"),
    Column("state", Text, nullable=False, server_default="open"),
    Column("former", BigInteger),
    Column("retained", Boolean, nullable=False, server_default=text("false")),
    Column("stranger", Boolean, nullable=False, server_default=text("false")),
    Column("more", BigInteger, nullable=False, server_default="0"),
    Column("actor", Text),
    when("settled_at", nullable=True),
    Column("outcome", JSONB),
    CheckConstraint("state in ('open', 'asked', 'replayed', 'dropped', 'summed')", name="state"),
    Index("ix_reject_received_at", "received_at"),
    Index("ix_reject_device_received_at", "device", "received_at"),
    Index("ix_reject_asked", "reject_id", postgresql_where=text("state = 'asked'")),
    Index(
        "ix_reject_stranger",
        "device",
        "reason",
        "reject_id",
        postgresql_where=text("stranger and state in ('open', 'dropped')"),
    ),
    Index("uq_reject_summed", "device", "reason", unique=True, postgresql_where=text("state = 'summed'")),
)
"""`former`: the Reject whose replay brought this one. A row of state `summed` stands for `more` that were not kept."""

FATES = ("received", "stored", "duplicate", "merged", "conflict", "rejected")
"""What the ledger counts. received = the sum of the others."""

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("entry_id", BigInteger, Identity(), primary_key=True),
    when("hour"),
    Column("devices", ARRAY(Text), nullable=False),
    *(Column(fate, ARRAY(BigInteger), nullable=False) for fate in FATES),
)
"""The ledger as ingest writes it: a row per transaction, with a place in each array for each device."""

ledger_hour = Table(
    "ledger_hour",
    metadata,
    when("hour"),
    Column("device", Text, nullable=False),
    *(Column(fate, BigInteger, nullable=False, server_default="0") for fate in FATES),
    UniqueConstraint("hour", "device"),
)
"""The ledger as tend keeps it: the entries of each hour and device added up."""

ledger = Table(
    "ledger", MetaData(), when("hour"), Column("device", Text), *(Column(fate, BigInteger) for fate in FATES)
)
"""The ledger as it is read, a view: what is added up, and the entries that are not yet."""

recomputation = Table(
    "recomputation",
    metadata,
    Column("recomputation_id", BigInteger, Identity(), primary_key=True),
    Column("device_id", Integer, ForeignKey("device.device_id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("point", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("scale", Double, nullable=False),
    Column("offset", Double, nullable=False),
    when("from_at"),
    when("to_at"),
    when("received_until"),
    when("done_until"),
    Column("rows_changed", BigInteger, nullable=False, server_default="0"),
    Column("actor", Text, nullable=False),
    now("created_at"),
    when("finished_at", nullable=True),
)
"""The journal of corrected history: [from_at, done_until) is done of what was received until `received_until`."""

quality_span = Table(
    "quality_span",
    metadata,
    Column("quality_span_id", BigInteger, Identity(), primary_key=True),
    Column("device_id", Integer, ForeignKey("device.device_id"), nullable=False),
    Column("point", Text, nullable=False),
    when("from_at"),
    when("to_at", nullable=True),
    Column("reason", Text, nullable=False),
    Index("ix_quality_span_device_id_from_at", "device_id", "from_at"),
)

device_seq = Table(
    "device_seq",
    metadata,
    Column("device", Text, primary_key=True),
    Column("boot", JSONB),
    Column("former", JSONB),
    Column("first_seq", BigInteger),
    Column("settled", BigInteger),
    Column("sure", Boolean, nullable=False, server_default=text("false")),
    Column("highest", BigInteger),
    Column("ahead", JSONB, nullable=False, server_default="[]"),
    Column("missing", JSONB, nullable=False, server_default="[]"),
)
"""The running numbers of a device (support.sequences.Count); `ahead` and `missing` are lists of [from, to]."""

seq_gap = Table(
    "seq_gap",
    metadata,
    Column("seq_gap_id", BigInteger, Identity(), primary_key=True),
    Column("device", Text, nullable=False),
    Column("boot", JSONB),
    Column("from_seq", BigInteger, nullable=False),
    Column("to_seq", BigInteger, nullable=False),
    now("noted_at"),
    Index("ix_seq_gap_noted_at", "noted_at"),
)
"""Numbers that never arrived and are no longer waited for."""
