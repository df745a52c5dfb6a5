"""Run every check of `make test`: lint and half of the tests here, and at the same time the other half in a log.

Tests with a broker and a database mostly wait for other processes, the quick ones mostly compute; one after the other
they leave a core idle for minutes. What the long half says is followed once the quick one has ended: nothing is mixed.

Usage: side_by_side.py QUICK... -- LONG... with the folders of tests. Lint is the target `lint` of MAKE.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

LOG = Path("build/long-tests.log")
LOOK_EVERY_S = 0.5
INTERRUPTED = 130

Running = subprocess.Popen[bytes]


def say(words: str) -> None:
    sys.stdout.write(f"[test] {words}\n")
    sys.stdout.flush()


def start(folders: list[str], log: IO[bytes] | None = None) -> Running:
    """Test these folders in a process group of its own: Ctrl-C comes to us alone, and we hand it on once."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *folders], stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
    )


def follow(running: Running) -> int:
    """Show what the log holds and what comes, until the process has ended; return its exit code."""
    with LOG.open("rb") as log:
        while True:
            code = running.poll()
            sys.stdout.buffer.write(log.read())
            sys.stdout.buffer.flush()
            if code is not None:
                return code
            try:
                running.wait(LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                continue


def end(running: Running) -> None:
    """Have it take down what it has started, as Ctrl-C does, and wait for that."""
    if running.poll() is None:
        running.send_signal(signal.SIGINT)
    running.wait()


def run(quick: list[str], long: list[str], started: list[Running]) -> int:
    """Return 0 if everything is well, else the first exit code that is not. What was started is added to the list."""
    with LOG.open("wb") as log:
        started.append(start(long, log))
    lint = subprocess.call([os.environ.get("MAKE", "make"), "--no-print-directory", "lint"])
    if lint:
        return lint
    say(f"the long tests run beside the quick ones; what they say is in {LOG} and follows here")
    started.append(start(quick))
    codes = started[1].wait(), follow(started[0])
    return next((code for code in codes if code), 0)


def main(words: list[str]) -> int:
    place, started = words.index("--"), list[Running]()
    LOG.parent.mkdir(exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return run(words[:place], words[place + 1 :], started)
    except KeyboardInterrupt:
        say("interrupted; everything that was started is being taken down")
        return INTERRUPTED
    finally:
        for running in started:
            end(running)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
