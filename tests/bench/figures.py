"""Figures: one JSON line each, on the screen and in build/bench.jsonl."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

KEPT = Path(__file__).resolve().parents[2] / "build" / "bench.jsonl"


def emit(name, value, unit, *, against=None, yardstick=None, **facts):
    """Tell a figure; `against` names its yardstick, which has the value `yardstick`."""
    figure = {"name": name, "value": _short(value), "unit": unit}
    if yardstick is not None:
        figure |= {"against": against, "yardstick": _short(yardstick), "ratio": round(value / yardstick, 3)}
    figure |= facts
    sys.stdout.write(json.dumps(figure) + "\n")
    sys.stdout.flush()
    KEPT.parent.mkdir(exist_ok=True)
    with KEPT.open("a") as kept:
        kept.write(json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **figure}) + "\n")


def say(text):
    """Tell on the error channel what goes on, so that the lines of figures stay pure."""
    sys.stderr.write(text + "\n")


def percentiles(samples):
    """Return the median and the 95th percentile."""
    return float(np.percentile(samples, 50)), float(np.percentile(samples, 95))


def _short(value):
    return float(f"{value:.4g}") if isinstance(value, float) else value
