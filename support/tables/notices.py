"""Notices: what somebody is told of an incident, and how it went."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
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

from support.tables.naming import metadata, when

WAITING = ("queued", "failed")
"""States in which a notice is still to be sent; a failed one is tried again at its next attempt."""

notification = Table(
    "notification",
    metadata,
    Column("notification_id", BigInteger, Identity(), primary_key=True),
    Column("message_id", Uuid, nullable=False, unique=True),
    Column("subject", Text, nullable=False),
    Column("incident_id", Uuid, ForeignKey("incident.incident_id", ondelete="CASCADE"), index=True),
    Column("stage", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("alarms", ARRAY(Uuid), nullable=False),
    Column("content", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    when("created_at"),
    when("next_attempt_at"),
    when("claimed_until", nullable=True),
    when("sent_at", nullable=True),
    Column("last_error", Text),
    Column("digest_id", BigInteger, ForeignKey("notification.notification_id", ondelete="SET NULL"), index=True),
    UniqueConstraint("subject", "stage", "recipient", "channel"),
    CheckConstraint(
        "state in ('queued', 'sent', 'failed', 'given_up', 'folded', 'withdrawn', 'dropped')", name="state"
    ),
    CheckConstraint("channel in ('mail', 'webhook', 'topic')", name="channel"),
    Index("ix_notification_waiting", "next_attempt_at", postgresql_where=text("state in ('queued', 'failed')")),
    Index("ix_notification_recipient", "recipient", "channel", "sent_at"),
    Index("ix_notification_created_at", "created_at"),
)
"""One message over one channel. `subject` is `incident:<id>` or `digest:<id>`; `stage` says what is told of it:
`opened`, `more:<alarm>`, `back:<shelving>`, `escalation-N`, `cleared`, `digest`. `via` is how its recipient comes to
it: by name, or by `on-call:<rota>`. `alarms` are those that it speaks of; `content` is what is said, as it was when it
was queued. Withdrawn: it had no point any more before it was sent; it comes back where it has one again. Dropped: by
somebody, for good. `message_id` follows from subject, stage, recipient and channel: what is sent twice has one number.
"""
