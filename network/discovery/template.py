"""Templates: the few forms of value_template that only say where a value stands. All others are refused.

Home Assistant runs a template engine on what devices send; we recognise `{{ value }}`,
`{{ value_json.a.b }}`, `{{ value_json['a'][0] }}`, each with filters float, int and round, and run nothing.
"""

import re
from dataclasses import dataclass

from network.discovery.problem import DiscoveryProblem

_STEP = r"\.[A-Za-z_][A-Za-z0-9_]*|\[\s*(?:'[^'\\]*'|\"[^\"\\]*\"|\d{1,6})\s*\]"
_FILTER = r"\|\s*(?:float|int|round)\s*(?:\(\s*[-+0-9.,\s]*\))?"
_WHOLE = re.compile(rf"\s*\{{\{{-?\s*(value_json|value)((?:{_STEP})*)\s*((?:{_FILTER}\s*)*)-?\}}\}}\s*")
_STEPS = re.compile(_STEP)
_FILTERS = re.compile(r"\|\s*(float|int|round)\s*(?:\(\s*([-+0-9.,\s]*)\))?")
LONGEST = 500
_MOST_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: a JSON pointer, None: the payload itself is the value. `steps`: float, int, round:2."""

    pointer: str | None
    steps: tuple[str, ...] = ()


def place_of(template: str | None) -> Place:
    """Return where a template finds its value. Raises DiscoveryProblem for what is more than that."""
    if template is None:
        return Place(None)
    match = _WHOLE.fullmatch(template) if len(template) <= LONGEST else None
    if match is None or (match[1] == "value" and match[2]):
        raise DiscoveryProblem(
            f"value_template {template!r:.120} is more than a place: understood are {{{{ value }}}} and "
            "{{ value_json.name }}, each with | float, | int and | round"
        )
    steps = tuple(_step(word, argument) for word, argument in _FILTERS.findall(match[3]))
    if match[1] == "value":
        return Place(None, steps)
    keys = [_key(step) for step in _STEPS.findall(match[2])]
    return Place("".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys), steps)


def _key(step: str) -> str:
    return step[1:] if step.startswith(".") else step[1:-1].strip().strip("'\"")


def _step(word: str, argument: str) -> str:
    """Return a filter. A default that stands in for what is missing is left out: missing is not zero."""
    if word != "round":
        return word
    digits = argument.partition(",")[0].strip() or "0"
    if not digits.isdigit() or int(digits) > _MOST_DIGITS:
        raise DiscoveryProblem(f"round({argument[:20]}) is no number of digits from 0 to {_MOST_DIGITS}")
    return f"round:{digits}"


def stepped(value: object, steps: tuple[str, ...]) -> object:
    """Return a value after its filters; what is no number stays as it is, to be refused by name."""
    if not steps or value is None or isinstance(value, dict | list):
        return value
    try:
        number = float(value) if isinstance(value, str | int | float) else None
        if number is None:
            return value
        for step in steps:
            if step == "int":
                number = float(int(number))
            elif step.startswith("round:"):
                number = round(number, int(step[6:]))
    except (ValueError, OverflowError):
        return value
    return number
