"""Wish: what is asked of `simulate`, read from its words and checked."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from simulators.tempo import DAY_US


class PlanError(Exception):
    """What was asked of `simulate` cannot be played; the text says why and what to ask instead."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be played. `speed` 0: as fast as it is taken; times are epoch microseconds.

    `by_setting`: the speed is that of the settings, of a trial home: its past is played once, then it lives on.
    """

    stations: int | None = None
    speed: float = 1.0
    begin: int | None = None
    days: float | None = None
    until: int | None = None
    record: Path | None = None
    truth: Path | None = None
    by_setting: bool = False


def span_of(wish: Wish, now: int) -> tuple[int | None, int | None]:
    """Return when the played time begins and ends; None: with the wall clock, and never. Raises PlanError."""
    length = None if wish.days is None else round(wish.days * DAY_US)
    begin, end = wish.begin, wish.until
    if begin is None and wish.speed != 1:
        begin = (end or now) - (length or DAY_US)
    elif length is not None:
        end = min((now if begin is None else begin) + length, end or 2**62)
    if begin is not None and begin > now:
        raise PlanError(f"the played time would begin in the future, {iso(begin)}: nobody would believe its readings")
    if end is not None and end <= (now if begin is None else begin):
        raise PlanError(f"the played time would end at {iso(end)}, before it begins: see --begin, --days and --until")
    return begin, end


def speed_of(word: str) -> float:
    """Read --speed: a positive number, or max (0)."""
    try:
        speed = 0.0 if word == "max" else float(word)
    except ValueError:
        speed = -1.0
    if speed < 0 or (speed == 0 and word != "max") or speed == float("inf") or speed != speed:  # noqa: PLR0124 - NaN
        raise typer.BadParameter(f"--speed is a positive number or max, not {word!r}")
    return speed


def moment_of(word: str | None, option: str) -> int | None:
    """Read a time with a zone: epoch microseconds."""
    if word is None:
        return None
    try:
        moment = datetime.fromisoformat(word)
    except ValueError as err:
        raise typer.BadParameter(f"{option} is a time such as 2026-01-31T08:00Z, not {word!r}") from err
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{option} {word} has no zone: end it with Z or +08:00")
    if not 1970 < moment.year < 2200:
        raise typer.BadParameter(f"{option} {word} is no time of heat networks: expected a year from 1971 to 2199")
    return round(moment.timestamp() * 1e6)


def iso(at: int) -> str:
    """Return a time (epoch microseconds) in ISO 8601, UTC."""
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
