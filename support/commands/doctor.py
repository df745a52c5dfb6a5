"""Doctor: look at everything that a run needs, and say for each thing what to do when it is not well."""

import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from support.commands.listing import Rows
from support.home import Home, is_owned
from support.set_up import Listener as Place
from support.set_up import PortTakenError, check_ports

if TYPE_CHECKING:
    from sqlalchemy import Engine

LEAST_FREE_GIB = 2.0
_GIB = 2**30


class Check(NamedTuple):
    """One thing to look at. `look` returns what it saw, or raises NotWellError. `optional`: a run works without it."""

    name: str
    look: Callable[[], str]
    remedy: str
    optional: bool = False


class NotWellError(Exception):
    """Something is not as it should be; the text says what."""


@dataclass(frozen=True, slots=True)
class Patient:
    """What a run is made of; each part is looked at when it is asked for, and may raise anything."""

    settings: Callable[[], object]
    home: Callable[[], Home]
    kinds: Callable[[], str]
    rules: Callable[[], str]
    cities: Callable[[], str]
    notifications: Callable[[], str]
    places: Callable[[], Sequence[Place]]
    engine: Callable[[], "Engine"]
    broker: Callable[[], tuple[str, int]]
    broker_remark: Callable[[], str]


def checks(patient: Patient) -> list[Check]:
    """Return what there is to look at, in the order in which a run needs it."""
    return [
        Check("python", python, "install Python 3.11 or newer, then: make run"),
        Check("settings", lambda: str(patient.settings()), "correct what is listed"),
        Check("home", lambda: str(patient.home().root), "choose another folder with HEARTHLINE_HOME"),
        Check("disk", lambda: disk(patient.home()), "make some room, or move HEARTHLINE_HOME"),
        Check("memory", memory, "end something else: 2 GiB are comfortable"),
        Check("kinds", patient.kinds, "correct the file that is named"),
        Check("rules", patient.rules, "correct the rules file: watch.rules says which"),
        Check("cities", patient.cities, "correct the file that is named"),
        Check("notifications", patient.notifications, "hearthline notify check names each problem"),
        Check("ports", lambda: ports(patient.places(), running=is_owned(patient.home())), "see there"),
        Check("database", lambda: database(patient.engine), "hearthline run, or set database.url"),
        Check("broker", lambda: broker(*patient.broker()), "hearthline run, or set broker.url"),
        Check("what the broker keeps", patient.broker_remark, ""),
        Check("mosquitto_pub", lambda: program("mosquitto_pub"), "apt-get install mosquitto-clients", optional=True),
        Check("chromium", lambda: program("chromium"), "for tests: apt-get install chromium", optional=True),
    ]


def examine(checks: Sequence[Check]) -> Rows:
    """Return a row per check; `remedy` is empty where all is well."""
    return [_looked(check) for check in checks]


def _looked(check: Check) -> dict[str, object]:
    try:
        seen = check.look()
    except NotWellError as err:
        return {"check": check.name, "ok": False, "seen": str(err), "remedy": check.remedy, "optional": check.optional}
    return {"check": check.name, "ok": True, "seen": seen, "remedy": "", "optional": check.optional}


def database(engine: Callable[[], "Engine"]) -> str:
    """Look at the database: whether it answers, what it is, what is in it."""
    from sqlalchemy import text

    from support.servers import find

    with engine().connect() as on:
        found = find(on)
        devices = on.execute(text("select count(*) from device")).scalar_one()
    if not devices:
        raise NotWellError(f"{found} answers, but the catalogue is empty: hearthline seed")
    return f"{found}, {devices} devices: {found.server.meaning}"


def server_name(engine: Callable[[], "Engine"]) -> str:
    """Return what the database server is, with its licence. Raises StoreDownError."""
    from support.postgres.transact import transaction
    from support.servers import find

    with transaction(engine()) as on:
        return str(find(on))


def broker(host: str, port: int) -> str:
    """Look whether something accepts at the broker's address."""
    with socket.create_connection((host, port), timeout=2):
        return f"{host}:{port} accepts connections"


def python() -> str:
    """Look at the interpreter."""
    if sys.version_info < (3, 11):  # noqa: UP036 - somebody may start it with another interpreter
        raise NotWellError(f"Python {platform.python_version()}")
    return f"Python {platform.python_version()} in {sys.prefix}"


def disk(home: Home) -> str:
    """Look at the room on the home's disk."""
    free = shutil.disk_usage(home.root).free / _GIB
    if free < LEAST_FREE_GIB:
        raise NotWellError(f"{free:.1f} GiB free at {home.root}")
    return f"{free:.0f} GiB free at {home.root}"


def memory() -> str:
    """Look at the memory."""
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") / _GIB
    if gib < 1:
        raise NotWellError(f"{gib:.1f} GiB available")
    return f"{gib:.1f} GiB available"


def ports(places: Sequence[Place], *, running: bool) -> str:
    """Look whether the ports are free, or our own run's."""
    if running:
        return "in use by this home's own run"
    try:
        check_ports(places)
    except PortTakenError as err:
        raise NotWellError(str(err)) from err
    return ", ".join(f"{place.what} {place.port}" for place in places) + " free"


def program(name: str) -> str:
    """Look for a program on the path."""
    found = shutil.which(name)
    if found is None:
        raise NotWellError("not installed")
    return found
