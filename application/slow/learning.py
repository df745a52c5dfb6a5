"""Learning: what the end of a day adds to the diary, and what is known afterwards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from application.baseline import Baseline, Key
from application.instants import DAY
from application.rule import Family
from application.slow.lessons import LESSONS
from application.slow.ward import Ward

Trouble = tuple[str, str, int, int | None]
"""An alarm: the station, the rule, when it opened, and when it cleared (None: it is open). Epoch microseconds."""
Troubles = Sequence[Trouble]


def end_of_day(
    kinds: dict[str, Ward], end: int, troubles: Troubles, families: Mapping[str, Family], *, afresh: bool
) -> list[tuple[Key, Baseline]]:
    """Write the day that ended into each diary (`kinds` is changed) and return what was learned from it.

    Unless `afresh`, what is known stays as it is: it was learned from days that are not all there any more.
    """
    spoilt = _stations(troubles, families, end - DAY, end)
    frozen = _stations([t for t in troubles if t[3] is None or t[3] > end], families, end, end + 1)
    learned: list[tuple[Key, Baseline]] = []
    for name, ward in kinds.items():
        if ward.diary.facts:
            kinds[name] = _written(ward, end, spoilt)
            kinds[name], found = _taught(kinds[name], end, frozen, afresh=afresh)
            learned += found
    return learned


def _written(ward: Ward, end: int, spoilt: Mapping[Family, frozenset[str]]) -> Ward:
    window = ward.window(end)
    values = np.full((len(ward.diary.facts), len(ward.facts.members)), np.nan, np.float32)
    for place, fact in enumerate(ward.diary.facts):
        told = fact.of(window)[:, 0]
        values[place] = np.where(_at(ward, spoilt, fact.spoilt_by), np.nan, told)
    return replace(ward, diary=ward.diary.written(end // DAY - 1, values))


def _taught(
    ward: Ward, end: int, frozen: Mapping[Family, frozenset[str]], *, afresh: bool
) -> tuple[Ward, Iterator[tuple[Key, Baseline]]]:
    known, fresh = dict(ward.known), {}
    day = end // DAY - 1
    for lesson in LESSONS:
        if lesson.name in known:
            found = lesson.learn(lambda fact, count: ward.diary.last(fact, day, count))
            held = _at(ward, frozen, lesson.frozen_by) | (not afresh)
            known[lesson.name], fresh[lesson.name] = known[lesson.name].taught(found, held, rises=lesson.rises)
    after = replace(ward, known=known)
    return after, (told for name, new in fresh.items() for told in after.baselines(name, new, end))


def _stations(troubles: Troubles, families: Mapping[str, Family], begin: int, end: int) -> dict[Family, frozenset[str]]:
    """Return by family the stations where an alarm was open within [begin, end)."""
    found: dict[Family, set[str]] = {}
    for station, rule, opened, cleared in troubles:
        if opened < end and (cleared is None or cleared > begin) and rule in families:
            found.setdefault(families[rule], set()).add(station)
    return {family: frozenset(stations) for family, stations in found.items()}


def _at(ward: Ward, where: Mapping[Family, frozenset[str]], families: frozenset[Family]) -> NDArray[np.bool_]:
    """bool[n]: the device's station is among those of one of the families."""
    stations = frozenset().union(*(where.get(family, frozenset()) for family in families))
    return np.array([m.station in stations for m in ward.facts.members], np.bool_)
