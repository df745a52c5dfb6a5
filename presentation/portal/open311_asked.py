"""Open311 question: the words of one question to GeoReport, read strictly and refused in plain words."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import Request

from application.requests.counter import Counter
from presentation.portal.open311_format import Open311Error
from presentation.texts import Texts, as_language, negotiate, texts_for

LONGEST_SPAN: Final = timedelta(days=90)
MOST: Final = 1000


class Asked:
    """One question: the words of its path and query, or its form, in the language of who asks."""

    def __init__(self, counter: Counter, request: Request, told: Mapping[str, str]) -> None:
        self.counter, self.told = counter, told
        self.path: Mapping[str, str] = request.path_params
        self.origin = f"{request.url.scheme}://{request.url.netloc}"
        chosen = as_language(told.get("locale", "")[:2]) or negotiate(request.headers.get("accept-language"))
        self.t: Texts = texts_for(chosen)

    def of(self, name: str) -> str:
        """Return a word of the question, empty where it has none."""
        return self.told.get(name, "").strip()

    def number(self, name: str, usual: int, most: int) -> int:
        """Return a number from 1 on. Raises Open311Error."""
        text = self.of(name)
        if not text:
            return usual
        if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 9 and int(text) >= 1):
            raise Open311Error(400, f"{name}: expected a whole number from 1 on")
        return min(int(text), most)

    def moment(self, name: str) -> datetime | None:
        """Return a time of the question. Raises Open311Error."""
        text = self.of(name)
        if not text:
            return None
        try:
            when = datetime.fromisoformat(text)
        except ValueError as err:
            raise Open311Error(400, f"{name}: expected a time such as 2026-11-25T08:00:00Z") from err
        return when if when.tzinfo else when.replace(tzinfo=UTC)

    def span(self) -> tuple[datetime, datetime]:
        """Return the span that is asked for: 90 days at most, those up to now where nothing is said."""
        since, until = self.moment("start_date"), self.moment("end_date")
        try:
            end = until or (min(datetime.now(UTC), since + LONGEST_SPAN) if since else datetime.now(UTC))
            begin = since or end - LONGEST_SPAN
            return begin, min(end, begin + LONGEST_SPAN)
        except OverflowError as err:
            raise Open311Error(400, "start_date, end_date: beyond the calendar") from err

    @property
    def paging(self) -> tuple[int, int]:
        """How many, and how many before them."""
        size = self.number("page_size", MOST, MOST)
        return size, (self.number("page", 1, 1_000_000) - 1) * size
