"""Rules file: the rules with their numbers, read again when the file changes, without a restart."""

import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import structlog

from application.rule import Rule, RuleError
from application.rules import load_rules, tuned
from application.tuning import Tuning

Pairs = tuple[tuple[Rule, Tuning], ...]
_LOOK_S = 2.0
_log = structlog.get_logger()


def read_rules(file: Path) -> Pairs:
    """Return every rule with the numbers of the file. Raises RuleError with every problem."""
    try:
        return tuned(load_rules(), tomllib.loads(file.read_text("utf-8")))
    except (OSError, ValueError) as err:  # bytes that are no text, text that is no TOML, numbers without end
        raise RuleError(f"{file}: {err}") from err
    except RecursionError as err:
        raise RuleError(f"{file}: tables or lists stand too deep in each other") from err


class RulesFile(Mapping[str, Rule]):
    """The rules by name, as the file has them now. What cannot be used is said once, and the old ones stay in force.

    Raises RuleError when the file cannot be used at the beginning. For one thread, or for many that only read.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp = _stamp(file)
        self._looked = time.monotonic()
        self.pairs = read_rules(file)
        self._by_name = {rule.name: rule for rule, _ in self.pairs}

    def changed(self) -> bool:
        """Look at the file, every two seconds at most; return whether there are other rules than before."""
        if time.monotonic() - self._looked < _LOOK_S:
            return False
        self._looked = time.monotonic()
        stamp = _stamp(self._file)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self.pairs = read_rules(self._file)
        except RuleError as err:
            _log.warning("rules_refused", file=str(self._file), why=str(err), kept="the rules from before")
            return False
        self._by_name = {rule.name: rule for rule, _ in self.pairs}
        _log.info("rules_changed", file=str(self._file), rules=len(self.pairs))
        return True

    def __getitem__(self, name: str) -> Rule:
        self.changed()
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        self.changed()
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        told = file.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size
