"""Requests: what citizens ask, with whom it lies until when, their journal, and what citizens say of the outcome."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from support.tables.naming import metadata, now, title, told, when

request_kind = Table(
    "request_kind",
    metadata,
    Column("code", Text, primary_key=True),
    Column("valid_from", Date, primary_key=True),
    Column("valid_until", Date),
    *title(),
    Column("hint_zh", Text, nullable=False),
    Column("hint_en", Text, nullable=False),
    Column("group", Text, nullable=False),
    Column("families", ARRAY(Text), nullable=False),
    Column("rules", ARRAY(Text), nullable=False),
    Column("attributes", JSONB, nullable=False),
    Column("ladder", JSONB, nullable=False),
    Column("place", Integer, nullable=False),
    CheckConstraint("valid_until > valid_from", name="dates_in_order"),
    CheckConstraint("jsonb_array_length(ladder) > 0", name="a_rung_at_least"),
)
"""`rules`: alarms of these at the station of the reporter's home are evidence; they follow from `families`."""

request = Table(
    "request",
    metadata,
    Column("number", BigInteger, Identity(start=10001), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("kind_from", Date, nullable=False),
    Column("community", Text, ForeignKey("community.name"), nullable=False),
    *(Column(n, Text, nullable=False) for n in ("station", "district", "city", "description")),
    Column("attributes", JSONB, nullable=False, server_default="{}"),
    Column("language", Text, nullable=False),
    Column("phone", Text),
    Column("email", Text),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    when("state_at"),
    Column("body", Text, ForeignKey("body.code"), nullable=False),
    Column("rung", Integer, nullable=False),
    when("rung_since"),
    when("rung_due"),
    Column("responsibility", Text, nullable=False),
    Column("responsibility_from", Date, nullable=False),
    when("due_at"),
    when("opened_at"),
    when("accepted_at", nullable=True),
    when("accept_due"),
    when("answered_at", nullable=True),
    when("closed_at", nullable=True),
    Column("answer", Text),
    *(Column(n, Integer, nullable=False, server_default="0") for n in ("reopened", "bounces", "escalations")),
    Column("evidence", JSONB, nullable=False, server_default="[]"),
    Column("incident_id", Uuid, ForeignKey("incident.incident_id"), index=True),
    Column("work_order_id", Uuid, ForeignKey("work_order.work_order_id")),
    now("recorded_at"),
    now("updated_at"),
    ForeignKeyConstraint(["kind", "kind_from"], ["request_kind.code", "request_kind.valid_from"]),
    ForeignKeyConstraint(
        ["responsibility", "responsibility_from"], ["responsibility.code", "responsibility.valid_from"]
    ),
    CheckConstraint("state in ('open', 'accepted', 'in_progress', 'answered', 'closed')", name="state"),
    CheckConstraint("(state = 'closed') = (closed_at is not null)", name="closed_when_over"),
    CheckConstraint("language in ('zh', 'en')", name="language"),
    CheckConstraint("channel in ('portal', 'clerk', 'api')", name="channel"),
    Index("ix_request_body_rung_due", "body", "rung_due", postgresql_where=text("state <> 'closed'")),
    Index("ix_request_community_opened_at", "community", "opened_at"),
    Index("ix_request_opened_at", "opened_at"),
)
"""`secret`: SHA-256 of the word in the reporter's link. `rung_due`: until when the body has to answer before it goes
up; `due_at`: the limit of the whole matter; `accept_due`: until when the first rung had to accept it."""

request_event = Table(
    "request_event",
    metadata,
    Column("request_event_id", BigInteger, Identity(), primary_key=True),
    Column("number", BigInteger, ForeignKey("request.number"), nullable=False, index=True),
    *told(),
    Column("detail", JSONB, nullable=False, server_default="{}"),
)
"""The journal of requests, in event time (`at`) and in record time."""

request_joiner = Table(
    "request_joiner",
    metadata,
    Column("request_joiner_id", BigInteger, Identity(), primary_key=True),
    Column("number", BigInteger, ForeignKey("request.number"), nullable=False, index=True),
    Column("secret", LargeBinary, nullable=False),
    Column("language", Text, nullable=False),
    Column("email", Text),
    now("at"),
)
"""Those who have the same trouble, and follow a request by a link of their own."""

evaluation = Table(
    "evaluation",
    metadata,
    Column("number", BigInteger, ForeignKey("request.number"), primary_key=True),
    Column("grade", Integer, nullable=False),
    Column("comment", Text),
    now("at"),
    Column("body", Text, nullable=False),
    CheckConstraint("grade between 1 and 5", name="grade"),
)
"""A rating: 5 very satisfied to 1 very dissatisfied. A trigger lets nobody change or remove one."""

rectification = Table(
    "rectification",
    metadata,
    Column("number", BigInteger, ForeignKey("request.number"), primary_key=True),
    when("opened_at"),
    Column("opened_by", Text, nullable=False),
    Column("body", Text, nullable=False),
    when("call_back_due"),
    when("due_at"),
    when("called_back_at", nullable=True),
    Column("called_back_by", Text),
    when("done_at", nullable=True),
    Column("done_by", Text),
    Column("outcome", Text),
)
"""What a bad rating, or a supervisor, orders: to call the reporter back, and to put it right by a day."""

request_key = Table(
    "request_key",
    metadata,
    Column("name", Text, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    now("created_at"),
    Column("created_by", Text, nullable=False),
    when("revoked_at", nullable=True),
)
"""Keys of programs that send requests by Open311, as SHA-256."""
