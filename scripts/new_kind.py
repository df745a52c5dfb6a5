"""Begin a sensor kind: a working file in perception/kinds, cases of its messages, and the line in the changelog.

Run by `make new-kind name=valve_chamber`. Everything that it writes passes lint, types and tests as it is, and
a running Hearthline shows it at once; what a device of the kind really measures is for its author to say.
"""

import json
import keyword
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from perception.kinds import find_kinds  # noqa: E402 - the checkout is no installed package for a script

NAME = r"[a-z][a-z0-9_]{2,39}"
TAKEN_BY_THE_HOUSE = {
    "utils", "helpers", "common", "manager", "base", "misc", "core", "data", "process", "handler",
}  # fmt: skip

KIND = '''"""{name}: say in a line what a device of this kind is and where it stands.

Limits: say where each comes from, a data sheet or a standard; these here are an assumption. So is the behaviour.
"""

from collections.abc import Mapping

import numpy as np

from perception.point import Point, Title
from perception.sensor_kind import SensorKind
from perception.surroundings import Floats, Surroundings


def behaviour(around: Surroundings) -> Mapping[str, Floats]:
    """Follow the weather behind a wall, the day of the homes, and be opened now and then at work time."""
    at_work = (around.hour >= 8) & (around.hour < 17) & ~around.weekend
    opened = at_work & (around.chance(1800, 1) < 0.005)
    return {{
        "temperature": np.clip(12 + 0.3 * around.outdoor_c + 2 * around.drift(20_000, 1), -30, 60),
        "level": 0.2 + 0.3 * around.dice(1) + 0.2 * around.peak(8, 2) + 0.15 * around.peak(20, 3),
        "cover_open": np.where(opened, 1.0, 0.0),
    }}


KIND = SensorKind(
    name="{name}",
    title=Title(zh="{zh}", en="{en}"),
    interval_s=60,
    key_points=("temperature", "level"),
    behaviour=behaviour,
    points=(
        Point(
            name="temperature",
            title=Title(zh="温度", en="Temperature"),
            unit="Cel",
            low=-40,
            high=85,
            typical=(0, 30),
            noise=0.1,
        ),
        Point(
            name="level",
            title=Title(zh="液位", en="Level"),
            unit="m",
            low=0,
            high=3,
            typical=(0.1, 1),
            noise=0.005,
            decimals=2,
        ),
        Point(
            name="cover_open",
            title=Title(zh="盖打开", en="Cover open"),
            unit="1",
            low=0,
            high=1,
            event=True,
            decimals=0,
        ),
    ),
)
'''

CASES = (
    {"payload": {"temperature": 12.5, "level": 0.42}, "values": {"temperature": 12.5, "level": 0.42}},
    {"payload": {"level": 3.5}, "values": {"level": 3.5}, "not_good": ["level"]},
    {"payload": {"cover_open": True, "level": None}, "values": {"cover_open": 1}},
    {"payload": {"level": "high", "temperature": 1}, "values": {"temperature": 1}, "reason": "bad_point"},
    {"payload": {"no_such_point": 1}, "values": {}, "reason": "bad_point"},
)


def main(words: list[str]) -> None:
    """Check the name, write the files, say what comes next."""
    name = words[0] if words else ""
    refuse_bad(name)
    refuse_taken(name)
    title = name.replace("_", " ").capitalize()
    kind = ROOT / "perception" / "kinds" / f"{name}.py"
    cases = ROOT / "tests" / "cases" / "kinds" / f"{name}.json"
    kind.write_text(KIND.format(name=name, en=title, zh=f"{title} 传感器"), "utf-8")
    cases.write_text(cases_text(), "utf-8")
    log_change(name, title)
    print(f"written: {kind.relative_to(ROOT)}, {cases.relative_to(ROOT)}, a line in CHANGELOG.md")
    print("next: say in them what a device really measures, then `make lint` and")
    print(f"      .venv/bin/python -m pytest tests/contract/test_every_kind.py tests/cases -k {name}")
    print("a Hearthline that runs from this checkout shows it within some seconds, with a simulated device")


def refuse_bad(name: str) -> None:
    """End with a message unless the name can be that of a kind, a table, a file and a Python module."""
    if not re.fullmatch(NAME, name):
        sys.exit(f"{name!r} cannot name a kind: expected 3 to 40 of a-z, 0-9 and _, a letter first; "
                 "for example make new-kind name=valve_chamber")  # fmt: skip
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in TAKEN_BY_THE_HOUSE:
        sys.exit(f"{name!r} is a word of Python, or one that says nothing: choose the name of a thing")


def refuse_taken(name: str) -> None:
    """End with a message where the name is taken by a kind, whoever brings it, or by a file."""
    files = [ROOT / "perception" / "kinds" / f"{name}.py", ROOT / "tests" / "cases" / "kinds" / f"{name}.json"]
    there = [str(file.relative_to(ROOT)) for file in files if file.exists()]
    known = find_kinds().kinds
    if name in known or there:
        sys.exit(f"{name!r} is taken: {', '.join(there) or 'an installed package has this kind'}. "
                 f"There are {', '.join(known)}")  # fmt: skip


def cases_text() -> str:
    """Return the cases as JSON, a message a line."""
    whole = [{"payload": c["payload"], "values": c["values"], "not_good": c.get("not_good", []),
              "reason": c.get("reason")} for c in CASES]  # fmt: skip
    return "[\n" + ",\n".join(f"  {json.dumps(case)}" for case in whole) + "\n]\n"


def log_change(name: str, title: str) -> None:
    """Put a line before the first of the unreleased changes."""
    file = ROOT / "CHANGELOG.md"
    head, unreleased, rest = file.read_text("utf-8").partition("## Unreleased\n")
    before, bullet, after = rest.partition("\n- ")
    line = f"\n- **{title}.** A new sensor kind, `{name}`."
    if "\n## " in before:  # nothing is unreleased yet
        before, bullet, after = "", "\n", rest
    file.write_text(f"{head}{unreleased}{before}{line}{bullet}{after}", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
