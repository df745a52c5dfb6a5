-- Alarm life: latched until reset, asking again, and what alarms mean for homes.

alter table alarm
    add column latched boolean not null default false,
    add column realarm_s double precision not null default 0,
    add column reset_at timestamptz,
    add column reset_by text;

create index ix_alarm_latched on alarm (subject, rule, element) where latched and reset_at is null;

create table consequence (
    alarm_id uuid not null,
    homes integer,
    hours double precision,
    hours_low double precision,
    hours_high double precision,
    why text not null,
    basis jsonb not null default '{}',
    at timestamptz not null,
    constraint pk_consequence primary key (alarm_id),
    constraint fk_consequence_alarm_id foreign key (alarm_id) references alarm (alarm_id),
    constraint ck_consequence_in_range check (hours_low <= hours and hours <= hours_high)
);
