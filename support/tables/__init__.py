"""Tables: one SQLAlchemy MetaData for everything fixed. Readings and rollups follow from the kinds (columns.py)."""

from support.tables.alarms import (
    alarm,
    alarm_event,
    consequence,
    incident,
    incident_alarm,
    out_of_service,
    shelving,
    watch_state,
)
from support.tables.baselines import baseline
from support.tables.civic import disclosure, emergency, emergency_entry, public_alert
from support.tables.drills import drill
from support.tables.foreign import foreign_approval, foreign_device
from support.tables.house import audit, command_reply, ingest_epoch, outbox, roster_version
from support.tables.intake import (
    device_seq,
    ledger,
    ledger_entry,
    ledger_hour,
    quality_span,
    recomputation,
    reject,
    seq_gap,
)
from support.tables.naming import metadata
from support.tables.notices import notification
from support.tables.places import (
    branch,
    building,
    city,
    community,
    correction,
    credential,
    device,
    district,
    heat_source,
    point,
    room,
    station,
)
from support.tables.service import measurement, service_day
from support.tables.upkeep import consumption, counter_mark, raw_horizon, rollup_mark, rollup_touch
from support.tables.work import body, responsibility, work_order, work_order_alarm, work_order_event

__all__ = [
    "alarm",
    "alarm_event",
    "audit",
    "baseline",
    "body",
    "branch",
    "building",
    "city",
    "command_reply",
    "community",
    "consequence",
    "consumption",
    "correction",
    "counter_mark",
    "credential",
    "device",
    "device_seq",
    "disclosure",
    "district",
    "drill",
    "emergency",
    "emergency_entry",
    "foreign_approval",
    "foreign_device",
    "heat_source",
    "incident",
    "incident_alarm",
    "ingest_epoch",
    "ledger",
    "ledger_entry",
    "ledger_hour",
    "measurement",
    "metadata",
    "notification",
    "out_of_service",
    "outbox",
    "point",
    "public_alert",
    "quality_span",
    "raw_horizon",
    "recomputation",
    "reject",
    "responsibility",
    "rollup_mark",
    "rollup_touch",
    "room",
    "roster_version",
    "seq_gap",
    "service_day",
    "shelving",
    "station",
    "watch_state",
    "work_order",
    "work_order_alarm",
    "work_order_event",
]
