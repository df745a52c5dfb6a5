"""Payload of Sparkplug B: the message org.eclipse.tahu.protobuf.Payload, decoded by Google's protobuf.

The descriptor is made here at run time, from the numbers of sparkplug_b.proto (Eclipse Tahu, Sparkplug
3.0, section 6.4), so that no generated file has to fit a version of the library. What is never read
as a number, data sets and templates, is declared as bytes: on the wire it is the same, and nothing nested
is unfolded. What is not declared (metadata, extensions) is skipped.
"""

import math
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from perception.payload import MOST_READINGS, PayloadError
from perception.readings import Reason

MOST_METRICS = MOST_READINGS
LONGEST_NAME = 250
_PACKAGE = "hearthline.sparkplug"
_FIELD = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "string": _FIELD.TYPE_STRING, "bytes": _FIELD.TYPE_BYTES, "bool": _FIELD.TYPE_BOOL, "uint32": _FIELD.TYPE_UINT32,
    "uint64": _FIELD.TYPE_UINT64, "float": _FIELD.TYPE_FLOAT, "double": _FIELD.TYPE_DOUBLE,
}  # fmt: skip

_VALUES = (
    ("int_value", "uint32"), ("long_value", "uint64"), ("float_value", "float"), ("double_value", "double"),
    ("boolean_value", "bool"), ("string_value", "string"), ("bytes_value", "bytes"), ("dataset_value", "bytes"),
    ("template_value", "bytes"), ("extension_value", "bytes"),
)  # fmt: skip

_MESSAGES: dict[str, list[tuple[int, str, str]]] = {
    "PropertyValue": [(1, "type", "uint32"), (2, "is_null", "bool"), (8, "string_value", "string")],
    "PropertySet": [(1, "keys", "*string"), (2, "values", "*PropertyValue")],
    "Metric": [
        (1, "name", "string"), (2, "alias", "uint64"), (3, "timestamp", "uint64"), (4, "datatype", "uint32"),
        (5, "is_historical", "bool"), (6, "is_transient", "bool"), (7, "is_null", "bool"),
        (9, "properties", "PropertySet"), *((10 + i, name, kind) for i, (name, kind) in enumerate(_VALUES)),
    ],
    "Payload": [(1, "timestamp", "uint64"), (2, "metrics", "*Metric"), (3, "seq", "uint64"), (4, "uuid", "string"),
                (5, "body", "bytes")],
}  # fmt: skip


class DataType(IntEnum):
    """The data types whose values can be numbers, or texts that stand for them."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14


OTHERS = {
    15: "UUID", 16: "DataSet", 17: "Bytes", 18: "File", 19: "Template", 20: "PropertySet", 21: "PropertySetList",
    22: "Int8Array", 23: "Int16Array", 24: "Int32Array", 25: "Int64Array", 26: "UInt8Array", 27: "UInt16Array",
    28: "UInt32Array", 29: "UInt64Array", 30: "FloatArray", 31: "DoubleArray", 32: "BooleanArray",
    33: "StringArray", 34: "DateTimeArray",
}  # fmt: skip
"""Those that no point can hold."""

_BITS = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}
_UNSIGNED = {DataType.UINT8: 8, DataType.UINT16: 16, DataType.UINT32: 32, DataType.UINT64: 64, DataType.DATETIME: 64}
_WIDTH = {"int_value": 32, "long_value": 64}


def _pooled() -> type[Any]:
    file = descriptor_pb2.FileDescriptorProto(name="hearthline_sparkplug.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field, kind in fields:
            word = kind.removeprefix("*")
            label = _FIELD.LABEL_REPEATED if kind.startswith("*") else _FIELD.LABEL_OPTIONAL
            made = message.field.add(name=field, number=number, label=label, type=_TYPES.get(word, _FIELD.TYPE_MESSAGE))
            if word not in _TYPES:
                made.type_name = f".{_PACKAGE}.{word}"
            elif name == "Metric" and number >= 10:
                made.oneof_index = 0
        if name == "Metric":
            message.oneof_decl.add(name="value")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    chosen: type[Any] = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))
    return chosen


Payload = _pooled()


def decode(payload: bytes) -> Any:
    """Return the message that these bytes are. Raises PayloadError (malformed)."""
    try:
        told = Payload.FromString(payload)
        count = len(told.metrics)
    except (DecodeError, UnicodeDecodeError, ValueError) as err:
        raise PayloadError(
            Reason.MALFORMED, f"not a payload of Sparkplug B: {len(payload)} bytes that protobuf cannot read"
        ) from err
    if count > MOST_METRICS:
        raise PayloadError(Reason.MALFORMED, f"{count} metrics; at most {MOST_METRICS} are taken")
    return told


def text_of(message: Any, field: str) -> str | None:
    """Return a text of a message, None where it has none. Raises PayloadError: proto2 lets bytes pass as text."""
    try:
        return str(getattr(message, field)) if message.HasField(field) else None
    except UnicodeDecodeError as err:
        raise PayloadError(Reason.MALFORMED, f"{field} is no UTF-8") from err


def number_of(message: Any, field: str) -> int | None:
    """Return a whole number of a message, None where it has none."""
    return int(getattr(message, field)) if message.HasField(field) else None


def value_of(metric: Any, datatype: int | None) -> object:
    """Return what a metric says: a number, a text, true or false; None for null.

    What no point can hold is a list with its type in words: it is refused by name further on.
    Signed integers come as two's complement in an unsigned field, of their own width or of the field's.
    """
    field = metric.WhichOneof("value")
    if metric.is_null or field is None:
        return None
    if field in {"float_value", "double_value"}:
        value = float(getattr(metric, field))
        return value if math.isfinite(value) else None  # the protocol has no other way to say "no value"
    if field == "boolean_value":
        return bool(metric.boolean_value)
    if field == "string_value":
        return text_of(metric, field)
    if field not in _WIDTH:
        return [OTHERS.get(datatype or 0, "bytes")]
    return _whole(int(getattr(metric, field)), datatype, _WIDTH[field])


def _whole(value: int, datatype: int | None, width: int) -> object:
    if datatype in _UNSIGNED or datatype == DataType.BOOLEAN:
        return value if datatype == DataType.BOOLEAN or value < 1 << _UNSIGNED[DataType(datatype)] else [str(value)]
    if datatype not in _BITS:
        return ["a whole number whose type no birth told"]
    bits = _BITS[DataType(datatype)]
    if value >= 1 << bits:  # sign-extended to the width of the field
        value -= 1 << width
        return value if value >= -(1 << (bits - 1)) else [f"{value} beyond {bits} bits"]
    return value - (1 << bits) if value >= 1 << (bits - 1) else value


def unit_of(metric: Any) -> str | None:
    """Return the unit that the properties of a metric tell under any of the usual names."""
    if not metric.HasField("properties"):
        return None
    keys: Sequence[str] = metric.properties.keys
    try:
        told = dict(zip(map(str, keys), metric.properties.values, strict=False))
    except UnicodeDecodeError as err:
        raise PayloadError(Reason.MALFORMED, "a key of properties is no UTF-8") from err
    for key in ("engUnit", "EngUnit", "Engineering Units", "unit", "units"):
        if key in told:
            return (text_of(told[key], "string_value") or "")[:40] or None
    return None
