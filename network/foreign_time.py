"""Foreign time: the instants of other makers' messages, as epoch microseconds UTC."""

import math
from datetime import datetime, timedelta, timezone

from network.mapped_values import shown
from network.mapping import MappedTime, TimeForm
from perception.payload import PayloadError, parse_time
from perception.readings import Reason

_PER_UNIT = {TimeForm.EPOCH_S: 1_000_000, TimeForm.EPOCH_MS: 1_000}
_MOST_US = 2**53 * 1000
_SENML_ABSOLUTE = 2**28  # RFC 8428, 4.5.3: smaller numbers are seconds from now


def time_of(value: object, declared: MappedTime) -> int:
    """Return the instant that a value tells in the declared form. Raises PayloadError (bad_time)."""
    if declared.format is TimeForm.ISO:
        return _iso(value, declared.utc_offset)
    return _epoch(value, _PER_UNIT[declared.format])


def senml_time(record: object) -> int | None:
    """Return the instant of a resolved SenML record, None for now. Raises PayloadError (bad_time)."""
    base, own = (record.get("bt", 0), record.get("t", 0)) if isinstance(record, dict) else (0, 0)
    at = _epoch(base, 1_000_000) + _epoch(own, 1_000_000)
    if at >= _SENML_ABSOLUTE * 1_000_000:
        return at
    if at == 0:
        return None
    raise PayloadError(Reason.BAD_TIME, f"{at / 1e6:.0f} s is relative to the sender's now, which nobody else knows")


def _epoch(value: object, per_unit: int) -> int:
    number = _as_number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < _MOST_US / per_unit:
        raise PayloadError(Reason.BAD_TIME, f"{shown(value)} is no time since 1970")
    return number * per_unit if isinstance(number, int) else round(number * per_unit)


def _as_number(text: str) -> float:
    try:
        number = float(text) if len(text) <= 40 else math.nan
    except ValueError:
        number = math.nan
    return int(number) if number.is_integer() else number


def _iso(value: object, utc_offset: str | None) -> int:
    if not isinstance(value, str):
        raise PayloadError(Reason.BAD_TIME, f"expected an ISO 8601 time, got {shown(value)}")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as err:
        raise PayloadError(Reason.BAD_TIME, f"{shown(value)} is not ISO 8601") from err
    if moment.tzinfo is None:
        if utc_offset is None:
            raise PayloadError(Reason.BAD_TIME, f"{shown(value)} has no zone: set utc_offset in its mapping")
        moment = moment.replace(tzinfo=_zone(utc_offset))
    return parse_time(moment.isoformat())


def _zone(utc_offset: str) -> timezone:
    hours, minutes = int(utc_offset[1:3]), int(utc_offset[4:6])
    ahead = timedelta(hours=hours, minutes=minutes)
    return timezone(ahead if utc_offset[0] == "+" else -ahead)
