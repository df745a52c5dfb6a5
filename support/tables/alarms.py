"""Alarms: conditions with a life, and their journal."""

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
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from support.tables.naming import metadata, now, told, when

watch_state = Table(
    "watch_state",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("element", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    when("pending_since", nullable=True),
    when("watermark", nullable=True),
)

alarm = Table(
    "alarm",
    metadata,
    Column("alarm_id", Uuid, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("element", Text, nullable=False),
    when("opened_at"),
    when("cleared_at", nullable=True),
    Column("priority", Integer, nullable=False),
    Column("station", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("evidence", JSONB, nullable=False, server_default="{}"),
    when("acknowledged_at", nullable=True),
    Column("acknowledged_by", Text),
    Column("suppressed_by", Text),
    now("recorded_at"),
    Column("latched", Boolean, nullable=False, server_default=text("false")),
    Column("realarm_s", Double, nullable=False, server_default=text("0")),
    when("reset_at", nullable=True),
    Column("reset_by", Text),
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
    Index("ix_alarm_latched", "subject", "rule", "element", postgresql_where=text("latched and reset_at is null")),
    Index("ix_alarm_station_opened_at", "station", "opened_at"),
)

"""`latched`: it stays on the lists after `cleared_at` until `reset_at`. `realarm_s`: so long after it was acknowledged
it asks again, while it stands; 0: never."""

alarm_event = Table(
    "alarm_event",
    metadata,
    Column("alarm_event_id", BigInteger, Identity(), primary_key=True),
    Column("alarm_id", Uuid, ForeignKey("alarm.alarm_id"), nullable=False, index=True),
    *told(),
    Column("evidence", JSONB, nullable=False, server_default="{}"),
    UniqueConstraint("alarm_id", "what", "at"),
    Index("ix_alarm_event_recorded_at", "recorded_at"),
)
"""The journal: what happened to an alarm, in event time (`at`) and in record time."""

shelving = Table(
    "shelving",
    metadata,
    Column("shelving_id", BigInteger, Identity(), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("element", Text, nullable=False),
    when("since"),
    when("until"),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    when("ended_at", nullable=True),
    Column("ended_by", Text),
    CheckConstraint("until > since and until <= since + interval '24 hours'", name="a_day_at_most"),
    Index(
        "uq_shelving_open",
        "subject",
        "rule",
        "element",
        unique=True,
        postgresql_where=text("ended_at is null"),
    ),
)
"""A condition that is put aside for a time, with every alarm that it raises meanwhile."""

out_of_service = Table(
    "out_of_service",
    metadata,
    Column("out_of_service_id", BigInteger, Identity(), primary_key=True),
    Column("subject", Text, nullable=False),
    when("since"),
    when("until", nullable=True),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    when("ended_at", nullable=True),
    Column("ended_by", Text),
    Index("uq_out_of_service_open", "subject", unique=True, postgresql_where=text("ended_at is null")),
)
"""A station or a device under maintenance: its alarms are kept from the operators' lists until it is back."""

consequence = Table(
    "consequence",
    metadata,
    Column("alarm_id", Uuid, ForeignKey("alarm.alarm_id"), primary_key=True),
    Column("homes", Integer),
    Column("hours", Double),
    Column("hours_low", Double),
    Column("hours_high", Double),
    Column("why", Text, nullable=False),
    Column("basis", JSONB, nullable=False, server_default="{}"),
    when("at"),
    CheckConstraint("hours_low <= hours and hours <= hours_high", name="in_range"),
)
"""What an alarm means for homes, as it was foreseen at `at`: how many, and in how many hours rooms reach 18 Cel.

`why` is a word of application.consequence.Why; without hours it says why there are none. `basis` are the numbers that
they were worked out from.
"""

incident = Table(
    "incident",
    metadata,
    Column("incident_id", Uuid, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("family", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("cause_station", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    when("opened_at"),
    when("closed_at", nullable=True),
    now("recorded_at"),
    Column("stations", ARRAY(Text), nullable=False),
    Index("uq_incident_open", "scope", "family", unique=True, postgresql_where=text("closed_at is null")),
    Index("ix_incident_opened_at", "opened_at"),
)
"""Alarms of one cause: of a station, or of a branch, a district or a heat source whose stations fell together.

`scope` is `station:<name>`, `branch:<name>`, `district:<name>`, `source:<name>` or, of a power cut that follows none of
these, `city:<name>`; `cause` is the rule that speaks of the cause, at `cause_station`; `family` is empty for a
station's. `stations` are all that it ever touched.
"""

incident_alarm = Table(
    "incident_alarm",
    metadata,
    Column("incident_id", Uuid, ForeignKey("incident.incident_id"), primary_key=True),
    Column("alarm_id", Uuid, ForeignKey("alarm.alarm_id"), primary_key=True),
    now("joined_at"),
    Index("ix_incident_alarm_alarm_id", "alarm_id"),
)
