"""Seed files: the TOML in configs/cities from which a catalogue is first filled.

A file holds arrays of the catalogue's rows under the names of its fields (`cities`, `districts`, ...). Files of
one folder are read as one catalogue, so that a file may refer to the places of another.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ValidationError

from perception.catalogue import Catalogue


class SeedError(Exception):
    """The seed files do not make a catalogue; the text lists every problem with its file, row and field."""


def load_catalogue(folder: Path) -> Catalogue:
    """Return what all `*.toml` of the folder say together, in the order of their names. Raises SeedError."""
    if not folder.is_dir():
        raise SeedError(f"{folder}: no such folder; expected the city files (*.toml) in it")
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise SeedError(f"{folder}: no *.toml in it; expected one file per city")
    return read_catalogue({file.name: file.read_text(encoding="utf-8") for file in files})


def read_catalogue(texts: Mapping[str, str]) -> Catalogue:
    """Return the catalogue that these TOML texts (by file name) make together. Raises SeedError."""
    rows: dict[str, list[BaseModel]] = {field: [] for field in Catalogue.model_fields}
    problems: list[str] = []
    for file, text in texts.items():
        for field, row in _rows(file, text, problems):
            rows[field].append(row)
    if problems:
        raise SeedError("\n".join(problems))
    try:
        return Catalogue.model_validate(rows)
    except ValidationError as err:
        raise SeedError(f"{', '.join(texts)}: {'; '.join(_reasons(err))}") from err


def _rows(file: str, text: str, problems: list[str]) -> Iterator[tuple[str, BaseModel]]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        problems.append(f"{file}: not TOML: {err}")
        return
    for field, entries in tables.items():
        if field not in Catalogue.model_fields:
            problems.append(f"{file}: unknown key {field!r}; expected {', '.join(Catalogue.model_fields)}")
        elif not isinstance(entries, list):
            problems.append(f"{file}: {field}: expected an array of tables, got {type(entries).__name__}")
        else:
            yield from ((field, row) for row in _read_all(file, field, entries, problems))


def _read_all(file: str, field: str, entries: Iterable[object], problems: list[str]) -> Iterator[BaseModel]:
    model: type[BaseModel] = get_args(Catalogue.model_fields[field].annotation)[0]
    for place, entry in enumerate(entries):
        try:
            yield model.model_validate(entry)
        except ValidationError as err:
            name = entry.get("name", f"#{place}") if isinstance(entry, dict) else f"#{place}"
            problems.extend(f"{file}: {field} {name}: {reason}" for reason in _reasons(err))


def _reasons(err: ValidationError) -> list[str]:
    return [f"{'.'.join(map(str, e['loc']))}: {e['msg']}".lstrip(": ") for e in err.errors(include_url=False)]
