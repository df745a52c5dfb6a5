"""Payload: the JSON of a readings message, to raw readings and back. Interprets no device and no kind."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn, TypeGuard

import msgspec

from perception.readings import Reason

JsonValue = object
_decode = msgspec.json.Decoder().decode
_skim = msgspec.json.Decoder(msgspec.Raw).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_KEYS = frozenset({"ts", "values", "seq"})
MOST_READINGS = 5_000  # of one payload: more is no backfill but an attack on whoever reads it
_LONGEST_INTEGER = 400  # digits; a float64 ends at 309
_SEQ = re.compile(rb'"seq"[ \t\r\n]*:[ \t\r\n]*([0-9]{1,19})[ \t\r\n]*[,}]')  # ended, so that none is cut short


class PayloadError(Exception):
    """The payload, or one element of it, cannot be read; `reason` and the text say why."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RawReading:
    """One reading as the device wrote it. `ts` is epoch microseconds UTC, None: time of receipt."""

    ts: int | None
    values: Mapping[str, JsonValue]
    seq: int | None = None


class PlainReading(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A reading in its commonest form: whole milliseconds, and numbers alone. `ts` is epoch milliseconds."""

    values: dict[str, float]
    ts: int
    seq: int | None = None

    def fits(self) -> bool:
        """Return whether the tolerant path would accept it too: types alone do not bound the integers."""
        return bool(self.values) and -(2**53) < self.ts < 2**53 and (self.seq is None or 0 <= self.seq < 2**63)


_decode_plain = msgspec.json.Decoder(PlainReading | list[PlainReading]).decode


def decode_plain(payload: bytes) -> Sequence[PlainReading] | None:
    """Return the readings of a payload that holds only plain ones, None for any other: `decode` says what it is.

    Several times as fast as `decode`, with the same readings (a property test).
    """
    try:
        body = _decode_plain(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    readings = body if isinstance(body, list) else [body]
    return readings if 0 < len(readings) <= MOST_READINGS and all(r.fits() for r in readings) else None


def decode(payload: bytes) -> list[RawReading | PayloadError]:
    """Return the readings of a payload in their order; an element that cannot be read is its PayloadError.

    Accepts `{"ts": ..., "values": {...}}`, a list of those, a flat object of values, and
    `{"values": {...}}` (both without time). Raises PayloadError when nothing can be read at all.
    """
    body = parse(payload)
    if isinstance(body, list):
        if not body:
            raise PayloadError(Reason.EMPTY, "an empty list says nothing")
        if len(body) > MOST_READINGS:
            raise PayloadError(Reason.MALFORMED, f"{len(body)} readings in one list; at most {MOST_READINGS} are taken")
        return [_element(item) for item in body]
    return [_element(body)]


def parse(payload: bytes) -> JsonValue:
    """Return the JSON value of a payload; numbers beyond float64 become infinite. Raises PayloadError (malformed)."""
    try:
        return _decode(payload)
    except msgspec.ValidationError:
        return _parse_with_huge_numbers(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise PayloadError(Reason.MALFORMED, f"not JSON: {err}") from err


def _parse_with_huge_numbers(payload: bytes) -> JsonValue:
    """Read JSON with a number that msgspec refuses as out of range: that point is bad, its neighbours are not."""
    try:
        _skim(payload)  # what `pieces` cannot read is malformed: json would take an unpaired surrogate
        body: JsonValue = json.loads(payload.decode(), parse_int=_whole, parse_constant=_no_constant)
    except (msgspec.DecodeError, ValueError, RecursionError) as err:
        raise PayloadError(Reason.MALFORMED, f"not JSON: {err}") from err
    return body


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < _LONGEST_INTEGER else float(digits)


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def pieces(payload: bytes) -> Sequence[bytes]:
    """Return the elements of a list exactly as they came, or the payload itself when it is no list of any."""
    try:
        return [bytes(raw) for raw in _split(payload)] or [payload]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [payload]


def numbers(payload: bytes) -> list[int]:
    """Return the running numbers that can be told from any payload, even one that cannot be read.

    Whatever becomes of its readings, their bytes are kept: so their numbers are settled.
    """
    if b'"seq"' not in payload:
        return []
    try:
        body = parse(payload)
    except PayloadError:
        return [seq for seq in map(int, _SEQ.findall(payload)) if _is_number(seq)]
    items = body if isinstance(body, list) else [body]
    return [seq for seq in (i.get("seq") for i in items if isinstance(i, dict)) if _is_number(seq)]


def encode(readings: Sequence[RawReading]) -> bytes:
    """Return the payload of these readings: an object for one, a list for more. Times go out in milliseconds."""
    items = [_item(r) for r in readings]
    return msgspec.json.encode(items[0] if len(items) == 1 else items)


def _item(reading: RawReading) -> dict[str, object]:
    item: dict[str, object] = {"values": dict(reading.values)}
    if reading.ts is not None:
        item = {"ts": reading.ts // 1000, **item}
    if reading.seq is not None:
        item["seq"] = reading.seq
    return item


def _element(item: JsonValue) -> RawReading | PayloadError:
    try:
        return _read(item)
    except PayloadError as err:
        return err


def _read(item: JsonValue) -> RawReading:
    if not isinstance(item, dict):
        raise PayloadError(Reason.MALFORMED, f"a reading is an object, not {_json_type(item)}")
    if "values" not in item:
        if "ts" in item:
            raise PayloadError(Reason.MALFORMED, 'a reading with "ts" needs "values": {point: number}')
        return RawReading(None, _some(item))
    values = item["values"]
    if not isinstance(values, dict):
        raise PayloadError(Reason.MALFORMED, f'"values" is an object, not {_json_type(values)}')
    stray = sorted(item.keys() - _KEYS)
    if stray:
        raise PayloadError(
            Reason.MALFORMED, f"unknown fields beside ts, values, seq: {', '.join(ascii(s)[:40] for s in stray[:5])}"
        )
    ts = item.get("ts")
    return RawReading(None if ts is None else parse_time(ts), _some(values), _sequence(item.get("seq")))


def _some(values: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if not values:
        raise PayloadError(Reason.EMPTY, "a reading without values says nothing")
    return values


def _is_number(seq: JsonValue) -> TypeGuard[int]:
    return isinstance(seq, int) and not isinstance(seq, bool) and 0 <= seq < 2**63


def _sequence(seq: JsonValue) -> int | None:
    if seq is None or _is_number(seq):
        return seq
    raise PayloadError(Reason.MALFORMED, f'"seq" is a whole number from 0, not {seq!r:.40}')


def parse_time(ts: JsonValue) -> int:
    """Return epoch microseconds UTC of epoch milliseconds or of ISO 8601 with a zone.

    Raises PayloadError (bad_time) for anything else: a time without a zone is ambiguous twice a year.
    """
    if isinstance(ts, bool) or not isinstance(ts, int | float | str):
        raise PayloadError(Reason.BAD_TIME, f'"ts" is epoch milliseconds or ISO 8601, not {_json_type(ts)}')
    if not isinstance(ts, str):
        if not -(2**53) < ts < 2**53:  # infinity too
            raise PayloadError(Reason.BAD_TIME, f'"ts" {ts!r:.40} is no time in milliseconds')
        return ts * 1000 if isinstance(ts, int) else round(ts * 1000)
    try:
        moment = datetime.fromisoformat(ts)
    except ValueError as err:
        raise PayloadError(Reason.BAD_TIME, f'"ts" {ts!r:.40} is not ISO 8601') from err
    if moment.tzinfo is None:
        raise PayloadError(Reason.BAD_TIME, f'"ts" {ts!r:.40} has no zone: end it with Z or +08:00')
    return _epoch_us(moment)


def _epoch_us(moment: datetime) -> int:
    try:
        whole = moment.replace(microsecond=0).timestamp()
    except (OverflowError, ValueError) as err:
        raise PayloadError(Reason.BAD_TIME, f'"ts" {moment} is beyond any calendar') from err
    return round(whole) * 1_000_000 + moment.microsecond


def _json_type(value: JsonValue) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
