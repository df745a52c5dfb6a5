"""Guard: what every response of the portal carries, and HEAD wherever there is GET. Plain ASGI, no buffering."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PROTECTION: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
OPEN_DATA: Final = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
BRIEFLY: Final = "public, max-age=10"
NEVER: Final = "no-store"
STATE_PATHS: Final = frozenset({"/healthz", "/readyz"})


class Guard:
    """Wraps the whole application, its error pages included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                _protect(MutableHeaders(scope=message), path, message["status"])
            await send(message)

        # The server leaves the body of an answer to HEAD out by itself; it looks at its own scope.
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        await self._app(inner, receive, protected)


def _protect(headers: MutableHeaders, path: str, status: int) -> None:
    for name, value in PROTECTION.items():
        headers.setdefault(name, value)
    if path.startswith("/api/"):
        for name, value in OPEN_DATA.items():
            headers.setdefault(name, value)
    else:
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    fleeting = status >= 400 or path in STATE_PATHS
    headers.setdefault("Cache-Control", NEVER if fleeting else BRIEFLY)
