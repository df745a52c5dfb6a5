-- What each device may do: its credential. Only a hash is kept, in the form that Mosquitto reads.

create table credential (
    device_id integer not null,
    hash text not null,
    issued_at timestamptz default now() not null,
    actor text not null,
    constraint pk_credential primary key (device_id),
    constraint fk_credential_device_id foreign key(device_id) references device (device_id)
);
