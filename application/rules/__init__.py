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

from application.own_rules import numbers_of, own_rules
from application.rule import Rule, RuleError
from application.tuning import Tuning, TuningError, complaints, ordered, variant_of

EXCEPT, OWN = "except", "own"
__all__ = ["RuleError", "load_rules", "tuned"]


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


def tuned(rules: Mapping[str, Rule], tables: Mapping[str, Any]) -> tuple[tuple[Rule, Tuning], ...]:
    """Return each rule with its numbers: its defaults, overlaid with the table of its name and its exceptions there.

    The rules of one's own, tables under `own`, follow. Raises RuleError that lists all problems at once: tables
    that name no rule, unknown or wrong values, exceptions that name no place.
    """
    own, problems = own_rules(tables.get(OWN, {}), rules)
    every = {**rules, **own}
    told = {**{k: v for k, v in tables.items() if k != OWN}, **numbers_of(tables.get(OWN, {}))}
    problems += [
        f"[{name}]: there is no such rule: use one of {', '.join(rules)}" for name in sorted(told.keys() - every.keys())
    ]
    pairs: list[tuple[Rule, Tuning]] = []
    for name, rule in every.items():
        try:
            pairs.append((rule, _tuning(rule, told.get(name, {}))))
        except RuleError as err:
            problems.append(str(err))
    if problems:
        raise RuleError("; ".join(problems))
    return tuple(pairs)


def _tuning(rule: Rule, table: object) -> Tuning:
    """Return the numbers of one rule. Raises RuleError."""
    if not isinstance(table, Mapping):
        raise RuleError(f"[{rule.name}]: expected a table of numbers")
    values = {k: v for k, v in table.items() if k != EXCEPT}
    exceptions = table.get(EXCEPT, [])
    if not isinstance(exceptions, list) or not all(isinstance(e, Mapping) for e in exceptions):
        raise RuleError(f"[[{rule.name}.{EXCEPT}]]: expected tables")
    try:
        usual = rule.parameters.model_validate(values)
    except ValidationError as err:
        raise RuleError("; ".join(complaints(f"[{rule.name}]", err))) from err
    variants, problems = [], []
    for place, exception in enumerate(exceptions, start=1):
        where = f"[[{rule.name}.{EXCEPT}]] number {place}:"
        try:
            variants.append(variant_of(exception, rule.parameters, values))
        except TuningError as err:
            problems.append(f"{where} {err}")
        except ValidationError as err:
            problems += complaints(where, err)
    if problems:
        raise RuleError("; ".join(problems))
    return Tuning(usual, ordered(variants))
