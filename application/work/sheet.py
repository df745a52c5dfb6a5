"""Sheet: a work order as a line, as a sheet to take along, and as facts for programs."""

from collections.abc import Mapping
from dataclasses import asdict

from application.instants import moment
from application.work.view import OrderEntry, OrderRow

_TIMES = ("opened_at", "respond_by", "due_at", "state_at", "arrived_at", "done_at", "closed_at", "at", "recorded_at",
          "cleared_at")  # fmt: skip
_TITLES = ("title", "advice", "station_title", "responsibility_title", "legal", "body_title")


def facts(row: OrderRow) -> Mapping[str, object]:
    """Return an order for programs: every fact, titles as objects, times as ISO 8601."""
    return dated(
        asdict(row)
        | {n: getattr(row, n).model_dump() for n in _TITLES}
        | {"supporting": [t.model_dump() for t in row.supporting]}
    )


def dated(row: Mapping[str, object]) -> Mapping[str, object]:
    """Return a row with its times as ISO 8601."""

    def told(key: str, value: object) -> object:
        if key == "detail" and isinstance(value, dict) and "cleared_at" in value:
            return value | {"cleared_at": moment(value["cleared_at"]).isoformat(timespec="seconds")}
        return moment(value * 1000).isoformat(timespec="seconds") if key in _TIMES and isinstance(value, int) else value

    return {key: told(key, value) for key, value in row.items()}


def told_of(entry: OrderEntry) -> Mapping[str, object]:
    """Return an entry of a journal as a line for people."""
    row = dated(asdict(entry))
    detail = {key: ", ".join(map(str, v)) if isinstance(v, list) else v for key, v in dict(entry.detail).items()}
    return {**row, "detail": dated({"detail": detail})["detail"]}


def line(row: OrderRow) -> Mapping[str, object]:
    """Return an order as a line of a list."""
    told = dated(asdict(row))
    return {
        "order": row.number,
        "priority": row.priority,
        "state": row.state.replace("_", " "),
        "overdue": row.overdue,
        "what": row.title.en,
        "station": row.station,
        "for": row.scope if not row.scope.startswith("station:") else "",
        "body": row.body,
        "assignee": row.assignee or "",
        "due": told["due_at"],
        "stands": row.standing > 0,
    }


def sheet(row: OrderRow) -> Mapping[str, object]:
    """Return an order as a sheet that somebody takes along."""
    told = dated(asdict(row))
    helpers = ", ".join(t.en for t in row.supporting)
    return {
        "what": f"{row.title.en} ({row.title.zh})",
        "where": f"{row.station_title.en} ({row.station}), for {row.scope}",
        "state": row.state.replace("_", " ") + (f", overdue to {row.overdue}" if row.overdue else ""),
        "priority": row.priority,
        "to do": row.advice.en,
        "answers for it": f"{row.body_title.en} ({row.responsibility}{f'; helped by {helpers}' if helpers else ''})",
        "ground": row.legal.en,
        "assigned to": row.assignee,
        "opened": told["opened_at"],
        "on site by": told["respond_by"],
        "repaired by": told["due_at"],
        "spent": f"{row.minutes} min" + "".join(f", {part}" for part in row.parts),
        "alarms": f"{row.alarms}, {row.standing} of them stand",
    }
