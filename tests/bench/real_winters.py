"""Real winters: `.venv/bin/python tests/bench/real_winters.py FOLDER [--alarms FILE] [--rules FILE] [YEAR ...]`.

FOLDER holds the recordings of Niš as gzipped CSV (columns datetime, t_amb, ..., as in configs/recordings/README.md),
named ...L4.csv.gz and so on. A JSON line per season and rule: operator alarms, how many stand beside flagged values,
how many raw rows confirm or deny. `--alarms` keeps every alarm with its verdict as JSON Lines. A season takes a minute.
"""

import json
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "rigs")]

from recorded_winters import judged, lived, read_folder, seasons  # noqa: E402 - the path comes first

from application.instants import DAY  # noqa: E402

YEARS = (2021, 2022, 2023)


def told(season, alarms):
    """Yield a line of the season as a whole, and one per rule."""
    days = sum((s.ts[-1] - s.ts[0]) / DAY for s in season.stations.values())
    facts = {"season": season.name, "stations": len(season.stations), "station_days": round(days)}
    for rule in [None, *sorted({a["rule"] for a in alarms})]:
        mine = [a for a in alarms if rule in {None, a["rule"]}]
        shown = [a for a in mine if a["operator"]]
        yield {
            **facts, "rule": rule or "all", "raised": len(mine), "operator": len(shown),
            "operator_per_station_day": round(len(shown) / days, 4),
            "beside_flagged_values": sum(a["beside_trouble"] for a in shown),
            **dict(Counter(a["verdict"] for a in shown)),
        }  # fmt: skip


def main(words):
    def option(name):
        return words.pop(words.index(name) + 1) if name in words else None

    kept, rules = option("--alarms"), option("--rules")
    years = [int(w) for w in words if w.isdigit()] or YEARS
    folders = [w for w in words if not w.isdigit() and not w.startswith("--")]
    if len(folders) != 1 or not Path(folders[0]).is_dir():
        sys.exit(__doc__)
    stations = read_folder(folders[0])
    if not stations:
        sys.exit(f"{folders[0]}: no recording in it; expected gzipped CSV named like xai4heat_scada_L4.csv.gz")
    every = []
    for season in seasons(stations, years):
        alarms, flags = lived(season, *([Path(rules)] if rules else []))
        alarms = list(judged(season, alarms, flags))
        every += [{"season": season.name, **a} for a in alarms]
        for line in told(season, alarms):
            sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    if kept:
        Path(kept).write_text("".join(json.dumps(a) + "\n" for a in every))


if __name__ == "__main__":
    main(sys.argv[1:])
