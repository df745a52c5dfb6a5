"""Run every bench: `python tests/bench/run.py [name ...]`. Figures on stdout, progress on stderr."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# Only now: the checkout must be on the path first.
import browser
import ingest_rate
import latency
import reading_side
import receiving
import structlog
from figures import say
from rig import rig

STATIONS = 2500
BENCHES = {
    "receiving": receiving.measure,
    "latency": latency.measure,
    "browser": browser.measure,
    "ingest_rate": ingest_rate.measure,
    "reads": reading_side.measure,
}


def main(names):
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # figures alone on stdout
    chosen = names or list(BENCHES)
    unknown = set(chosen) - BENCHES.keys()
    if unknown:
        sys.exit(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    say(f"a city of {STATIONS} stations, the embedded broker and database, everything durable")
    with rig(STATIONS) as running:
        for name in chosen:
            say(f"{name} ...")
            BENCHES[name](running)


if __name__ == "__main__":
    main(sys.argv[1:])
