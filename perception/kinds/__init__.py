"""Kinds: one file per sensor kind. Each file states one `KIND`; this page finds them.

A new kind is a new file here, or an entry point in the group `hearthline.kinds` of another
installed distribution. Nothing else needs to be touched.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from types import MappingProxyType

from perception.sensor_kind import SensorKind

GROUP = "hearthline.kinds"


class KindError(Exception):
    """The declared kinds contradict each other; the text lists every problem."""


def load_kinds() -> MappingProxyType[str, SensorKind]:
    """Return every kind by name: those of this folder, then those of installed distributions.

    Raises KindError when a file states no KIND or two sources claim one name.
    """
    found: dict[str, SensorKind] = {}
    problems: list[str] = []
    for where, kind in (*_of_this_folder(), *_of_entry_points()):
        if not isinstance(kind, SensorKind):
            problems.append(f"{where} has no KIND of type SensorKind: end the file with KIND = SensorKind(...)")
        elif kind.name in found:
            problems.append(f"{where}: the kind {kind.name!r} is already taken: rename one of the two")
        else:
            found[kind.name] = kind
    if problems:
        raise KindError("; ".join(problems))
    return MappingProxyType(dict(sorted(found.items())))


def _of_this_folder() -> Iterator[tuple[str, object]]:
    for module in pkgutil.iter_modules(__path__):
        where = f"{__name__}.{module.name}"
        yield where, getattr(importlib.import_module(where), "KIND", None)


def _of_entry_points() -> Iterator[tuple[str, object]]:
    for entry in entry_points(group=GROUP):
        yield f"entry point {entry.name} ({entry.value})", entry.load()
