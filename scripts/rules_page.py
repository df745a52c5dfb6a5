"""Write docs/rules.md from the rules and configs/rules.toml: python scripts/rules_page.py."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from application.rule import Rule  # noqa: E402 - the checkout comes first
from application.rules_file import read_rules  # noqa: E402
from application.tuning import Tuning  # noqa: E402

PAGE = ROOT / "docs" / "rules.md"
HEAD = """# The rules

What is watched: by fast rules at each reading, or the first of each minute, in the transaction that stores it; by
slow rules (`slow`) every ten minutes in `tend`, over means of hours and days and what each station taught. Numbers
stand in `configs/rules.toml` and differ by place and date where they must ([tune the rules](how-to/tune-the-rules.md));
`hearthline rules explain RULE` says cause, consequence and what to do. A rule whose points are missing, stale or bad
cannot tell: it neither raises nor clears. This page is written by `scripts/rules_page.py`.

| rule | what it means | raises when | for | priority | respond in |
|---|---|---|---|---|---|
"""


def page() -> str:
    """Return the page as it should stand."""
    return HEAD + "".join(_row(rule, tuning) for rule, tuning in read_rules(ROOT / "configs" / "rules.toml"))


def _row(rule: Rule, tuning: Tuning) -> str:
    first = (type(tuning.usual).__doc__ or "").strip().splitlines()[0].split(";")[0].rstrip(".")
    when = first.removeprefix("Raised ").removeprefix("when ")
    numbers = [f"`{name}` {value:g}" for name, value in tuning.usual if "delay" not in name and "deadband" not in name]
    told = f"{when} ({', '.join(numbers)})" if numbers else when
    meant = f"{rule.title.en}; {rule.title.zh}"
    meant += " (`slow`)" if rule.tempo == "slow" else ""
    spans = _span(tuning.usual.on_delay_s), rule.priority, _span(rule.respond_s)
    return "| " + " | ".join(map(str, (f"`{rule.name}`", meant, told, *spans))) + " |\n"


def _span(seconds: float) -> str:
    if not seconds:
        return "at once"
    unit, size = next((u, s) for u, s in (("h", 3600), ("min", 60), ("s", 1)) if seconds >= 2 * s or s == 1)
    return f"{seconds / size:g} {unit}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
