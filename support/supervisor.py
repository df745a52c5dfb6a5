"""Supervisor SPINE: start every program in its turn, keep it alive, stop all in reverse order.

Children stand in sessions of their own, so that Ctrl-C reaches the supervisor alone, and die with
it: each asks the kernel for that at its start (stopping.die_with_supervisor). A program that is
started ahead of its turn loads while others come up, and waits at stopping.await_turn.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import psutil

from support.health import Answer, Probe, ask
from support.run_log import RunLog
from support.run_state import Entry
from support.set_up import CONFIGURATION_EXIT
from support.stopping import SUPERVISOR_PID, TURN_ON_INPUT

FIRST_DELAY_S, LONGEST_DELAY_S, PROVEN_S = 0.2, 30.0, 20.0
ASK_EAGERLY_S, ASK_CALMLY_S, REMIND_S = 0.05, 1.0, 15.0
STOP_WITHIN_S, POLITE_S, RENEW_S = 4.5, 10.0, 20.0


class State(StrEnum):
    """Where a program is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    DONE = "done"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `once`: runs to its end, and is ready then; otherwise it is kept alive.

    `after` must be ready before its turn comes. `loads_after`: its process starts as soon as these
    are ready, loads, and waits for its turn; None: it starts in its turn. `yields_to`: it gives these
    ten seconds to be ready first, since people wait for them.
    """

    name: str
    argv: Sequence[str]
    probe: Probe
    after: Sequence[str] = ()
    yields_to: Sequence[str] = ()
    loads_after: Sequence[str] | None = None
    once: bool = False
    stop_s: float = 1.5
    stop_signal: signal.Signals = signal.SIGTERM


@dataclass(slots=True)
class _Child:
    program: Program
    state: State = State.WAITING
    process: asyncio.subprocess.Process | None = None
    created: float | None = None
    restarts: int = -1
    its_turn: bool = False
    renewed: bool = False
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def entry(self) -> Entry:
        pid = None if self.process is None else self.process.pid
        return Entry(self.program.name, self.state, pid, self.created, max(self.restarts, 0), self.program.probe)


class Supervisor:
    """Runs programs, each in its turn. They are given in an order in which each stands behind those it is after."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        log: RunLog,
        environment: Mapping[str, str],
        changed: Callable[[Sequence[Entry]], None],
    ) -> None:
        self._children = {program.name: _Child(program) for program in programs}
        self._log = log
        self._environment = {**environment, SUPERVISOR_PID: str(os.getpid()), "PYTHONUNBUFFERED": "1"}
        self._changed = changed
        self._stopping = asyncio.Event()
        self._problem = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, started: Callable[[], None]) -> int:
        """Start all, call `started` once all are ready, keep them until a signal, stop all. Returns the exit status."""
        self._listen_for_signals()
        stopped = asyncio.ensure_future(self._stopping.wait())
        starting = asyncio.ensure_future(self._start())
        await asyncio.wait({stopped, starting}, return_when=asyncio.FIRST_COMPLETED)
        if not self._stopping.is_set():
            started()
            await stopped
        starting.cancel()
        await self._stop()
        return 1 if self._problem else 0

    def stop(self) -> None:
        """Ask for a clean stop; a second time: kill what is left."""
        if self._stopping.is_set():
            for child in self._children.values():
                _signal(child, signal.SIGKILL)
        self._stopping.set()

    async def renew(self, name: str) -> bool:
        """Stop a program and start it again at once, without a fault; return whether it was ready again in time."""
        child, until = self._children[name], time.monotonic() + RENEW_S
        former, child.renewed = child.process, child.process is not None
        _signal(child, child.program.stop_signal)
        await _gone([child], child.program.stop_s)
        if child.process is former:
            _signal(child, signal.SIGKILL)
        while child.process in {None, former} or child.state is not State.READY:
            if time.monotonic() > until or self._stopping.is_set():
                return False
            await asyncio.sleep(ASK_EAGERLY_S)
        return True

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)

    async def _start(self) -> None:
        for child in self._children.values():
            self._tasks.add(asyncio.create_task(self._bring_up(child)))
        await asyncio.gather(*(self._until_ready(child) for child in self._children.values()))

    async def _bring_up(self, child: _Child) -> None:
        ahead = child.program.loads_after
        if ahead is not None:
            await asyncio.gather(*(self._children[name].ready.wait() for name in ahead))
            self._tasks.add(asyncio.create_task(self._keep(child)))
        await asyncio.gather(*(self._children[name].ready.wait() for name in child.program.after))
        polite = [asyncio.ensure_future(self._children[name].ready.wait()) for name in child.program.yields_to]
        if polite:
            await asyncio.wait(polite, timeout=POLITE_S)
        child.its_turn = True
        if ahead is not None:
            _give_turn(child)
        else:
            await self._keep(child)

    async def _until_ready(self, child: _Child) -> None:
        began = time.monotonic()
        while not child.ready.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.ready.wait(), REMIND_S)
                return
            if child.its_turn:
                self._say(f"still waiting for {child.program.name} ({time.monotonic() - began:.0f} s)")

    async def _keep(self, child: _Child) -> None:
        delay = FIRST_DELAY_S
        while not self._stopping.is_set():
            began = time.monotonic()
            status = await self._live(child)
            if child.renewed and not self._stopping.is_set():
                child.renewed, child.restarts = False, child.restarts - 1
                continue
            if self._stopping.is_set() or self._is_final(child, status):
                return
            delay = FIRST_DELAY_S if time.monotonic() - began > PROVEN_S else delay
            self._become(child, State.FAILED)
            self._say(f"{child.program.name} ended ({_how(status)}); starts again in {delay:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
            delay = min(delay * 2, LONGEST_DELAY_S)

    def _is_final(self, child: _Child, status: int) -> bool:
        """Return whether a program is not to be started again: it is done, or a person has to act first."""
        if child.program.once and status == 0:
            self._become(child, State.DONE)
            child.ready.set()
            return True
        if child.program.once or status == CONFIGURATION_EXIT:
            self._say(f"{child.program.name} cannot go on ({_how(status)}): see its lines above. Stopping.")
            self._problem = True
            self._stopping.set()
            return True
        return False

    async def _live(self, child: _Child) -> int:
        """One life of a program, from start to its exit status."""
        waits = not child.its_turn
        process = await asyncio.create_subprocess_exec(
            *child.program.argv,
            stdin=asyncio.subprocess.PIPE if waits else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**self._environment, **({TURN_ON_INPUT: "1"} if waits else {})},
            start_new_session=True,
        )
        child.process, child.restarts, child.created = process, child.restarts + 1, _created(process.pid)
        child.gone.clear()
        self._become(child, State.STARTING)
        if waits and child.its_turn:  # it came while the process was made
            _give_turn(child)
        watching = asyncio.create_task(self._watch(child))
        assert process.stdout is not None
        reading = asyncio.create_task(self._read(child.program.name, process.stdout))
        status = await process.wait()
        watching.cancel()
        # Grandchildren may hold the pipe open; what the program itself said is here at once.
        await asyncio.wait({reading}, timeout=0.2)
        reading.cancel()
        child.process = None
        child.gone.set()
        return status

    async def _read(self, name: str, stream: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await stream.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._log.line(name, line.decode(errors="replace"))
        if rest:
            self._log.line(name, rest.decode(errors="replace"))

    async def _watch(self, child: _Child) -> None:
        """Follow the health of one life: say when it becomes ready, and when it no longer is."""
        began, ready = time.monotonic(), False
        while child.process is not None and not child.program.once:
            if not child.its_turn:
                await asyncio.sleep(ASK_EAGERLY_S)
                continue
            answer: Answer = await asyncio.to_thread(ask, child.program.probe, child.process.pid)
            if answer.ready and not child.ready.is_set():
                self._say(f"{child.program.name} is ready ({time.monotonic() - began:.1f} s)")
            if answer.ready != ready:
                ready = answer.ready
                self._become(child, State.READY if ready else State.STARTING)
            if ready:
                child.ready.set()
            await asyncio.sleep(ASK_CALMLY_S if ready else ASK_EAGERLY_S)

    async def _stop(self) -> None:
        """Stop stage after stage in reverse order: each is asked, and killed when it does not heed."""
        began = time.monotonic()
        deadline = began + STOP_WITHIN_S
        self._say("stopping ...")
        for rank in self._ranks():
            living = [child for child in rank if child.process is not None]
            for child in living:
                _signal(child, child.program.stop_signal)
            patience = max((child.program.stop_s for child in living), default=0.0)
            await _gone(living, min(patience, deadline - time.monotonic()))
            for child in (c for c in living if c.process is not None):
                self._say(f"{child.program.name} did not stop in time and is killed")
                _signal(child, signal.SIGKILL)
            await _gone(living, 0.5)
        for child in self._children.values():
            _signal(child, signal.SIGKILL)  # one that was being started while we stopped the others
            self._become(child, State.STOPPED)
        self._say(f"stopped in {time.monotonic() - began:.1f} s")

    def _ranks(self) -> list[list[_Child]]:
        """Return the children so that each stands before those it needs: the order of stopping."""
        rank: dict[str, int] = {}
        for name, child in self._children.items():
            rank[name] = 1 + max((rank[other] for other in child.program.after), default=0)
        return [
            [self._children[name] for name in rank if rank[name] == height]
            for height in sorted(set(rank.values()), reverse=True)
        ]

    def _become(self, child: _Child, state: State) -> None:
        child.state = state
        self._changed([c.entry() for c in self._children.values() if not c.program.once])

    def _say(self, text: str) -> None:
        self._log.line("hearthline", text)


async def _gone(children: Sequence[_Child], within_s: float) -> None:
    waits = [asyncio.ensure_future(c.gone.wait()) for c in children if c.process is not None]
    if waits:
        await asyncio.wait(waits, timeout=max(within_s, 0.0))


def _signal(child: _Child, number: signal.Signals) -> None:
    """Signal a program; SIGKILL goes to its whole session, so that nothing of it stays behind."""
    if child.process is None:
        return
    with contextlib.suppress(ProcessLookupError):
        if number is signal.SIGKILL:
            os.killpg(child.process.pid, number)
        else:
            child.process.send_signal(number)


def _give_turn(child: _Child) -> None:
    """Tell a process that waits at await_turn; one that is being started is told when it is there."""
    if child.process is not None and child.process.stdin is not None:
        child.process.stdin.write(b"\n")


def _how(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _created(pid: int) -> float | None:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None
