"""Letters: the outbox: what waits to be sent, what was sent, and what devices replied."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from network.link import Reply
from support.postgres.rows import as_json, clean, moment
from support.store import Letter

Link = psycopg.Connection[tuple[Any, ...]]

_WAITING = """
select outbox_id, topic, payload, qos, coalesce(expires_at <= now(), false) from outbox
where sent_at is null and refused is null and not outbox_id = any(%s::bigint[])
order by outbox_id limit %s
"""
_SENT = "update outbox set sent_at = now() where outbox_id = any(%s::bigint[]) and sent_at is null"
_REFUSE = """
update outbox o set refused = v.why
from unnest(%s::bigint[], %s::text[]) v (outbox_id, why) where o.outbox_id = v.outbox_id
"""
_ANSWERED = """
update outbox o set reply = coalesce(o.reply, v.reply), replied_at = coalesce(o.replied_at, v.at)
from unnest(%s::uuid[], %s::text[], %s::jsonb[], %s::timestamptz[]) v (id, device, reply, at)
where o.command_id = v.id and o.device = v.device
returning o.command_id, o.device
"""


_KEEP = """
insert into command_reply (command_id, state, reason, detail, body, replied_at)
select v.id, v.state, v.reason, v.detail, v.body, v.at
from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::timestamptz[])
    with ordinality v (id, device, state, reason, detail, body, at, place)
join outbox o on o.command_id = v.id and o.device = v.device
order by v.place
on conflict do nothing
"""


def outgoing(on: Link, most: int, under_way: Sequence[int]) -> list[Letter]:
    """Return the oldest letters that wait, at most so many."""
    rows = on.execute(_WAITING, (list(under_way), most)).fetchall()
    return [Letter(outbox_id, topic, bytes(payload), *facts) for outbox_id, topic, payload, *facts in rows]


def dispatched(on: Link, sent: Sequence[int], refused: Mapping[int, str]) -> None:
    """Note what was sent and what cannot be."""
    if sent:
        on.execute(_SENT, (list(sent),))
    if refused:
        on.execute(_REFUSE, (list(refused), [clean(why) for why in refused.values()]))


def answered(on: Link, replies: Sequence[Reply]) -> list[Reply]:
    """Record replies beside their commands, the first of each state; return those that answer none of ours."""
    bodies = {reply: body for reply in replies if (body := as_json(reply.payload)) is not None}
    keys = {reply: key for reply in bodies if (key := _key(reply)) is not None}
    first = {key: reply for reply, key in reversed(keys.items())}
    known: set[tuple[UUID, str]] = set()
    if first:
        ids, devices = [key[0] for key in first], [key[1] for key in first]
        times = [moment(reply.received_at) for reply in first.values()]
        known.update(
            on.execute(_ANSWERED, (ids, devices, [bodies[reply] for reply in first.values()], times)).fetchall()
        )
        _keep(on, {reply: key for reply, key in keys.items() if key in known}, bodies)
    return [reply for reply in replies if keys.get(reply) not in known]


def _keep(on: Link, keys: Mapping[Reply, tuple[UUID, str]], bodies: Mapping[Reply, Jsonb]) -> None:
    """Keep what was said of each command, step by step."""
    rows = [
        (*key, reply.state, _clean(reply.why), _clean(reply.detail), bodies[reply], moment(reply.received_at))
        for reply, key in keys.items()
    ]
    if rows:
        on.execute(_KEEP, [list(column) for column in zip(*rows, strict=True)])


def _clean(text: str | None) -> str | None:
    return None if text is None else clean(text)


def _key(reply: Reply) -> tuple[UUID, str] | None:
    try:
        return UUID(reply.id), reply.device
    except ValueError:
        return None
