"""Figures: one JSON line each, on the screen and in build/bench.jsonl."""

import json
import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil

KEPT = Path(__file__).resolve().parents[2] / "build" / "bench.jsonl"
small = [False]
"""Whether this is a quick check: its figures say so, and bind nobody."""


def emit(name, value, unit, *, against=None, yardstick=None, target=None, **facts):
    """Tell a figure; `against` names its yardstick, which has the value `yardstick`; `target` is what the issue asks.

    `load` is the load average of the last minute: above the number of cores, others were at work.
    """
    figure = {"name": name, "value": _short(value), "unit": unit}
    if yardstick is not None:
        figure |= {"against": against, "yardstick": _short(yardstick), "ratio": round(value / yardstick, 3)}
    if target is not None:
        figure["target"] = target
    figure |= {fact: _short(said) for fact, said in facts.items()} | {"load": round(os.getloadavg()[0], 1)}
    if small[0]:
        figure["small"] = True
    _tell(figure)


def machine(server_version):
    """Tell on what all this was measured."""
    mosquitto = shutil.which("mosquitto")
    broker = _first_line([mosquitto, "-h"]) if mosquitto else "no mosquitto"
    _tell({
        "name": "machine", "cpu": _cpu(), "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": platform.platform(), "python": platform.python_version(), "database": server_version,
        "broker": broker.removesuffix("."), "durable": "fsync, synchronous_commit, full_page_writes on",
        "load": round(os.getloadavg()[0], 1),
    })  # fmt: skip


def say(text):
    """Tell on the error channel what goes on, so that the lines of figures stay pure."""
    sys.stderr.write(text + "\n")


def percentiles(samples):
    """Return the median and the 95th percentile."""
    return float(np.percentile(samples, 50)), float(np.percentile(samples, 95))


def median(samples):
    """Return the median of a few runs."""
    return float(np.median(samples))


def _tell(figure):
    sys.stdout.write(json.dumps(figure) + "\n")
    sys.stdout.flush()
    KEPT.parent.mkdir(exist_ok=True)
    with KEPT.open("a") as kept:
        kept.write(json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **figure}) + "\n")


def _short(value):
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return [_short(v) for v in value] if isinstance(value, list) else value


def _cpu():
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _first_line(command):
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return (said.stdout or said.stderr).splitlines()[0]
