"""Alarm filter: what of the alarms is shown, as it stands in the address of the page."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from urllib.parse import parse_qs, urlencode

from application.alarm import AlarmState
from application.alarm_list import ATTENTION, LATCHED, AlarmLine
from application.rule import Family

ALL, ANY_LATCHED = "all", "latched"
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """The choice. Empty: not narrowed; for `state`: what needs attention."""

    city: str = ""
    state: str = ""
    priority: str = ""
    family: str = ""
    district: str = ""
    station: str = ""
    rule: str = ""
    text: str = ""

    @property
    def query(self) -> str:
        """Return it as the query of an address, without what is empty."""
        told = {f.name: getattr(self, f.name) for f in fields(self)}
        return urlencode({name: value for name, value in told.items() if value})

    @property
    def narrowed(self) -> bool:
        """Whether anything but city and state is chosen."""
        return replace(self, city="", state="") != AlarmFilter()

    def admits(self, line: AlarmLine) -> bool:
        """Return whether a line is shown, its state aside."""
        alarm = line.alarm
        return (
            self.priority in {"", str(alarm.priority)}
            and self.family in {"", str(line.family)}
            and self.district in {"", line.district}
            and self.station in {"", alarm.station}
            and self.rule in {"", alarm.rule}
            and (not self.text or self.text.casefold() in _words(line))
        )


def filter_of(query: str) -> AlarmFilter:
    """Return the choice that the query of an address states; what is not known in it is left out."""
    told = {name: values[0][:_LONGEST] for name, values in parse_qs(query).items()}
    known = {f.name: told[f.name].strip() for f in fields(AlarmFilter) if f.name in told}
    chosen = AlarmFilter(**known)
    states = {ALL, ANY_LATCHED, *(str(s) for s in AlarmState)}
    return replace(
        chosen,
        state=chosen.state if chosen.state in states else "",
        priority=chosen.priority if chosen.priority in {"1", "2", "3"} else "",
        family=chosen.family if chosen.family in set(Family) else "",
    )


def chosen(lines: Sequence[AlarmLine], wanted: AlarmFilter) -> list[AlarmLine]:
    """Return the lines that are shown, in their order. A state of its own shows what is folded under causes as well."""
    if wanted.state in {"", ALL}:
        shown = [line for line in lines if wanted.state or line.state in ATTENTION]
        return [line for line in shown if wanted.admits(line) or any(wanted.admits(under) for under in line.explains)]
    states = LATCHED if wanted.state == ANY_LATCHED else (wanted.state,)
    return [line for line in every(lines) if line.state in states and wanted.admits(line)]


def counts(lines: Sequence[AlarmLine], wanted: AlarmFilter) -> Mapping[str, int]:
    """Return how many lines each state has under the rest of the choice; "" what needs attention, "all" all of them."""
    found: Counter[str] = Counter(str(line.state) for line in every(lines) if wanted.admits(line))
    latched = sum(found[s] for s in LATCHED)
    return {**found, "": sum(found[s] for s in ATTENTION), ANY_LATCHED: latched, ALL: sum(found.values())}


def every(lines: Sequence[AlarmLine]) -> Iterator[AlarmLine]:
    """Yield each line, and those under it."""
    for line in lines:
        yield line
        yield from line.explains


def _words(line: AlarmLine) -> str:
    alarm = line.alarm
    titles = [alarm.title, alarm.station_title, line.district_title, alarm.element_title]
    words = [alarm.rule, alarm.station, alarm.device, alarm.element, alarm.alarm_id]
    return "\n".join([*words, *(f"{t.zh}\n{t.en}" for t in titles if t is not None)]).casefold()
