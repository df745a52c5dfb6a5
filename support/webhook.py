"""Webhook: one signed event to one address, within a bounded time. The only place that knows httpx.

An address in somebody's hands could lead into our own network. So a name is looked up once, every address that comes
of it is looked at, and the connection goes to one of those very addresses: nothing is looked up again, which defeats a
name that changes its answer (DNS rebinding). Redirects are not followed, and no proxy of the environment is used.

The signature is that of Standard Webhooks 1.0: HMAC-SHA256 over `<id>.<seconds>.<body>`.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from support.delivery import LaterError, NeverError

STEP_S, WHOLE_S = 10.0, 20.0
"""How long one step, and all of it, may take."""
_READ_BYTES = 2_000
"""So much of an answer is looked at, for the reason of a refusal."""
_PATIENCE = frozenset({408, 409, 423, 425, 429})
"""4xx answers that ask for patience; the others refuse."""
_PREFIX = "whsec_"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Call:
    """One event for one address. `secret` None: not signed. `ca`: certificates to trust in place of the system's."""

    url: str
    message_id: str
    event: Mapping[str, object]
    secret: str | None = None
    allow_private: bool = False
    ca: Path | None = None
    step_s: float = STEP_S
    whole_s: float = WHOLE_S


def _alone(work: Coroutine[Any, Any, tuple[int, str]]) -> tuple[int, str]:
    """Run on a thread of its own: the caller's may have a loop already."""
    with ThreadPoolExecutor(1, "webhook") as pool:
        return pool.submit(asyncio.run, work).result()


def send(call: Call, seconds: int) -> None:
    """Deliver an event at `seconds` (epoch); on return the other side has said 2xx. Raises LaterError, NeverError."""
    try:
        url = httpx.URL(call.url)
        addresses = _allowed(url, allow_private=call.allow_private)
    except (httpx.InvalidURL, UnicodeError) as err:
        raise NeverError(f"{call.url} is no address: {err}") from err
    body = json.dumps(call.event, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        status, said = _alone(_within(call, url, addresses, body, seconds))
    except TimeoutError as err:
        raise LaterError(f"{url.host} did not answer within {call.whole_s:g} s", everybody=True) from err
    except (httpx.HTTPError, ssl.SSLError, OSError) as err:
        raise LaterError(f"{url.host} cannot be reached: {err or type(err).__name__}", everybody=True) from err
    _judge(url.host, status, said)


def signed(secret: str, message_id: str, seconds: int, body: bytes) -> str:
    """Return the signature of a body, as Standard Webhooks has it: `v1,<base64>`. A secret of `whsec_` is base64."""
    text = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text, validate=True) if secret.startswith(_PREFIX) else secret.encode()
    except binascii.Error as err:
        raise NeverError("the secret begins with whsec_ and is not base64 after it") from err
    digest = hmac.new(key, f"{message_id}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def is_public(address: Address) -> bool:
    """Return whether an address is one of the internet's, and neither ours nor a tunnel to ours."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is not None:
            return is_public(inner)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _UNICAST:
            return False
    return address.is_global and not address.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that the internet has of IPv6. Beyond it lie a network's own translations to any IPv4 address (RFC 8215), forms
that hold one (::/96, RFC 4291; ::ffff:0:0:0/96, RFC 2765), and sites (fec0::/10)."""


def _allowed(url: httpx.URL, *, allow_private: bool) -> list[str]:
    """Return the addresses of a host. Raises NeverError when one is not to be called, LaterError without any."""
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(url.raw_host.decode("ascii"), port, type=socket.SOCK_STREAM)
    except OSError as err:
        raise LaterError(f"the name {url.host} cannot be looked up: {err}", everybody=True) from err
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    private = [a for a in addresses if not is_public(ipaddress.ip_address(a.partition("%")[0]))]
    if private and not allow_private:
        raise NeverError(
            f"{url.host} leads to {private[0]}, which is no address of the internet: if it is meant so, say "
            "allow_private = true beside its url"
        )
    return addresses


async def _within(call: Call, url: httpx.URL, addresses: list[str], body: bytes, seconds: int) -> tuple[int, str]:
    """Try the addresses in turn until one takes the connection; all of it within the time."""
    async with asyncio.timeout(call.whole_s):
        for place, address in enumerate(addresses):
            try:
                return await _post(call, url, address, body, seconds)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if place + 1 == len(addresses):
                    raise
    raise LaterError(f"{url.host} has no address", everybody=True)


async def _post(call: Call, url: httpx.URL, address: str, body: bytes, seconds: int) -> tuple[int, str]:
    headers = {
        "host": url.netloc.decode("ascii"),
        "content-type": "application/cloudevents+json; charset=utf-8",
        "user-agent": "hearthline",
        "webhook-id": call.message_id,
        "webhook-timestamp": str(seconds),
    }
    if call.secret is not None:
        headers["webhook-signature"] = signed(call.secret, call.message_id, seconds, body)
    # The certificate is checked against the name, the connection goes to the address that was looked at.
    there, named = url.copy_with(host=address), {"sni_hostname": url.raw_host.decode("ascii")}
    context = ssl.create_default_context(cafile=call.ca)
    async with (
        httpx.AsyncClient(verify=context, trust_env=False, follow_redirects=False, timeout=call.step_s) as client,
        client.stream("POST", there, content=body, headers=headers, extensions=named) as answer,
    ):
        said = b""
        if answer.is_success:
            return answer.status_code, ""  # it has the event: what else it says may take its time
        async for part in answer.aiter_raw():
            said += part
            if len(said) >= _READ_BYTES:
                break
        return answer.status_code, "".join(c for c in said[:200].decode(errors="replace") if c.isprintable())


def _judge(host: str, status: int, said: str) -> None:
    if 200 <= status < 300:
        return
    told = f"{host} answered {status}" + (f": {said}" if said else "")
    if 300 <= status < 400:
        raise NeverError(f"{told}; redirects are not followed: name the address that it leads to")
    if 400 <= status < 500 and status not in _PATIENCE:
        raise NeverError(told)
    raise LaterError(told, everybody=True)
