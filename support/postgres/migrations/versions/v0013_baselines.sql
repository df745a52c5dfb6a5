-- Baselines: what was learned of each station from its own history.

create table baseline (
    subject text not null,
    name text not null,
    value double precision not null,
    low double precision,
    high double precision,
    samples integer not null,
    learned_at timestamptz not null,
    constraint pk_baseline primary key (subject, name),
    constraint ck_baseline_in_range check (low <= value and value <= high)
);
