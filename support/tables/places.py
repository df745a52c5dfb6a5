"""Places: cities down to buildings, and the devices that stand there with what is known of each."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Identity,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from support.tables.naming import metadata, now, title, when


def _place(name: str, *columns: Column[object]) -> Table:
    return Table(name, metadata, Column("name", Text, primary_key=True), *title(), *columns)


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

room = Table(
    "room",
    metadata,
    Column("name", Text, primary_key=True),
    _within("building"),
    Column("position", Text, nullable=False),
    Column("floor", Integer),
    CheckConstraint("position in ('middle', 'end', 'top')", name="position"),
)
"""A sampled room. Nothing in it says which flat of the building it is, or whose."""

device = Table(
    "device",
    metadata,
    Column("device_id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("kind_version", Integer, nullable=False, server_default="1"),
    _within("station", nullable=True),
    _within("room", nullable=True),
    Column("interval_s", Double),
    Column("status", Text, nullable=False, server_default="active"),
    Column("simulated", Boolean, nullable=False, server_default=text("false")),
    Column("online", Boolean),
    when("state_at", nullable=True),
    when("birth_at", nullable=True),
    Column("manifest", JSONB),
    now("created_at"),
    now("changed_at"),
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
    *title(),
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
    when("valid_from"),
    now("created_at"),
    Column("actor", Text, nullable=False),
)

credential = Table(
    "credential",
    metadata,
    Column("device_id", Integer, ForeignKey("device.device_id"), primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
    now("issued_at"),
    Column("actor", Text, nullable=False),
)
"""The password of a device at the broker, as Mosquitto keeps it: $7$, PBKDF2 with SHA-512."""
