"""Keeping: orders on disk, so that a restart of the simulator neither forgets what is in force nor obeys twice."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import structlog

from network.orders import Answer, Order, State
from perception.sensor_kind import SensorKind
from simulators.obedience.controller import Controller, Heard
from simulators.obedience.standing import Standing, Stays

_VERSION = 1
_log = structlog.get_logger()


def save(file: Path, controllers: Mapping[str, Controller]) -> None:
    """Write every device that has heard something; the file is the old one or the new one, never half of it."""
    devices = {name: _told(c) for name, c in controllers.items() if c.heard}
    fresh = file.with_suffix(".new")
    with fresh.open("wb") as out:
        out.write(msgspec.json.encode({"version": _VERSION, "devices": devices}))
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)


def load(file: Path, kinds: Mapping[str, SensorKind]) -> dict[str, Controller]:
    """Return the controllers of these devices (kind by name). A file that cannot be read is said and passed over."""
    try:
        body = msgspec.json.decode(file.read_bytes())
        known = body["devices"] if body["version"] == _VERSION else {}
        return {name: _read(kind, known[name]) if name in known else Controller(kind) for name, kind in kinds.items()}
    except FileNotFoundError:
        pass
    except (OSError, ValueError, TypeError, KeyError, AttributeError, msgspec.DecodeError) as err:
        _log.warning("orders_forgotten", file=str(file), cause=str(err), remedy="delete the file; send orders again")
    return {name: Controller(kind) for name, kind in kinds.items()}


def _told(controller: Controller) -> dict[str, Any]:
    return {
        "standing": {
            k: {"args": dict(v.args), "since": v.since, "until": v.until} for k, v in controller.standing.orders.items()
        },
        "heard": [
            {
                "order": {**asdict(h.order), "args": dict(h.order.args)},
                "since": h.since,
                "answers": [asdict(a) for a in h.answers],
            }
            for h in controller.heard.values()
        ],
    }


def _read(kind: SensorKind, told: Mapping[str, Any]) -> Controller:
    standing = Standing({k: Stays(v["args"], v["since"], v["until"]) for k, v in told["standing"].items()})
    heard = [
        Heard(Order(**h["order"]), h["since"], tuple(Answer(**{**a, "state": State(a["state"])}) for a in h["answers"]))
        for h in told["heard"]
    ]
    return Controller(kind, standing, {h.order.id: h for h in heard})
