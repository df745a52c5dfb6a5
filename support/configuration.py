"""Configuration: tell people in plain words what is wrong with their settings, all of it at once."""

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from support.set_up import ConfigurationError

PREFIX = "HEARTHLINE_"


class FileSettings(BaseSettings):
    """Root of the settings: a TOML file, overruled by HEARTHLINE_<SECTION>__<KEY>. Frozen, unknown keys refused."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


Model = TypeVar("Model", bound=BaseModel)


def load(model: type[Model], file: Path, environment: Mapping[str, str]) -> Model:
    """Return the settings; the model itself reads file and environment. ConfigurationError names every problem."""
    problems = stray_variables(model, environment)
    try:
        found = model()
    except ValidationError as err:
        check(problems + problems_in(model, err, file))
        raise
    except ValueError as err:  # not TOML, or a variable that is not the JSON it should be
        check([*problems, f"{file.name}: {err}"])
        raise
    check(problems)
    return found


def problems_in(model: type[BaseModel], error: ValidationError, file: Path) -> list[str]:
    """Return one line per problem: where the value stands, what is wrong, what was expected."""
    return [_problem(model, e["loc"], e["msg"], e["type"], file) for e in error.errors(include_url=False)]


def stray_variables(model: type[BaseModel], names: Iterable[str]) -> list[str]:
    """Return a line for each HEARTHLINE_<SECTION>__<KEY> whose section does not exist."""
    sections = list(model.model_fields)
    lines = []
    for name in names:
        section, divided, _ = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and divided and section not in sections:
            lines.append(f"{name}: there is no section {section!r}{_meant(section, sections)}")
    return lines


def check(problems: list[str]) -> None:
    """Raise ConfigurationError with all of these problems; do nothing when there are none."""
    if problems:
        raise ConfigurationError("the settings cannot be used:\n" + "\n".join(f"  - {p}" for p in problems))


def rows(settings: BaseModel, environment: Mapping[str, str]) -> list[dict[str, object]]:
    """Return every setting with its value, where it comes from and the variable that changes it. Secrets are masked."""
    told: list[dict[str, object]] = []
    for section, part in settings:
        for key, value in part:
            variable = f"{PREFIX}{section.upper()}__{key.upper()}"
            origin = "environment" if variable in environment else "file" if key in part.model_fields_set else "default"
            shown = without_password(str(value)) if isinstance(value, str) else value
            shown = shown if isinstance(shown, str | int | float | bool | None) else str(shown)
            told.append({"setting": f"{section}.{key}", "value": shown, "from": origin, "variable": variable})
    return told


def without_password(text: str) -> str:
    """Return an address with its password masked; other text as it is."""
    head, at, tail = text.rpartition("@")
    if not at or "://" not in head:
        return text
    scheme, _, who = head.partition("://")
    return f"{scheme}://{who.partition(':')[0]}:***@{tail}" if ":" in who else text


def _problem(model: type[BaseModel], loc: tuple[int | str, ...], message: str, kind: str, file: Path) -> str:
    section, key = str(loc[0]) if loc else "", ".".join(str(step) for step in loc[1:])
    if kind == "extra_forbidden":
        known = _keys(model, section) if key else list(model.model_fields)
        what = f"{key!r} in section {section!r}" if key else f"section {section!r}"
        return f"{_where(section, key, file)}: there is no {what}{_meant(key or section, known)}"
    return f"{_where(section, key, file)}: {message.removeprefix('Value error, ')}"


def _keys(model: type[BaseModel], section: str) -> list[str]:
    field = model.model_fields.get(section)
    part = None if field is None else field.annotation
    return list(part.model_fields) if isinstance(part, type) and issubclass(part, BaseModel) else []


def _where(section: str, key: str, file: Path) -> str:
    variable = f"{PREFIX}{section.upper()}__{key.upper()}"
    return variable if key and variable in os.environ else f"{file.name}: {section}.{key}" if key else file.name


def _meant(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
