"""Shapes: devices name the same points again and again, so readings that do are decoded straight into columns.

A shape is a set of points and a decoder that takes nothing else. What it takes, the tolerant
path (`perception.payload`) takes too, with the same numbers; what it refuses says nothing yet.
"""

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import starmap
from operator import attrgetter
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

Refused = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for anything that is not of its shape."""

_VALUES = attrgetter("values")
_Milliseconds = Annotated[int, msgspec.Meta(gt=-(2**53), lt=2**53)]
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Shape:
    """Readings of whole milliseconds with a number for each of these points, which are all, in any order.

    `decode` returns a reading, or a list of them, each with `ts` (epoch milliseconds), `values`
    and `seq`; it raises `Refused` for anything else.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        """`names` are points of a kind, each once."""
        self.names = names
        fields = {f"p{place}": name for place, name in enumerate(names)}
        plain: Any = {"gc": False, "forbid_unknown_fields": True}
        values = msgspec.defstruct("Values", [(field, float) for field in fields], rename=fields, **plain)
        outer: Any = [("values", values), ("ts", _Milliseconds), ("seq", _Number | None, None)]
        reading = msgspec.defstruct("Reading", outer, **plain)
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(reading | list[reading]).decode  # type: ignore[valid-type]
        self._pack = struct.Struct(f"={len(names)}d").pack

    def table(self, readings: Sequence[Any]) -> NDArray[np.float64]:
        """Return float64[n, points]: the values of decoded readings, in the order of `names`."""
        rows = starmap(self._pack, map(astuple, map(_VALUES, readings)))
        return np.frombuffer(b"".join(rows)).reshape(len(readings), len(self.names))


@lru_cache(maxsize=128)
def shape_of(_kind: str, names: tuple[str, ...]) -> Shape:
    """Return the shape of these points of a kind. To make one costs as much as a hundred readings."""
    return Shape(names)
