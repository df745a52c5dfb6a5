"""Open311 format: the answers of GeoReport v2 as JSON and as XML, from the same values."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from fastapi.responses import Response
from markupsafe import escape

FORMATS: Final = ("json", "xml")
_ITEMS: Final = {
    "services": "service",
    "attributes": "attribute",
    "values": "value",
    "service_requests": "request",
    "request_updates": "request_update",
    "endpoints": "endpoint",
    "formats": "format",
    "errors": "error",
}
"""What an element of each list is called in XML."""
_UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot say."""
_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "no-store",
}
Value = object
"""Text, numbers, booleans, None, mappings and sequences of these."""


class Open311Error(Exception):
    """What was asked cannot be answered; `status` is that of HTTP."""

    def __init__(self, status: int, told: str) -> None:
        super().__init__(told)
        self.status = status


def answer(fmt: str, root: str, value: Value, status: int = 200) -> Response:
    """Return an answer. `root` is its element in XML; a list is a bare array in JSON."""
    if fmt == "xml":
        body = f'<?xml version="1.0" encoding="utf-8"?>\n{_element(root, value)}\n'
        return Response(body.encode(), status, _HEADERS, "text/xml; charset=utf-8")
    body = json.dumps(value, ensure_ascii=False)
    return Response(body.encode(), status, _HEADERS, "application/json; charset=utf-8")


def refusal(fmt: str, status: int, told: str) -> Response:
    """Return an error, as an array with one entry."""
    return answer(fmt, "errors", [{"code": status, "description": told}], status)


def w3c(when: datetime | None) -> str | None:
    """Return a moment in UTC as GeoReport writes it."""
    return None if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _element(name: str, value: Value) -> str:
    return f"<{name}>{_inside(name, value)}</{name}>"


def _inside(name: str, value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "".join(_element(str(key), each) for key, each in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "".join(_element(_ITEMS[name], each) for each in value)
    return str(escape(_UNFIT.sub("\ufffd", str(value))))
