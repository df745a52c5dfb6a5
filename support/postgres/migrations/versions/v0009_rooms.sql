-- Sampled rooms, and the devices that stand in them. A room says where in its building it lies, not whose it is.
create table room (
    name text not null,
    building text not null,
    position text not null,
    floor integer,
    constraint pk_room primary key (name),
    constraint ck_room_position check (position in ('middle', 'end', 'top')),
    constraint fk_room_building foreign key(building) references building (name)
);

create index ix_room_building on room (building);

alter table device
    add column room text,
    add constraint fk_device_room foreign key(room) references room (name);

create index ix_device_room on device (room);

-- What a device answered to a command: it accepts, and later it is done, so there may be several answers. The first
-- of each state counts: a device repeats itself when a command comes twice.
create table command_reply (
    command_id uuid not null,
    state text not null,
    reason text,
    detail text,
    body jsonb not null,
    replied_at timestamptz not null,
    constraint pk_command_reply primary key (command_id, state),
    constraint ck_command_reply_state check (state in ('accepted', 'rejected', 'done', 'failed')),
    constraint fk_command_reply_command_id foreign key(command_id) references outbox (command_id) on delete cascade
);

-- The history of a device's commands, newest first.
create index ix_outbox_device on outbox (device, outbox_id) where command_id is not null;
