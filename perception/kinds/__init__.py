"""Kinds: one file per sensor kind. Each file states one `KIND`; this page finds them.

A new kind is a new file here, or an entry point in the group `hearthline.kinds` of another
installed distribution. Nothing else needs to be touched.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from perception.sensor_kind import BehaviourError, SensorKind
from perception.surroundings import DAY_S, Surroundings

GROUP = "hearthline.kinds"

_WHAT_A_FILE_MAY_RAISE = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, MemoryError, NameError, OSError,
    RuntimeError, SyntaxError, SystemExit, TypeError, ValueError,
)  # fmt: skip
"""While it is loaded: what Python itself raises, and pydantic's ValidationError, which is a ValueError."""


class KindError(Exception):
    """The declared kinds cannot be used as they are; the text lists every problem."""


class Found(NamedTuple):
    """Every usable kind by name, and what is wrong with the others."""

    kinds: MappingProxyType[str, SensorKind]
    problems: tuple[str, ...]


def look_in(folder: str) -> None:
    """Look for the files of kinds in another folder: a platform that runs goes on with those that it has taken in."""
    __path__[:] = [folder]


def load_kinds() -> MappingProxyType[str, SensorKind]:
    """Return every kind by name: those of this folder, then those of installed distributions.

    Raises KindError, naming each, when a file or package cannot be loaded, states no KIND, or claims a name that
    another has.
    """
    found = find_kinds()
    if found.problems:
        raise KindError("\n".join(found.problems))
    return found.kinds


def find_kinds() -> Found:
    """Return the kinds that can be used and the problems of those that cannot: for a platform that has to go on."""
    kinds: dict[str, SensorKind] = {}
    problems: list[str] = []
    for where, load in (*_of_this_folder(), *_of_entry_points()):
        try:
            kind = load()
        except _WHAT_A_FILE_MAY_RAISE as err:
            problems.append(f"{where} cannot be loaded: {type(err).__name__}: {err}: mend it, or take it away")
            continue
        if not isinstance(kind, SensorKind):
            problems.append(f"{where} has no KIND of type SensorKind: end the file with KIND = SensorKind(...)")
        elif kind.name in kinds:
            problems.append(f"{where}: the kind {kind.name!r} is already taken: rename one of the two")
        elif trouble := rehearsed(kind):
            problems.append(f"{where}: {trouble}")
        else:
            kinds[kind.name] = kind
    return Found(MappingProxyType(dict(sorted(kinds.items()))), tuple(problems))


def rehearsed(kind: SensorKind) -> str:
    """Return what is wrong with the behaviour of a kind over two days of some weather, nothing if it is well."""
    if kind.behaviour is None:
        return ""
    at, none = np.arange(0, 2 * DAY_S, 1800.0) + 1.8e9, np.zeros(96)
    around = Surroundings(at, at, none + 5, none, none + 3, none, none + 500, np.arange(96, dtype=np.uint64))
    try:
        kind.behave(around)
    except BehaviourError as err:
        return str(err)
    except _WHAT_A_FILE_MAY_RAISE as err:
        return f"the behaviour of kind {kind.name} fails: {type(err).__name__}: {err}"
    return ""


def _of_this_folder() -> Iterator[tuple[str, Callable[[], object]]]:
    for module in pkgutil.iter_modules(__path__):
        yield f"perception/kinds/{module.name}.py", _loader(f"{__name__}.{module.name}")


def _loader(module: str) -> Callable[[], object]:
    return lambda: getattr(importlib.import_module(module), "KIND", None)


def _of_entry_points() -> Iterator[tuple[str, Callable[[], object]]]:
    for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name):
        yield f"entry point {entry.name} ({entry.value}) of {_package(entry)}", entry.load


def _package(entry: EntryPoint) -> str:
    return "an unnamed package" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
