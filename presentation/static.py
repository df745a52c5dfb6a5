"""Static: files that never change under their address, compressed once instead of at every request.

Our own assets carry a hash of their content in the address. Dash's bundles carry their version; they
are compressed when first asked for and kept.
"""

import gzip
import hashlib
import mimetypes
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from anyio import to_thread
from fastapi import APIRouter, HTTPException, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ASSETS = Path(__file__).parent / "assets"
INSTALLED = Path(sys.prefix) / "share" / "hearthline"
"""Files that the set-up of the environment fetched, if it could."""

BUNDLES = "/_dash-component-suites/"
_FOREVER = "public, max-age=31536000, immutable"
_LEAST = 600
"""Bytes below which compressing is not worth a header."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of assets: its type, its bytes, plain and compressed, and the hash in its address."""

    media_type: str
    plain: bytes
    pressed: bytes
    mark: str


class Shelf:
    """Every file of the folders, read once. A folder that is not there has none."""

    def __init__(self, *folders: Path) -> None:
        self._assets = {
            path.relative_to(folder).as_posix(): _asset(path)
            for folder in folders or (ASSETS, INSTALLED)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    @property
    def urls(self) -> Mapping[str, str]:
        """Return the address of each file by its name."""
        return MappingProxyType({name: f"/assets/{name}?v={asset.mark}" for name, asset in self._assets.items()})

    def router(self) -> APIRouter:
        """Return the route that serves them."""
        router = APIRouter()

        @router.get("/assets/{name:path}", include_in_schema=False)
        async def asset(name: str, request: Request) -> Response:
            found = self._assets.get(name)
            if found is None:
                raise HTTPException(404, f"no asset {name!r}")
            pressed = accepts_gzip(request.headers.get("accept-encoding", ""))
            body, extra = (found.pressed, {"content-encoding": "gzip"}) if pressed else (found.plain, {})
            headers = {"cache-control": _FOREVER, "vary": "accept-encoding", **extra}
            return Response(body, media_type=found.media_type, headers=headers)

        return router


class PressedBundles:
    """Middleware: compresses Dash's bundles when first asked for, and keeps them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: dict[str, tuple[list[tuple[bytes, bytes]], bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve from what is kept, or keep what passes."""
        if scope["type"] != "http" or not scope["path"].startswith(BUNDLES) or not _wants(scope):
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path not in self._kept:
            status, headers, body = await self._fetch(scope, receive)
            if status != 200 or len(body) < _LEAST:
                await _answer(send, status, headers, body)
                return
            pressed = await to_thread.run_sync(gzip.compress, body, 6)
            kept = [h for h in headers if h[0].lower() not in {b"content-length", b"cache-control"}]
            extra = [
                (b"content-encoding", b"gzip"),
                (b"vary", b"accept-encoding"),
                (b"cache-control", _FOREVER.encode()),
            ]
            self._kept[path] = ([*kept, *extra], pressed)
        await _answer(send, 200, *self._kept[path])

    async def _fetch(self, scope: Scope, receive: Receive) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        start: Message = {}
        parts: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, keep)
        return int(start["status"]), list(start["headers"]), b"".join(parts)


def _asset(path: Path) -> Asset:
    plain = path.read_bytes()
    return Asset(
        media_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        plain=plain,
        pressed=gzip.compress(plain, 6),
        mark=hashlib.sha256(plain).hexdigest()[:12],
    )


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    sized = [h for h in headers if h[0].lower() != b"content-length"]
    sized.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": sized})
    await send({"type": "http.response.body", "body": body})


def _wants(scope: Scope) -> bool:
    return any(key == b"accept-encoding" and accepts_gzip(value.decode("latin-1")) for key, value in scope["headers"])


def accepts_gzip(header: str) -> bool:
    """Whether a reader takes what is compressed."""
    return any(part.strip().partition(";")[0] == "gzip" for part in header.split(","))
