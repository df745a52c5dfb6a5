"""Rules: one file each. Each file states one `RULE`; this page finds them.

A new rule is a new file here and, where its numbers differ from its defaults, a table of its name
in configs/rules.toml. Nothing else needs to be touched.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from application.rule import Parameters, Rule


class RuleError(Exception):
    """The rules or their parameters contradict themselves; the text lists every problem."""


def load_rules() -> MappingProxyType[str, Rule]:
    """Return every rule of this folder by name. Raises RuleError when a file states no RULE or two bear one name."""
    found: dict[str, Rule] = {}
    problems: list[str] = []
    for module in pkgutil.iter_modules(__path__):
        where = f"{__name__}.{module.name}"
        rule = getattr(importlib.import_module(where), "RULE", None)
        if not isinstance(rule, Rule):
            problems.append(f"{where} has no RULE of type Rule: end the file with RULE = Rule(...)")
        elif rule.name in found:
            problems.append(f"{where}: the rule {rule.name!r} is already taken: rename one of the two")
        else:
            found[rule.name] = rule
    if problems:
        raise RuleError("; ".join(problems))
    return MappingProxyType(dict(sorted(found.items())))


def tuned(rules: Mapping[str, Rule], tables: Mapping[str, Any]) -> tuple[tuple[Rule, Parameters], ...]:
    """Return each rule with its parameters: its defaults, overlaid with the table of its name.

    Raises RuleError that lists all problems at once: tables that name no rule, unknown or wrong values.
    """
    problems = [
        f"[{name}]: there is no such rule: use one of {', '.join(rules)}"
        for name in sorted(tables.keys() - rules.keys())
    ]
    pairs: list[tuple[Rule, Parameters]] = []
    for name, rule in rules.items():
        try:
            pairs.append((rule, rule.parameters.model_validate(tables.get(name, {}))))
        except ValidationError as err:
            problems += [f"[{name}] {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in err.errors()]
    if problems:
        raise RuleError("; ".join(problems))
    return tuple(pairs)
