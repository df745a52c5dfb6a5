"""How much real dirt is found: `HEARTHLINE_REAL_DATA=FOLDER .venv/bin/python tests/bench/real_dirt.py`.

FOLDER holds the recordings of Niš as gzipped CSV (columns datetime, t_amb, ..., as in configs/recordings/README.md);
without it the excerpt in tests/cases/dirt is looked at. Labels are made by tests/rigs/dirt_labels.py, which knows
nothing of the code that is judged. Options: `--walk` looks as tend does, hour after hour, some minutes for five years;
`--alarms` lets the rules about sensors live through it.
"""

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "rigs")]

from dirt_labels import labelled  # noqa: E402 - the path comes first
from recorded_dirt import alarms, at_once, read_folder, shares, walked  # noqa: E402


def say(figures):
    sys.stdout.write(json.dumps(figures) + "\n")


def main(words):
    stations = read_folder(os.environ.get("HEARTHLINE_REAL_DATA", ROOT / "tests" / "cases" / "dirt"))
    labels = labelled({name: s.recorded() for name, s in stations.items()})
    flags = walked(stations) if "--walk" in words else at_once(stations)
    for name in stations:
        say({"station": name, **shares(labels[name], flags[name])})
    if "--alarms" in words:
        raised, told = alarms(stations)
        for name in stations:
            label = labels[name]
            good = ~(label.sentinel | label.frozen | label.offset | label.grey).any(axis=1)
            rules = {}
            for station, what, rule, *_ in told:
                if station == name and what == "raised":
                    rules[rule] = rules.get(rule, 0) + 1
            say({"station": name, "alarm_share_of_good_rows": float(raised[name][good].mean()), **rules})


if __name__ == "__main__":
    main(sys.argv[1:])
