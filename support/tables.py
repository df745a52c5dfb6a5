"""Tables: one SQLAlchemy MetaData for everything fixed. Readings and rollups follow from the kinds (columns.py)."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
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
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _when(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _now(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def _title(*, nullable: bool = False) -> tuple[Column[object], Column[object]]:
    return Column("title_zh", Text, nullable=nullable), Column("title_en", Text, nullable=nullable)


def _place(name: str, *columns: Column[object]) -> Table:
    return Table(name, metadata, Column("name", Text, primary_key=True), *_title(), *columns)


def _within(table: str, *, nullable: bool = False) -> Column[object]:
    return Column(table, Text, ForeignKey(f"{table}.name"), nullable=nullable, index=True)


def _position() -> tuple[Column[object], Column[object]]:
    return Column("lat", Double), Column("lon", Double)


city = _place(
    "city",
    Column("timezone", Text, nullable=False),
    Column("simulated", Boolean, nullable=False, server_default=text("false")),
    Column("season_zh", Text),
    Column("season_en", Text),
    Column("attribution", Text),
)
district = _place("district", _within("city"), Column("outline", JSONB, nullable=False, server_default="[]"))
heat_source = _place("heat_source", _within("city"), Column("capacity_mw", Double), *_position())
branch = _place("branch", _within("heat_source"))
station = _place(
    "station",
    _within("district"),
    _within("branch"),
    *_position(),
    Column("pipe_m", Double),
    Column("static_head_mpa", Double),
)
community = _place("community", _within("station"), *_position())
building = _place(
    "building",
    _within("community"),
    Column("heated_area_m2", Double),
    Column("homes", Integer),
    Column("floors", Integer),
    Column("envelope", Text),
)

device = Table(
    "device",
    metadata,
    Column("device_id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("kind_version", Integer, nullable=False, server_default="1"),
    _within("station", nullable=True),
    Column("interval_s", Double),
    Column("status", Text, nullable=False, server_default="active"),
    Column("simulated", Boolean, nullable=False, server_default=text("false")),
    Column("online", Boolean),
    _when("state_at", nullable=True),
    _when("birth_at", nullable=True),
    Column("manifest", JSONB),
    _now("created_at"),
    _now("changed_at"),
    CheckConstraint("status in ('pending', 'active', 'retired')", name="status"),
    CheckConstraint("status <> 'active' or station is not null", name="active_has_station"),
)
"""`station` is null while nobody has said where a device stands that announced itself (pending)."""

point = Table(
    "point",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("bit", Integer, nullable=False),
    Column("unit", Text, nullable=False),
    *_title(),
    UniqueConstraint("kind", "bit"),
)

correction = Table(
    "correction",
    metadata,
    Column("correction_id", BigInteger, Identity(), primary_key=True),
    Column("device_id", Integer, ForeignKey("device.device_id"), nullable=False, index=True),
    Column("point", Text, nullable=False),
    Column("alias", Text),
    Column("scale", Double, nullable=False, server_default="1"),
    Column("offset", Double, nullable=False, server_default="0"),
    Column("unit", Text),
    _when("valid_from"),
    _now("created_at"),
    Column("actor", Text, nullable=False),
)

credential = Table(
    "credential",
    metadata,
    Column("device_id", Integer, ForeignKey("device.device_id"), primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
    _now("issued_at"),
    Column("actor", Text, nullable=False),
)
"""The password of a device at the broker, as Mosquitto keeps it: $7$, PBKDF2 with SHA-512."""

reject = Table(
    "reject",
    metadata,
    Column("reject_id", BigInteger, Identity(), primary_key=True),
    _when("received_at"),
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
    _when("settled_at", nullable=True),
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

ledger = Table(
    "ledger",
    metadata,
    _when("hour"),
    Column("device", Text, nullable=False),
    *(
        Column(fate, BigInteger, nullable=False, server_default="0")
        for fate in ("received", "stored", "duplicate", "merged", "conflict", "rejected")
    ),
)
ledger.append_constraint(UniqueConstraint("hour", "device"))

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
    _when("from_at"),
    _when("to_at"),
    _when("received_until"),
    _when("done_until"),
    Column("rows_changed", BigInteger, nullable=False, server_default="0"),
    Column("actor", Text, nullable=False),
    _now("created_at"),
    _when("finished_at", nullable=True),
)
"""The journal of corrected history: [from_at, done_until) is done of what was received until `received_until`."""

quality_span = Table(
    "quality_span",
    metadata,
    Column("quality_span_id", BigInteger, Identity(), primary_key=True),
    Column("device_id", Integer, ForeignKey("device.device_id"), nullable=False),
    Column("point", Text, nullable=False),
    _when("from_at"),
    _when("to_at", nullable=True),
    Column("reason", Text, nullable=False),
    Index("ix_quality_span_device_id_from_at", "device_id", "from_at"),
)

rollup_mark = Table(
    "rollup_mark",
    metadata,
    Column("mark_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("device_id", Integer, nullable=False),
    _when("bucket"),
)
"""Ten-minute buckets touched by a batch; append-only, deleted by the maintenance pass that recomputes them."""

raw_horizon = Table(
    "raw_horizon",
    metadata,
    Column("kind", Text, primary_key=True),
    _when("kept_from"),
)
"""Until when readings of a kind were dropped: buckets before it are never computed again."""

watch_state = Table(
    "watch_state",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("element", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    _when("pending_since", nullable=True),
    _when("watermark", nullable=True),
)

alarm = Table(
    "alarm",
    metadata,
    Column("alarm_id", Uuid, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("element", Text, nullable=False),
    _when("opened_at"),
    _when("cleared_at", nullable=True),
    Column("priority", Integer, nullable=False),
    Column("station", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("evidence", JSONB, nullable=False, server_default="{}"),
    _when("acknowledged_at", nullable=True),
    Column("acknowledged_by", Text),
    _when("shelved_until", nullable=True),
    Column("suppressed_by", Text),
    _now("recorded_at"),
    UniqueConstraint("subject", "rule", "element", "opened_at"),
    Index(
        "uq_alarm_open",
        "subject",
        "rule",
        "element",
        unique=True,
        postgresql_where=text("cleared_at is null"),
    ),
    Index("ix_alarm_opened_at", "opened_at"),
    Index("ix_alarm_station_opened_at", "station", "opened_at"),
)

alarm_event = Table(
    "alarm_event",
    metadata,
    Column("alarm_event_id", BigInteger, Identity(), primary_key=True),
    Column("alarm_id", Uuid, ForeignKey("alarm.alarm_id"), nullable=False, index=True),
    Column("what", Text, nullable=False),
    _when("at"),
    _now("recorded_at"),
    Column("actor", Text, nullable=False),
    Column("comment", Text),
    Column("evidence", JSONB, nullable=False, server_default="{}"),
    UniqueConstraint("alarm_id", "what", "at"),
    Index("ix_alarm_event_recorded_at", "recorded_at"),
)
"""The journal: what happened to an alarm, in event time (`at`) and in record time."""

outbox = Table(
    "outbox",
    metadata,
    Column("outbox_id", BigInteger, Identity(), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("qos", Integer, nullable=False, server_default="1"),
    Column("actor", Text, nullable=False),
    _now("created_at"),
    _when("sent_at", nullable=True),
    Column("device", Text),
    Column("command_id", Uuid, unique=True),
    _when("expires_at", nullable=True),
    Column("refused", Text),
    Column("reply", JSONB),
    _when("replied_at", nullable=True),
    Index("ix_outbox_waiting", "outbox_id", postgresql_where=text("sent_at is null and refused is null")),
)
"""What ingest sends: commands to devices, with what they reply, and notifications. `refused`: why it cannot be sent."""

audit = Table(
    "audit",
    metadata,
    Column("audit_id", BigInteger, Identity(), primary_key=True),
    _now("at"),
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
    _now("noted_at"),
    Index("ix_seq_gap_noted_at", "noted_at"),
)
"""Numbers that never arrived and are no longer waited for."""
