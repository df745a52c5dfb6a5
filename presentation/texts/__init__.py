"""Texts: every word that people read, in Chinese and English.

English is written where it is used: `t.say("Stations")`, `t.count("{n} station", "{n} stations", n)`.
Chinese stands in texts/zh/*.po, read at start: console.po and portal.po, and beside them one for each larger part of
either, named like console-accounts.po.
The language is a value that is handed down from the URL's first part; nothing here is global.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime, format_time
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import Translations

from perception.point import Title

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")
KEYWORDS: Final[Mapping[str, tuple[int, ...] | None]] = {"say": None, "count": (1, 2)}
"""Names of the calls that a message extractor looks for."""

ABSENT: Final = "—"
"""What stands where a value is missing: never a zero."""

_BROKEN: Final = 2  # a number that is no whole one is told as several are: 1.5 hours
_LOCALES: Final[Mapping[Language, str]] = {"zh": "zh_Hans_CN", "en": "en_GB"}
_NATIVE: Final[Mapping[Language, str]] = {"zh": "中文", "en": "English"}


@dataclass(frozen=True, slots=True)
class Texts:
    """One language: its words, its numbers, its times. Times are epoch milliseconds, zones IANA names."""

    language: Language
    locale: Locale
    words: Translations

    @property
    def tag(self) -> str:
        """The BCP 47 tag for the lang attribute."""
        return {"zh": "zh-CN", "en": "en-GB"}[self.language]

    def say(self, text: str, **values: object) -> str:
        """Return the text in this language, its {fields} filled."""
        said = self.words.gettext(text)
        return said.format(**values) if values else said

    def count(self, one: str, many: str, n: float, **values: object) -> str:
        """Return the form that fits `n`, which also fills {n}: one decimal where it is no whole number."""
        whole = n == round(n)
        form = self.words.ngettext(one, many, round(n) if whole else _BROKEN)
        return form.format(n=self.number(n, 0 if whole else 1), **values)

    def title(self, title: Title) -> str:
        """Return the title in this language."""
        return title.zh if self.language == "zh" else title.en

    def number(self, value: float | None, decimals: int = 0) -> str:
        """Return the number with that many decimals, or a dash where there is none."""
        if value is None:
            return ABSENT
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        rounded = round(value, decimals) or 0.0
        return str(format_decimal(rounded, format=pattern, locale=self.locale)).replace("-", "\u2212")

    def signed(self, value: float | None, decimals: int = 1) -> str:
        """Return a difference with its sign, or a dash where there is none."""
        if value is None:
            return ABSENT
        text = self.number(abs(value), decimals)
        if float(f"{abs(value):.{decimals}f}") == 0:
            return text
        return ("+" if value > 0 else "\u2212") + text

    def moment(self, ms: int | None, zone: str, pattern: str = "MM-dd HH:mm:ss") -> str:
        """Return the instant in that zone, by a CLDR pattern."""
        if ms is None:
            return ABSENT
        return str(format_datetime(_instant(ms, zone), pattern, locale=self.locale))

    def clock(self, ms: int | None, zone: str, pattern: str = "HH:mm") -> str:
        """Return the time of day in that zone."""
        return ABSENT if ms is None else str(format_time(_instant(ms, zone), pattern, locale=self.locale))

    def age(self, seconds: float | None) -> str:
        """Return how long ago, in one or two units: 8 s, 3 min, 2 h 10 min, 4 d."""
        if seconds is None:
            return ABSENT
        whole = max(0, int(seconds))
        if whole < 120:
            return self.say("{n} s", n=whole)
        if whole < 2 * 3600:
            return self.say("{n} min", n=whole // 60)
        if whole < 2 * 86400:
            return self.say("{h} h {m} min", h=whole // 3600, m=whole % 3600 // 60)
        return self.say("{n} d", n=whole // 86400)


def texts_for(language: Language) -> Texts:
    """Return the texts of a language. Cheap: catalogues are read once."""
    return _shelf()[language]


def native_name(language: Language) -> str:
    """Return what speakers of the language call it."""
    return _NATIVE[language]


def as_language(text: str) -> Language | None:
    """Return the language of a URL's first part, or None when it is none of ours."""
    return text if text in LANGUAGES else None


def negotiate(accept_language: str | None) -> Language:
    """Choose by an Accept-Language header (RFC 9110): the first of ours by weight, else Chinese."""
    weighed = sorted(_weights(accept_language or ""), key=lambda pair: -pair[1])
    for tag, weight in weighed:
        chosen = as_language(tag.split("-")[0].lower())
        if chosen is not None and weight > 0:
            return chosen
    return LANGUAGES[0]


def catalogues(language: Language) -> Sequence[Path]:
    """Return the catalogue files of a language."""
    return sorted((Path(__file__).parent / language).glob("*.po"))


def read_catalogue(path: Path) -> Catalog:
    """Read one catalogue; raises babel's PoFileError, with the line, when it is broken."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.name, abort_invalid=True)


@cache
def _shelf() -> Mapping[Language, Texts]:
    return MappingProxyType({lang: Texts(lang, Locale.parse(_LOCALES[lang]), _words(lang)) for lang in LANGUAGES})


def _words(language: Language) -> Translations:
    words = Translations()
    for path in catalogues(language):
        compiled = io.BytesIO()
        write_mo(compiled, read_catalogue(path))
        compiled.seek(0)
        part = Translations(fp=compiled)
        words.merge(part)
        words.plural = part.plural  # merging leaves it behind, and English counts otherwise
    return words


def _weights(header: str) -> Iterator[tuple[str, float]]:
    for part in header.split(","):
        tag, _, rest = part.strip().partition(";")
        quality = rest.strip().removeprefix("q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        if tag:
            yield tag, weight


def _instant(ms: int, zone: str) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZoneInfo(zone))
