"""Mapping: how the messages of foreign controllers turn into devices, times and points. Declarations alone.

A mapping file is TOML with one [[topic]] per kind of message. Everything in it is checked when it
is loaded; docs/how-to/map-a-foreign-device.md explains each key.
"""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from network import pointer
from network.topics import NAME

LAST_LEVEL = "{last}"
EVERYTHING_ELSE = "*"
_HOLE = re.compile(r"\{([^{}]*)\}")
_OFFSET = r"^[+-](0\d|1[0-4]):[0-5]\d$"
_NATIVE = ("hearthline/v1/+/+", "hearthline/live/v1/+")


class Form(StrEnum):
    """What one message holds."""

    READING = "reading"
    """Points at JSON pointers: an object, or a list of such objects."""
    VALUE = "value"
    """One value; its topic says which."""
    RECORDS = "records"
    """A list of records that each hold a name and a value."""
    SENML = "senml"
    """Records by RFC 8428 (SenML JSON), with base names and base times."""


class PayloadForm(StrEnum):
    """How the bytes are to be read."""

    JSON = "json"
    NUMBER = "number"


class TimeForm(StrEnum):
    """How a foreign time is written."""

    EPOCH_S = "epoch_s"
    EPOCH_MS = "epoch_ms"
    ISO = "iso"


def _is_pointer(text: str) -> str:
    pointer.parse(text)
    return text


def _is_template(text: str) -> str:
    """Check the holes of a template: {1}, {last}, or a JSON pointer such as {/meter/id}."""
    for hole in _HOLE.findall(text):
        if hole.startswith("/"):
            pointer.parse(hole)
        elif hole != "last" and not re.fullmatch(r"[1-9]\d?", hole):
            raise ValueError(
                f"{{{hole}}}: expected {{1}} for the first wildcard of the filter, {{last}} or {{/pointer}}"
            )
    if "{" in _HOLE.sub("", text) or "}" in _HOLE.sub("", text):
        raise ValueError(f"{text!r:.60}: a brace has no partner")
    return text


PointerText = Annotated[str, AfterValidator(_is_pointer)]
Template = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_is_template)]
DeviceName = Annotated[str, Field(pattern=f"^{NAME}$")]


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MappedPoint(_Declared):
    """One value of a message and the point that it is. Stored = (value * scale + offset), turned from `unit`.

    `pointer` says where it stands (form reading), `source` what the sender calls it (the other
    forms). `words` turns texts into numbers: {"open" = 1, "closed" = 0}.
    """

    name: str
    pointer: PointerText | None = None
    source: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: str | None = None
    words: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _scale_is_something(self) -> Self:
        if self.scale == 0:
            raise ValueError(f"point {self.name}: a scale of 0 would make every value the same")
        return self


class MappedTime(_Declared):
    """Where the time stands, and how it is written. `utc_offset` is for ISO times that name no zone."""

    pointer: PointerText
    format: TimeForm
    utc_offset: str | None = Field(default=None, pattern=_OFFSET)


class MappedTopic(_Declared):
    """One kind of message: which topics, which device, which time, which points."""

    filter: str = Field(min_length=1, max_length=500)
    device: Template
    devices: dict[str, DeviceName] = Field(default_factory=dict)
    form: Form = Form.READING
    payload: PayloadForm = PayloadForm.JSON
    at: PointerText = ""
    source: Template = LAST_LEVEL
    value: PointerText = ""
    ts: MappedTime | None = None
    points: tuple[MappedPoint, ...] = Field(min_length=1)
    ignore: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        wrong = [*_wrong_filter(self.filter), *self._wrong_keys(), *self._wrong_points(), *self._wrong_holes()]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _wrong_keys(self) -> list[str]:
        given, form = self.model_fields_set, self.form
        wrong = []
        if self.payload is PayloadForm.NUMBER and (form is not Form.VALUE or given & {"ts", "value", "at"}):
            wrong.append(
                'payload = "number" goes with form = "value" and without ts, value and at: it is a number alone'
            )
        if form is Form.SENML and given & {"ts", "value", "source", "at"}:
            wrong.append('form = "senml" knows by itself where ts, value and source stand')
        if form is Form.RECORDS and not {"source", "value"} <= given:
            wrong.append('form = "records" needs source = "{/name}" and value = "/value": where each record holds them')
        if form is Form.READING and given & {"source", "value", "ignore"}:
            wrong.append('form = "reading" reads only what points name: source, value and ignore belong to other forms')
        return wrong

    def _wrong_points(self) -> list[str]:
        right, other = ("pointer", "source") if self.form is Form.READING else ("source", "pointer")
        wrong = [
            f'point {p.name}: with form = "{self.form}" give {right}, not {other}'
            for p in self.points
            if getattr(p, right) is None or getattr(p, other) is not None
        ]
        wrong += [f"point {name} is given twice" for name in _twice([p.name for p in self.points])]
        if self.form is not Form.READING:
            wrong += [f"source {name!r} is given twice" for name in _twice([p.source or "" for p in self.points])]
        return wrong

    def _wrong_holes(self) -> list[str]:
        captures = sum(level in {"+", "#"} for level in self.filter.split("/"))
        holes = [*_HOLE.findall(self.device), *_HOLE.findall(self.source)]
        wrong = [
            f"{{{hole}}}: {self.filter} has {captures} wildcards"
            for hole in holes
            if hole.isdigit() and int(hole) > captures
        ]
        if self.payload is PayloadForm.NUMBER and any(hole.startswith("/") for hole in holes):
            wrong.append("a number alone holds nothing that a {/pointer} could find")
        return wrong


class MappingFile(_Declared):
    """A whole file."""

    title: str = ""
    topic: tuple[MappedTopic, ...] = Field(min_length=1)


def overlap(one: str, other: str) -> bool:
    """Return whether a topic exists that both filters match."""
    left, right = one.split("/"), other.split("/")
    for a, b in zip(left, right, strict=False):
        if "#" in {a, b}:
            return True
        if "+" not in {a, b} and a != b:
            return False
    longer = max(left, right, key=len)
    return len(left) == len(right) or longer[min(len(left), len(right))] == "#"


def _wrong_filter(text: str) -> list[str]:
    levels = text.split("/")
    wrong = []
    if any(("+" in level or "#" in level) and len(level) > 1 for level in levels) or "#" in levels[:-1]:
        wrong.append(f"filter {text!r:.80}: + stands for one whole level, # for all that follow and at the end")
    elif text.startswith("$") or "\0" in text:
        wrong.append(f"filter {text!r:.80}: topics of devices begin with no $ and hold no NUL")
    elif any(overlap(text, native) for native in _NATIVE):
        wrong.append(f"filter {text!r:.80} would also catch Hearthline's own topics: begin it with a plain word")
    return wrong


def _twice(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
