-- Incidents: alarms of one cause.

create table incident (
    incident_id uuid not null,
    scope text not null,
    family text not null,
    cause text not null,
    cause_station text not null,
    priority integer not null,
    opened_at timestamptz not null,
    closed_at timestamptz,
    recorded_at timestamptz not null default now(),
    stations text[] not null,
    constraint pk_incident primary key (incident_id)
);

create unique index uq_incident_open on incident (scope, family) where closed_at is null;

create index ix_incident_opened_at on incident (opened_at);

create table incident_alarm (
    incident_id uuid not null,
    alarm_id uuid not null,
    joined_at timestamptz not null default now(),
    constraint pk_incident_alarm primary key (incident_id, alarm_id),
    constraint fk_incident_alarm_incident_id foreign key (incident_id) references incident (incident_id),
    constraint fk_incident_alarm_alarm_id foreign key (alarm_id) references alarm (alarm_id)
);

create index ix_incident_alarm_alarm_id on incident_alarm (alarm_id);
