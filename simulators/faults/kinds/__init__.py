"""Kinds of faults: one file per theme, each with its KINDS; this page gathers them by name."""

from types import MappingProxyType

from simulators.faults.fault import FaultError, FaultKind
from simulators.faults.kinds import circulation, counters, heat, house, links, sensors, water

KINDS: MappingProxyType[str, FaultKind] = MappingProxyType(
    {k.name: k for theme in (water, circulation, heat, house, sensors, counters, links) for k in theme.KINDS}
)


def kind_named(name: str) -> FaultKind:
    """Return the kind of that name. Raises FaultError that names all there are."""
    if name not in KINDS:
        raise FaultError(f"there is no kind of fault {name!r}: use one of {', '.join(KINDS)}")
    return KINDS[name]
