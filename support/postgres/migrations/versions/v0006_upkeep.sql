-- How far readings have been dropped: buckets before that are never computed again.
create table raw_horizon (
    kind text not null,
    kept_from timestamptz not null,
    constraint pk_raw_horizon primary key (kind)
);
