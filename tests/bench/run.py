"""Run every bench: `python tests/bench/run.py [--small] [name ...]`. Figures on stdout, progress on stderr.

`--small` is a quick check that everything works; its figures are marked and mean nothing.
"""

import importlib
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# Only now: the checkout must be on the path first.
import structlog
from figures import machine, say, small
from rig import rig

STATIONS, FEW_STATIONS = 2500, 600
BENCHES = (
    "physics", "rules_speed", "inlets", "receiving", "copy_path", "ingest_rate", "redelivery", "latency",
    "steady_latency", "alarm_latency", "browser", "backfill", "sizes", "rollup_share", "fleet", "memory", "storm",
)  # fmt: skip
"""Each a module of this folder with `measure(rig)`; the long ones last."""
ASKED_FOR = ("peers", "reads")
"""Run when they are named: the peers must be installed (`make bench-peers`), and the reads load many values first."""


def main(words):
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # figures alone on stdout
    small[0] = "--small" in words
    chosen = [word for word in words if word != "--small"] or list(BENCHES)
    unknown = set(chosen) - {*BENCHES, *ASKED_FOR}
    if unknown:
        sys.exit(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join((*BENCHES, *ASKED_FOR))}")
    stations = FEW_STATIONS if small[0] else STATIONS
    say(f"a city of {stations} stations, the embedded broker and database, everything durable")
    failed = []
    with rig(stations, small=small[0]) as running:
        machine(running.ask("select split_part(version(), ' on ', 1)")[0][0])
        for name in chosen:
            say(f"{name} ...")
            began = time.monotonic()
            try:
                importlib.import_module(name).measure(running)
            except Exception:  # noqa: BLE001 - told, and the benches after it are run all the same
                failed.append(name)
                say(traceback.format_exc())
            say(f"{name} took {time.monotonic() - began:.0f} s")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
