"""Verbs about a running installation: run it, see what runs and how it does, where it listens."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from support.commands.signing import invited
from support.health import Asked, Probe
from support.home import Home, owned
from support.kind_files import KINDS_FOLDER, fingerprints, take_in
from support.kind_watch import KindWatch
from support.run_log import RunLog
from support.run_state import Entry, problems, read, status, sweep, write
from support.set_up import Listener, check_ports
from support.store import StoreDownError
from support.supervisor import Program, Supervisor

Web = Mapping[str, tuple[str, int]]
"""Host and port of each web application, by name."""


def programs(home: Home, web: Web, *, database_socket: Path | None, broker: str | None) -> list[Program]:
    """Return what to run: servers of our own (None: another's), the tables, then all that works with them.

    While the database is made, only what prepares it loads beside it; the rest loads after that.
    """

    def program(name: str, probe: Probe, *verb: str, **facts: Any) -> Program:
        return Program(name, (sys.executable, "-m", "hearthline", *(verb or (name,))), probe, **facts)

    def beating(name: str, *verb: str, **facts: Any) -> Program:
        return program(name, Probe(Asked.HEARTBEAT, str(home.run / f"{name}.json")), *verb, **facts)

    def page(name: str, **facts: Any) -> Program:
        host, port = web[name]
        return program(name, Probe(Asked.HTTP, f"http://{host}:{port}/readyz"), "serve", name, **facts)

    servers = []
    if database_socket is not None:
        probe = Probe(Asked.POSTGRES, str(database_socket))
        servers.append(program("postgres", probe, stop_signal=signal.SIGINT, stop_s=2.5))
    if broker is not None:
        servers.append(program("broker", Probe(Asked.TCP, broker)))
    first = tuple(server.name for server in servers)
    return [
        *servers,
        beating("seed", "seed", "--if-empty", after=first, loads_after=(), once=True),
        beating("ingest", after=("seed",), loads_after=first),
        page("console", after=("seed",), loads_after=first),
        beating("simulate", after=("seed",), loads_after=first),
        beating("tend", after=("seed",), yields_to=("console", "simulate")),
        page("portal", after=("seed",), yields_to=("console", "simulate")),
    ]


def listeners(web: Web, *, broker: str | None, port_v5: int = 0) -> list[Listener]:
    """Return the ports that a run needs; `port_v5`: of our own broker, for MQTT 5, 0 for none."""
    found = [Listener(name, host, port, f"{name}.port") for name, (host, port) in web.items()]
    if broker is not None:
        host, _, port = broker.rpartition(":")
        found.append(Listener("broker", host, int(port), "broker.port"))
        found += [Listener("broker for MQTT 5", host, port_v5, "broker.port_v5")] if port_v5 else []
    return found


def run(home: Home, plan: Sequence[Program], listeners: Sequence[Listener], addresses: Mapping[str, str]) -> int:
    """Supervise the programs until asked to stop; return the exit status.

    Raises AlreadyRunningError when somebody owns the home, PortTakenError when a port is not free.
    """
    began = time.monotonic()
    with owned(home):
        log = RunLog(home.log)
        try:
            for name in sweep(home):
                log.line("hearthline", f"ended {name}, which an earlier run had left behind")
            check_ports(listeners)
            log.line("hearthline", f"starting; home {home.root}, log {home.log}")
            return asyncio.run(_supervise(home, plan, addresses, log, began))
        finally:
            log.close()


async def _supervise(
    home: Home, plan: Sequence[Program], addresses: Mapping[str, str], log: RunLog, began: float
) -> int:
    copy, told = home.run / "kinds", _Told(home, addresses)
    before = fingerprints()
    take_in(copy, before)
    watching: list[asyncio.Task[None]] = []

    def announce() -> None:
        log.line("hearthline", f"everything is ready after {time.monotonic() - began:.1f} s:")
        for what, address in addresses.items():
            log.line("hearthline", f"  {what:<9} {address}")
        if "console" in addresses:
            log.show_once("hearthline", f"  sign in   {invited(home, addresses['console'])}")
            log.line("hearthline", "the sign-in serves one person within the hour; `hearthline sign-in` makes another")
        log.line("hearthline", "Ctrl-C stops it; `hearthline status` shows how it does")
        over = KindWatch(supervisor, copy, before, partial(log.line, "hearthline"), told.of_trouble)
        watching.append(asyncio.create_task(over.watch()))
        watching[0].add_done_callback(partial(_say_why, log))

    supervisor = Supervisor(
        plan, log=log, environment={**os.environ, KINDS_FOLDER: str(copy)}, changed=told.of_programs
    )
    try:
        return await supervisor.run(announce)
    finally:
        for task in watching:
            task.cancel()


def _say_why(log: RunLog, watching: "asyncio.Task[None]") -> None:
    if not watching.cancelled() and (err := watching.exception()) is not None:
        log.line("hearthline", f"perception/kinds is no longer watched, restart to watch it again: {err!r}")


class _Told:
    """What the state file says: the programs and what is wrong, whichever changed last."""

    def __init__(self, home: Home, addresses: Mapping[str, str]) -> None:
        self._home, self._addresses = home, addresses
        self._entries: Sequence[Entry] = ()
        self._problems: Sequence[str] = ()

    def of_programs(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._write()

    def of_trouble(self, problems: Sequence[str]) -> None:
        self._problems = problems
        self._write()

    def _write(self) -> None:
        write(self._home, self._entries, self._addresses, self._problems)


def told_status(home: Home, engine: Callable[[], str]) -> dict[str, object]:
    """Return {"processes": [{"name", "pid", "health", ...}], "addresses": {...}, "engine", "problems"} of this home.

    `engine` names the database server; what it raises as StoreDownError is told in its place.
    """
    _, addresses = read(home)
    processes = [
        {"name": s.name, "pid": s.pid, "health": s.health, "restarts": s.restarts, "detail": s.detail}
        for s in status(home)
    ]
    try:
        named = engine() if addresses else ""
    except StoreDownError as err:
        named = str(err)
    return {"processes": processes, "addresses": addresses, "engine": named, "problems": problems(home)}


def address_rows(addresses: Mapping[str, str], engine: str) -> list[dict[str, object]]:
    """Return the addresses as rows, and what the database is."""
    rows: list[dict[str, object]] = [{"what": what, "address": address} for what, address in addresses.items()]
    return [*rows, {"what": "engine", "address": engine}]
