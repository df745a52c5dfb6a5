"""Work: who is responsible for what, work orders, and what happened to them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from support.tables.naming import metadata, now, title, told, when

body = Table("body", metadata, Column("code", Text, primary_key=True), *title())
"""A body that answers for work: a role such as the area team of the heating company, never a person."""

responsibility = Table(
    "responsibility",
    metadata,
    Column("code", Text, primary_key=True),
    Column("valid_from", Date, primary_key=True),
    Column("valid_until", Date),
    *title(),
    Column("body", Text, ForeignKey("body.code"), nullable=False),
    Column("supporting", ARRAY(Text), nullable=False),
    Column("rules", ARRAY(Text), nullable=False),
    Column("families", ARRAY(Text), nullable=False),
    Column("area", Text, nullable=False),
    Column("respond_h", ARRAY(Double), nullable=False),
    Column("repair_h", ARRAY(Double), nullable=False),
    Column("visit", Boolean, nullable=False),
    Column("legal_zh", Text, nullable=False),
    Column("legal_en", Text, nullable=False),
    Column("requests", ARRAY(Text), nullable=False, server_default="{}"),
    CheckConstraint("cardinality(respond_h) = 3 and cardinality(repair_h) = 3", name="a_limit_per_priority"),
    CheckConstraint("valid_until > valid_from", name="dates_in_order"),
)
"""An item of the responsibility list, in force from `valid_from` until the day before `valid_until`.

It covers the alarms of `rules` and of `families` in an `area` (`district:<name>`, `city:<name>`, empty: everywhere);
without either it catches what no other covers. `respond_h` and `repair_h` are hours by priority 1, 2, 3. `visit`:
somebody has to go there, so an order opens by itself.
"""

OVER = "state in ('verified', 'rejected', 'cancelled')"
work_order = Table(
    "work_order",
    metadata,
    Column("work_order_id", Uuid, primary_key=True),
    Column("number", BigInteger, Identity(), nullable=False, unique=True),
    Column("incident_id", Uuid, ForeignKey("incident.incident_id")),
    Column("alarm_id", Uuid, ForeignKey("alarm.alarm_id"), nullable=False),
    Column("scope", Text, nullable=False),
    Column("station", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    *title(),
    Column("advice_zh", Text, nullable=False),
    Column("advice_en", Text, nullable=False),
    Column("responsibility", Text, nullable=False),
    Column("responsibility_from", Date, nullable=False),
    Column("body", Text, ForeignKey("body.code"), nullable=False),
    when("opened_at"),
    when("respond_by"),
    when("due_at"),
    Column("state", Text, nullable=False),
    when("state_at"),
    Column("assignee", Text),
    Column("minutes", Integer, nullable=False, server_default="0"),
    Column("parts", ARRAY(Text), nullable=False, server_default="{}"),
    Column("escalation", Integer, nullable=False, server_default="0"),
    Column("returns", Integer, nullable=False, server_default="0"),
    when("arrived_at", nullable=True),
    when("done_at", nullable=True),
    when("closed_at", nullable=True),
    now("recorded_at"),
    ForeignKeyConstraint(
        ["responsibility", "responsibility_from"], ["responsibility.code", "responsibility.valid_from"]
    ),
    CheckConstraint(
        "state in ('new', 'assigned', 'on_the_way', 'on_site', 'done', 'verified', 'rejected', 'cancelled')",
        name="state",
    ),
    CheckConstraint(f"({OVER}) = (closed_at is not null)", name="closed_when_over"),
    Index("uq_work_order_incident", "incident_id", unique=True, postgresql_where=text(f"not ({OVER})")),
    Index("uq_work_order_alarm", "alarm_id", unique=True, postgresql_where=text(f"not ({OVER})")),
    Index("ix_work_order_station_opened_at", "station", "opened_at"),
    Index("ix_work_order_closed_at", "closed_at"),
)
"""What somebody has to do on site. At most one is under way for an incident, and for the alarm it was opened for.

Title and advice are the rule's as they were when it was opened. `escalation`: 1 nobody was there in time, 2 it was
not repaired in time. `returns`: how often the condition came back.
"""

work_order_alarm = Table(
    "work_order_alarm",
    metadata,
    Column("work_order_id", Uuid, ForeignKey("work_order.work_order_id"), primary_key=True),
    Column("alarm_id", Uuid, ForeignKey("alarm.alarm_id"), primary_key=True),
    now("joined_at"),
    Index("ix_work_order_alarm_alarm_id", "alarm_id"),
)
"""The alarms that have to clear before an order is verified."""

work_order_event = Table(
    "work_order_event",
    metadata,
    Column("work_order_event_id", BigInteger, Identity(), primary_key=True),
    Column("work_order_id", Uuid, ForeignKey("work_order.work_order_id"), nullable=False, index=True),
    *told(),
    Column("detail", JSONB, nullable=False, server_default="{}"),
    Index("ix_work_order_event_recorded_at", "recorded_at"),
)
"""The journal of work orders, in event time (`at`) and in record time: played again, it gives each order's state."""
