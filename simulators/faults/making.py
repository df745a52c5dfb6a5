"""Making: one fault of a kind at a device, checked: the door for scenarios and for fault commands."""

from collections.abc import Mapping
from typing import Any

from perception.sensor_kind import SensorKind
from simulators.faults.fault import Fault, FaultError, tuned
from simulators.faults.grounds import SUBSTATION
from simulators.faults.kinds import kind_named


def made(
    kind: str,
    device: str,
    of: SensorKind | None,
    *,
    station: str | None = None,
    begins: int,
    ends: int | None = None,
    severity: float = 0.5,
    parameters: Mapping[str, Any] | None = None,
    area: str | None = None,
) -> Fault:
    """Return a fault of that kind at a device of the sensor kind `of` (None: unknown; its link can still fail).

    Times are epoch microseconds; without a `station` the device's name stands for it. Raises FaultError that says
    what does not fit: an unknown kind, a parameter, a point that the device does not have, a fault of a plant at a
    device that is no substation, an end before the beginning.
    """
    wanted = kind_named(kind)
    sort = "device of an unknown kind" if of is None else of.name
    tuning = tuned(wanted, severity, parameters or {})
    if wanted.plant is not None and wanted.meters is None and sort != SUBSTATION:
        raise FaultError(f"{kind} befalls a {SUBSTATION}; {device} is a {sort}")
    if wanted.bends is not None:
        missing = [name for name in wanted.bends(tuning) if of is None or name not in of.bits]
        if missing:
            raise FaultError(f"{kind} at {device}: a {sort} has no point {', '.join(missing)}")
    if ends is not None and ends <= begins:
        raise FaultError(f"{kind} at {device} would end before it begins")
    return Fault(device, station or device, wanted, begins, ends, severity, tuning, area)
