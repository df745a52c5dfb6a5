"""Open311 answers: what GeoReport v2 and its usual extensions give and take, one function each. Raises Open311Error."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import RowMapping

from presentation.portal.my_request import event_words
from presentation.portal.open311_asked import MOST, Asked
from presentation.portal.open311_format import Open311Error, Value, w3c
from presentation.portal.report import both
from presentation.texts import Texts

ROOT: Final = "/open311/v2"
CHANGESET: Final = "2026-11-25T00:00:00Z"
_STATUS: Final = {"open": True, "closed": False}


def discovery(asked: Asked) -> Value:
    """Say where the service is and what it speaks."""
    endpoint = {
        "specification": "http://wiki.open311.org/GeoReport_v2",
        "url": asked.origin + ROOT,
        "changeset": CHANGESET,
        "type": "production",
        "formats": ["text/xml", "application/json"],
    }
    return {
        "changeset": CHANGESET,
        "contact": f"{asked.origin}/{asked.t.language}/about",
        "key_service": "the operator of this portal makes keys: hearthline requests key NAME",
        "endpoints": [endpoint],
    }


def services(asked: Asked) -> Value:
    """Return the kinds of requests."""
    return [_service(row, asked.t) for row in asked.counter.kinds()]


def _service(row: RowMapping, t: Texts) -> Mapping[str, Value]:
    return {
        "service_code": row["code"],
        "service_name": t.title(both(row, "title")),
        "description": t.title(both(row, "hint")),
        "metadata": bool(row["attributes"]),
        "type": "realtime",
        "keywords": row["group"],
        "group": row["group"],
    }


def definition(asked: Asked) -> Value:
    """Return what else may be said with a kind of request."""
    row = _kind(asked, asked.path["code"])
    attributes = [_attribute(each, order, asked.t) for order, each in enumerate(row["attributes"], start=1)]
    return {"service_code": row["code"], "attributes": attributes}


def _attribute(each: Mapping[str, Any], order: int, t: Texts) -> Mapping[str, Value]:
    name = each["title"][t.language]
    values = [{"key": key, "name": title[t.language]} for key, title in each["values"].items()]
    return {"variable": True, "code": each["code"], "datatype": each["datatype"], "required": each["required"],
            "datatype_description": name, "order": order, "description": name, "values": values}  # fmt: skip


def _kind(asked: Asked, code: str) -> RowMapping:
    found = next((row for row in asked.counter.kinds() if row["code"] == code), None)
    if found is None:
        raise Open311Error(404, f"service_code: there is no service {code!r:.60}")
    return found


def requests(asked: Asked) -> Value:
    """Return requests by number, kind, span and status, newest first."""
    size, start = asked.paging
    if asked.of("service_request_id"):
        numbers = [_number(text) for text in asked.of("service_request_id").split(",")[:MOST]]
        return _rows(asked.counter.listed(numbers=numbers, most=size, start=start), asked.t)
    wanted = {_STATUS[s] for s in asked.of("status").split(",") if s in _STATUS}
    if asked.of("status") and not wanted:
        raise Open311Error(400, "status: expected open or closed")
    since, until = asked.span()
    kinds = [code.strip() for code in asked.of("service_code").split(",")] if asked.of("service_code") else None
    found = asked.counter.listed(
        kinds=kinds,
        since=since,
        until=until,
        is_open=wanted.pop() if len(wanted) == 1 else None,
        most=size,
        start=start,
    )
    return _rows(found, asked.t)


def single(asked: Asked) -> Value:
    """Return one request."""
    found = asked.counter.listed(numbers=[_number(asked.path["number"])], most=1)
    if not found:
        raise Open311Error(404, f"there is no request {asked.path['number']}")
    return _rows(found, asked.t)


def token(asked: Asked) -> Value:
    """Return the number behind a token: a request has its number at once, so that it is its own token."""
    number = _number(asked.path["number"])
    if not asked.counter.listed(numbers=[number], most=1):
        raise Open311Error(404, f"there is no token {number}")
    return [{"service_request_id": str(number), "token": str(number)}]


def updates(asked: Asked) -> Value:
    """Return what happened to requests in a span, the oldest first."""
    since, until = asked.span()
    found = asked.counter.updates(since, until, *asked.paging)
    return [
        {
            "update_id": str(row["id"]),
            "service_request_id": str(row["number"]),
            "status": "closed" if row["what"] in {"confirmed", "expired"} else "open",
            "updated_datetime": w3c(row["at"]),
            "description": event_words({**row, "detail": {}}, asked.t),
        }
        for row in found
    ]


def report(asked: Asked) -> Value:
    """Take a report; return its number, and the link by which its author follows it."""
    _require_key(asked)
    if not asked.of("service_code"):
        raise Open311Error(400, "service_code: say which service, as the list of services has it")
    kind = _kind(asked, asked.of("service_code"))
    told = {n: asked.of(n) for n in ("description", "email", "phone")}
    more = {"kind": kind["code"], "community": _community(asked), "channel": "api", "language": asked.t.language}
    number, word = asked.counter.submit({**told, **more, "attributes": _attributes(asked, kind["attributes"])})
    link = f"{asked.origin}/{asked.t.language}/my-request/{number}/{word}"
    return [{"service_request_id": str(number), "service_notice": link, "account_id": None}]


def update(asked: Asked) -> Value:
    """Take what the author of a report adds: words, or that it is solved or is not. `word` is that of the link."""
    _require_key(asked)
    number, what = _number(asked.of("service_request_id")), "added"
    if asked.of("status"):
        what = {"closed": "confirmed", "open": "reopened"}.get(asked.of("status").lower(), "")
    if not what:
        raise Open311Error(400, "status: expected open or closed")
    asked.counter.act(number, asked.of("word"), what, {"comment": asked.of("description")})
    return [{"update_id": f"{number}-{what}"}]


def _require_key(asked: Asked) -> None:
    if not asked.of("api_key"):
        raise Open311Error(403, "api_key: sending needs a key")
    if not asked.counter.key_known(asked.of("api_key")):
        raise Open311Error(403, "api_key: this key is unknown or revoked")


def _community(asked: Asked) -> str:
    """Return the community that is meant by address_id, or by the position. Raises Open311Error."""
    if asked.of("address_id"):
        return asked.of("address_id")
    try:
        lat, lon = float(asked.of("lat")), float(asked.of("long"))
    except ValueError as err:
        raise Open311Error(400, "lat, long: give a position, or address_id with the name of the community") from err
    found = asked.counter.nearest(lat, lon) if abs(lat) <= 90 and abs(lon) <= 180 else None
    if found is None:
        raise Open311Error(400, "lat, long: no community is known within 3 km of this position: give address_id")
    return found


def _attributes(asked: Asked, known: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    """Return the attributes that were sent and are known. Raises Open311Error."""
    found: dict[str, str] = {}
    for each in known:
        sent = asked.of(f"attribute[{each['code']}]")
        if not sent:
            if each["required"]:
                raise Open311Error(400, f"attribute[{each['code']}]: is required")
            continue
        fits = {"number": _is_number(sent), "singlevaluelist": sent in each["values"]}.get(
            each["datatype"], len(sent) <= 200
        )
        if not fits:
            raise Open311Error(400, f"attribute[{each['code']}]: expected a {each['datatype']} of the definition")
        found[each["code"]] = sent
    return found


def _is_number(text: str) -> bool:
    return len(text) <= 20 and text.removeprefix("-").replace(".", "", 1).isdecimal()


def _number(text: str) -> int:
    wanted = text.strip()
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 19):
        raise Open311Error(404, f"service_request_id: {wanted!r:.40} is no number of a request")
    return int(wanted)


def _rows(rows: Sequence[RowMapping], t: Texts) -> Value:
    return [
        {
            "service_request_id": str(row["number"]),
            "status": "closed" if row["state"] == "closed" else "open",
            "status_notes": row["state"],
            "service_name": t.title(both(row, "title")),
            "service_code": row["kind"],
            "description": None,
            "agency_responsible": t.title(both(row, "body")),
            "service_notice": None,
            "requested_datetime": w3c(row["opened_at"]),
            "updated_datetime": w3c(row["updated_at"]),
            "expected_datetime": w3c(row["due_at"]),
            "address": f"{t.title(both(row, 'community'))}, {t.title(both(row, 'district'))}",
            "address_id": row["community"],
            "zipcode": None,
            "lat": row["lat"],
            "long": row["lon"],
            "media_url": None,
        }
        for row in rows
    ]
