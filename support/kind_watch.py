"""Kind watch: notices that perception/kinds has changed while everything runs, and brings the change into use.

What is new is checked and adopted by a process of its own. Only when that went well does it reach the others:
a new kind joins those that they know while they run (kind_files.TakenIn), and only the pretend world, which
has to be built anew around its device, is started again; where a kind has changed, all that know kinds are, in
turn. Otherwise nothing is, and what is wrong is said in the log and on `status`.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from support.kind_files import KINDS_FOLDER, LARGEST, TOO_LARGE, fingerprints, take_in

LOOK_S = 0.5
ADOPT_WITHIN_S, AGAIN_S = 60.0, 30.0
FOR_NEW: Sequence[Sequence[str]] = (("simulate",),)
FOR_CHANGED: Sequence[Sequence[str]] = (("ingest",), ("simulate", "console"), ("tend",))
"""Who is started again, rank after rank: first whoever keeps what is said, then those who speak and show."""

MOST_SAID = 64 * 1024
"""Bytes that are kept of what a check says."""
IN_USE = "every kind is in use"
"""What adopt says at its end, and nobody else does."""
_TOLD = 3
"""Lines that `status` shows: of a traceback the last ones say what it is."""

Say = Callable[[str], None]

_LAST_WORDS_S = 2.0


class Renewing(Protocol):
    """Whoever can start a program again."""

    async def renew(self, name: str) -> bool:
        """Stop it and start it again at once; return whether it was ready again in time."""


class KindWatch:
    """Watches over perception/kinds for one run. `before` is what was taken in at its start, as `copy` holds it.

    `trouble` is told what is wrong with the files right now, nothing when they are well.
    """

    def __init__(
        self, supervisor: Renewing, copy: Path, before: Mapping[str, str], say: Say,
        trouble: Callable[[Sequence[str]], None],
    ) -> None:  # fmt: skip
        self._supervisor, self._copy, self._say, self._trouble = supervisor, copy, say, trouble
        self._taken = self._refused = dict(before)
        self._problems: list[str] = []
        self._again_at = 0.0

    async def watch(self) -> None:
        """Look twice a second, for ever. What was refused is tried again at times: devices may have been retired."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = await asyncio.to_thread(fingerprints)
            if now == self._taken:
                self._settle(now)
            elif now != self._refused or time.monotonic() > self._again_at:
                await asyncio.sleep(LOOK_S)
                if await asyncio.to_thread(fingerprints) == now:  # otherwise it is still being written
                    await self._try(now)

    def _settle(self, now: dict[str, str]) -> None:
        self._taken = self._refused = now
        if self._problems:
            self._problems = []
            self._trouble(())

    async def _try(self, now: dict[str, str]) -> None:
        began, what, again = time.monotonic(), _named(self._taken, now), now == self._refused
        if not again:
            self._say(f"{what}: checking")
        large = [name for name, fingerprint in now.items() if fingerprint == TOO_LARGE]
        if large:
            self._refuse(now, what, [f"{', '.join(large)}: a file of a kind has at most {LARGEST >> 20} MiB"])
            return
        only_new = self._taken.items() <= now.items()
        status, lines = await _adopt(*(("--only-new",) if only_new else ()))
        if status != 0:
            self._refuse(now, what, lines or [f"hearthline adopt ended with exit status {status}"])
            return
        await asyncio.to_thread(take_in, self._copy, now)
        self._settle(now)
        for line in lines:
            self._say(line)
        for rank in FOR_NEW if only_new else FOR_CHANGED:
            await asyncio.gather(*(self._supervisor.renew(name) for name in rank))
        self._say(f"{what}: taken in after {time.monotonic() - began:.1f} s")

    def _refuse(self, now: dict[str, str], what: str, problems: list[str]) -> None:
        self._again_at = time.monotonic() + AGAIN_S
        if now == self._refused and problems == self._problems:
            return
        self._refused, self._problems = now, problems
        for line in problems:
            self._say(line)
        self._say(f"{what}: not taken in, nothing is started again; the platform goes on with the kinds that it has")
        self._trouble([f"{what}: {'; '.join(problems[-_TOLD:])}"])


async def _adopt(*options: str) -> tuple[int, list[str]]:
    """Run the check in a process of its own: a file may do anything while it is loaded. Return its status and lines."""
    environment = {k: v for k, v in os.environ.items() if k != KINDS_FOLDER}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hearthline", "adopt", *options, env=environment, start_new_session=True,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        said = await asyncio.wait_for(_heard(process), ADOPT_WITHIN_S)
    except (TimeoutError, asyncio.CancelledError) as err:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with whatever a file has started
        with suppress(TimeoutError):  # who took the pipe along into a session of its own may keep it open
            await asyncio.wait_for(process.communicate(), _LAST_WORDS_S)
        if isinstance(err, asyncio.CancelledError):
            raise
        return 1, [f"it did not come to an end within {ADOPT_WITHIN_S:.0f} s"]
    lines = [line.rstrip().removeprefix("hearthline: ") for line in said.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line]
    if process.returncode:
        return process.returncode, lines
    if IN_USE not in lines:  # a file has ended the process, and said that all is well
        return 1, [*lines, "the check ended before every kind was checked"]
    return 0, [line for line in lines if line != IN_USE]


async def _heard(process: asyncio.subprocess.Process) -> bytes:
    """Return the end of what a process said, when it has ended: a file may say anything, and for ever."""
    assert process.stdout is not None, "it is a pipe"
    said = b""
    while more := await process.stdout.read(MOST_SAID):
        said = (said + more)[-MOST_SAID:]
    await process.wait()
    return said


def _named(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return which files are new, changed or gone."""
    changed = {
        "new": sorted(now.keys() - before.keys()),
        "changed": sorted(name for name in now.keys() & before.keys() if now[name] != before[name]),
        "gone": sorted(before.keys() - now.keys()),
    }
    return "; ".join(f"perception/kinds/{', '.join(names)} {how}" for how, names in changed.items() if names)
