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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

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
    Index("ix_reject_received_at", "received_at"),
    Index("ix_reject_device_received_at", "device", "received_at"),
)

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
    _when("hour"),
)
"""Hours whose rollups were made anew, by a trigger on rollup_mark; deleted by the pass that follows the counters."""

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
)

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
