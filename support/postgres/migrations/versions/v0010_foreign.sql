-- Devices that speak another grammar than ours: what they said of themselves, and what is taken of them.

create table foreign_device (
    grammar text not null,
    address text not null,
    name text not null,
    born jsonb,
    online boolean,
    seen_at timestamptz not null,
    constraint pk_foreign_device primary key (grammar, address)
);

create table foreign_approval (
    grammar text not null,
    address text not null,
    device_id integer not null,
    taken jsonb not null,
    actor text not null,
    approved_at timestamptz default now() not null,
    constraint pk_foreign_approval primary key (grammar, address),
    constraint uq_foreign_approval_device_id unique (device_id),
    constraint fk_foreign_approval_device_id foreign key(device_id) references device (device_id),
    constraint fk_foreign_approval_device foreign key(grammar, address) references foreign_device (grammar, address)
);

create trigger roster_of_foreign_approval after insert or delete or update
    on foreign_approval for each statement execute function raise_roster_version();
