"""Mapping files: load and check them as a whole, every problem at once."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from network.mapped import Mappings
from network.mapping import MappedTopic, MappingFile, overlap
from perception.sensor_kind import SensorKind
from perception.units import UnitError, conversion


class MappingError(Exception):
    """Mapping files cannot be used; the text lists every problem."""


def mapping_paths(place: Path) -> list[Path]:
    """Return the mapping files of a folder, or the one file itself. Raises MappingError when there is neither."""
    if place.is_dir():
        return sorted(place.glob("*.toml"))
    if not place.is_file():
        raise MappingError(f"{place}: there is no such folder or file of mappings: see ingest.mappings")
    return [place]


def load_mappings(place: Path, kinds: Mapping[str, SensorKind]) -> Mappings:
    """Return the mappings of a folder or of one file, ready to be used. Raises MappingError with every problem."""
    return Mappings(load_topics(mapping_paths(place), kinds))


def load_topics(paths: Iterable[Path], kinds: Mapping[str, SensorKind]) -> list[MappedTopic]:
    """Return the topics of these files in their order. Raises MappingError with every problem of all of them."""
    problems: list[str] = []
    found: list[tuple[Path, MappedTopic]] = []
    for path in paths:
        try:
            found += [(path, topic) for topic in MappingFile.model_validate(_toml(path)).topic]
        except ValidationError as err:
            problems += [f"{path.name}: {_place(e['loc'])}{_said(e['msg'])}" for e in err.errors(include_url=False)]
        except (OSError, ValueError) as err:  # not readable, not UTF-8, not TOML
            problems.append(f"{path.name}: {err}")
    for path, topic in found:
        problems += [f"{path.name}: topic {topic.filter}: {wrong}" for wrong in _wrong_points(topic, kinds)]
    problems += _overlapping(found)
    if problems:
        raise MappingError("the mappings cannot be used:\n" + "\n".join(f"  - {p}" for p in problems))
    return [topic for _, topic in found]


def _toml(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        return tomllib.load(file)


def _place(loc: Sequence[int | str]) -> str:
    """Spell a place as a person counts: topic 1, points 2, name."""
    steps = [str(step + 1) if isinstance(step, int) else step for step in loc]
    return f"{' '.join(steps)}: " if steps else ""


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")


def _wrong_points(topic: MappedTopic, kinds: Mapping[str, SensorKind]) -> Iterator[str]:
    units: dict[str, set[str]] = {}
    for kind in kinds.values():
        for point in kind.points:
            units.setdefault(point.name, set()).add(point.unit)
    for mapped in topic.points:
        if mapped.name not in units:
            near = get_close_matches(mapped.name, units, n=2)
            meant = f"; did you mean {' or '.join(near)}?" if near else ": see `hearthline kinds`"
            yield f"no kind has a point {mapped.name!r}{meant}"
        elif mapped.unit is not None:
            yield from _unfit(mapped.name, mapped.unit, sorted(units[mapped.name]))


def _unfit(point: str, sent: str, wanted: Iterable[str]) -> Iterator[str]:
    for unit in wanted:
        try:
            conversion(sent, unit)
        except UnitError as err:
            yield f"point {point}: {sent!r} cannot be turned into {unit}: {err}"


def _overlapping(found: Sequence[tuple[Path, MappedTopic]]) -> Iterator[str]:
    """Name filters that share topics: a broker may deliver such a message twice, and which would count is chance."""
    for place, (path, topic) in enumerate(found):
        for other_path, other in found[:place]:
            if overlap(topic.filter, other.filter):
                yield (
                    f"{path.name}: topic {topic.filter} overlaps {other.filter} of {other_path.name}: "
                    "make them name different topics, or join them"
                )
