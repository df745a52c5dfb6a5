-- Drills: exercises in the running city, each with the time at which it is over.

create table drill (
    drill_id uuid not null,
    what text not null,
    station text not null,
    device text not null,
    begins_at timestamptz not null,
    until timestamptz not null,
    ended_at timestamptz,
    actor text not null,
    command_id uuid not null,
    constraint pk_drill primary key (drill_id),
    constraint fk_drill_station foreign key (station) references station (name),
    constraint fk_drill_device foreign key (device) references device (name),
    constraint ck_drill_an_hour_at_most check (until > begins_at and until <= begins_at + interval '1 hour')
);

create unique index uq_drill_open on drill (station) where ended_at is null;
create index ix_drill_until on drill (until);
