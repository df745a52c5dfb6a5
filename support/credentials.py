"""Credentials: the password of each device, of which only a hash is kept, in the form that Mosquitto reads.

A password is 24 random bytes: nobody can guess it, so the hash needs no expensive rounds. The
broker computes it at every connect, in its only thread: at mosquitto_passwd's own 101 rounds
10,000 devices that come back at once cost it about a second, at a hundred thousand rounds a
quarter of an hour.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, delete, exists, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from perception.catalogue import DeviceStatus
from support import tables
from support.catalogue_store import CatalogueError

SERVICE_ACCOUNT: Final = "hearthline"
SERVICE_SECRET: Final = "broker-password"  # noqa: S105 - the name of the file that holds it
RESERVED: Final = frozenset({SERVICE_ACCOUNT, "notify"})
ROUNDS: Final = 101
_SALT_BYTES: Final = 12  # neither more nor less: Mosquitto insists
_HASH_BYTES: Final = 64


def new_password() -> str:
    """Return a password of 192 random bits, safe in addresses and on command lines."""
    return secrets.token_urlsafe(24)


def hashed(password: str) -> str:
    """Return what Mosquitto keeps of a password: $7$rounds$salt$hash, PBKDF2 with SHA-512, salt and hash in base64."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS, _HASH_BYTES)
    return f"$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def issue(conn: Connection, name: str, actor: str) -> str:
    """Give a device a new password, in place of any it had, and return it: nothing can show it again.

    Audited; who calls this commits. Raises CatalogueError.
    """
    if name in RESERVED:
        raise CatalogueError(f"{name} is a name of the platform itself: give the device another")
    device = conn.execute(select(tables.device).where(tables.device.c.name == name).with_for_update()).one_or_none()
    if device is None:
        raise CatalogueError(f"no device is named {name}: see `hearthline devices list`")
    if device.status == DeviceStatus.RETIRED:
        raise CatalogueError(f"device {name} is retired: hearthline devices approve {name} lets it report again")
    password = new_password()
    row = {"device_id": device.device_id, "hash": hashed(password), "actor": actor}
    statement = upsert(tables.credential).values(row)
    renewed = statement.on_conflict_do_update(index_elements=["device_id"], set_={**row, "issued_at": func.now()})
    conn.execute(renewed)
    _audit(conn, actor, "credential issued", name)
    return password


def withdraw(conn: Connection, name: str, actor: str) -> bool:
    """Take a device's password away; return whether it had one. Audited; who calls this commits."""
    its = select(tables.device.c.device_id).where(tables.device.c.name == name).scalar_subquery()
    gone = conn.execute(delete(tables.credential).where(tables.credential.c.device_id == its)).rowcount > 0
    if gone:
        _audit(conn, actor, "credential withdrawn", name)
    return gone


def in_use(conn: Connection) -> bool:
    """Return whether any device has a password: then a new one needs one too."""
    return bool(conn.execute(select(exists().select_from(tables.credential))).scalar())


def hashes(conn: Connection) -> Mapping[str, str]:
    """Return the hash of each device that has a password and is not retired, by name."""
    query = (
        select(tables.device.c.name, tables.credential.c.hash)
        .join_from(tables.credential, tables.device)
        .where(tables.device.c.status != DeviceStatus.RETIRED)
        .order_by(tables.device.c.name)
    )
    return {row.name: row.hash for row in conn.execute(query)}


def _audit(conn: Connection, actor: str, action: str, device: str) -> None:
    conn.execute(insert(tables.audit).values(actor=actor, action=action, subject=f"device:{device}", detail={}))
