"""Making: one fault of a kind at a device, checked: the door for scenarios and for fault commands."""

from collections.abc import Mapping
from typing import Any

from perception.catalogue import Device
from perception.sensor_kind import SensorKind
from simulators.faults.fault import Fault, FaultError, tuned
from simulators.faults.grounds import SUBSTATION
from simulators.faults.kinds import kind_named


def made(
    kind: str,
    device: Device,
    points_of: SensorKind | None,
    *,
    begins: int,
    ends: int | None = None,
    severity: float = 0.5,
    parameters: Mapping[str, Any] | None = None,
    area: str | None = None,
) -> Fault:
    """Return a fault of that kind at a device whose points are those of `points_of` (None: its kind is unknown).

    Times are epoch microseconds. Raises FaultError that says what does not fit: an unknown kind, a parameter, a point
    that the device does not have, a fault of a plant at a device that is no substation, an end before the beginning.
    """
    wanted = kind_named(kind)
    tuning = tuned(wanted, severity, parameters or {})
    if wanted.plant is not None and wanted.meters is None and device.kind != SUBSTATION:
        raise FaultError(f"{kind} befalls a {SUBSTATION}; {device.name} is a {device.kind}")
    if wanted.bends is not None:
        has = set(points_of.bits) if points_of is not None else set[str]()
        missing = [name for name in wanted.bends(tuning) if name not in has]
        if missing:
            raise FaultError(f"{kind} at {device.name}: a {device.kind} has no point {', '.join(missing)}")
    if ends is not None and ends <= begins:
        raise FaultError(f"{kind} at {device.name} would end before it begins")
    return Fault(device.name, device.station, wanted, begins, ends, severity, tuning, area)
