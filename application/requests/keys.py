"""Keys: what lets a program send requests by Open311. The table keeps SHA-256; a key is shown once, when it is made."""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from application.requests.request import RequestError
from support import tables

_key = tables.request_key
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{2,62}")


def make_key(on: Connection, name: str, actor: str) -> str:
    """Make a key of a name and return it. Raises RequestError for a name that is taken or no name."""
    if _NAME.fullmatch(name) is None:
        raise RequestError(f"{name!r:.80} is no name of a key: use 3 to 63 of a-z, 0-9 and -")
    key = secrets.token_urlsafe(24)
    row = {"name": name, "hash": hashlib.sha256(key.encode()).digest(), "created_by": actor}
    made = on.scalar(upsert(_key).values(row).on_conflict_do_nothing().returning(_key.c.name))
    if made is None:
        raise RequestError(f"there is a key {name}, also if it was revoked: choose another name")
    on.execute(insert(tables.audit).values(actor=actor, action="request key made", subject=f"request_key:{name}"))
    return key


def revoke_key(on: Connection, name: str, actor: str) -> None:
    """Let a key open nothing any more. Raises RequestError."""
    mine = update(_key).where(_key.c.name == name, _key.c.revoked_at.is_(None)).values(revoked_at=func.now())
    if on.scalar(mine.returning(_key.c.name)) is None:
        raise RequestError(f"there is no key {name!r:.80} in force: `hearthline requests keys` shows them")
    on.execute(insert(tables.audit).values(actor=actor, action="request key revoked", subject=f"request_key:{name}"))


def keys(on: Connection) -> Sequence[Mapping[str, object]]:
    """Return every key: name, created_at, created_by, revoked_at."""
    columns = (_key.c.name, _key.c.created_at, _key.c.created_by, _key.c.revoked_at)
    return [dict(row) for row in on.execute(select(*columns).order_by(_key.c.name)).mappings()]
