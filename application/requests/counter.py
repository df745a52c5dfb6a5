"""Counter: what a visitor of the portal does with requests, through the functions of the schema `counter` alone.

It works with the rights of the portal's role, which reads no table, and of the owner as well. A request is opened with
a secret word, made here and told to its reporter only; the database keeps its digest.

CounterError
├── NotRightError   what was sent is not right; `field` says which part
├── TooMuchError    too much at once
├── NotNowError     the request is not in a state in which this can be done
└── NotThereError   there is no request of this number and word
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from application.requests.score import Scorecard, scorecards
from support.store import StoreDownError

HIGHEST_NUMBER = 2**63 - 1


class CounterError(Exception):
    """The counter refuses; the text says why."""


class NotRightError(CounterError):
    """What was sent is not right; the text begins with the part that is meant."""

    @property
    def field(self) -> str:
        """The part that is meant."""
        return str(self).partition(":")[0]


class TooMuchError(CounterError):
    """Too much at once; the text says what to do instead."""


class NotNowError(CounterError):
    """The request is not in a state in which this can be done."""


class NotThereError(CounterError):
    """There is no request of this number and word; which of them is wrong is not told."""


_ERRORS = {"HL001": NotRightError, "HL002": TooMuchError, "HL003": NotNowError, "HL004": NotThereError}
_LISTED = text(
    "select * from counter.listed(:numbers, :kinds, :since, :until, :is_open, :city, :most, :start, :by_update)"
)


class Counter:
    """Safe to share between threads. Every method raises StoreDownError while the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def kinds(self) -> Sequence[RowMapping]:
        """Return the kinds in force: code, titles, hints, group, attributes, first_body."""
        return self._rows("select * from counter.kinds()", {})

    def submit(self, told: Mapping[str, object]) -> tuple[int, str]:
        """Open a request; return its number and secret word. Raises NotRightError, TooMuchError, NotNowError."""
        word = secrets.token_urlsafe(18)
        number = self._value("select counter.submit(cast(:told as jsonb), :word)", {"told": _json(told), "word": word})
        return int(number), word

    def similar(self, kind: str, community: str, words: str) -> Sequence[RowMapping]:
        """Return requests under way that may be the same trouble, the likest first."""
        sent = {"kind": _plain(kind), "community": _plain(community), "words": _plain(words)}
        return self._rows("select * from counter.similar(:kind, :community, :words)", sent)

    def join(self, number: int, told: Mapping[str, object]) -> str:
        """Join a request; return the secret word with which the joiner follows it."""
        word = secrets.token_urlsafe(18)
        if not 0 < number <= HIGHEST_NUMBER:
            raise NotThereError("there is no request of this number")
        sent = {"number": number, "word": word, "told": _json(told)}
        self._value("select counter.join_in(:number, :word, cast(:told as jsonb))", sent)
        return word

    def read(self, number: int, word: str) -> Mapping[str, Any] | None:
        """Return a request as the holder of its word may see it; None for a wrong number or word."""
        if not 0 < number <= HIGHEST_NUMBER:
            return None
        found = self._value("select counter.read(:number, :word)", {"number": number, "word": _plain(word)[:80]})
        return None if found is None else dict(found)

    def act(self, number: int, word: str, what: str, told: Mapping[str, object]) -> str:
        """Confirm, reopen, add or rate; return what was done ("rated before": nothing). Raises CounterError."""
        if not 0 < number <= HIGHEST_NUMBER:
            raise NotThereError("there is no request of this number")
        sent = {"number": number, "word": _plain(word)[:80], "what": what, "told": _json(told)}
        return str(self._value("select counter.act(:number, :word, :what, cast(:told as jsonb))", sent))

    def listed(
        self,
        *,
        numbers: Sequence[int] | None = None,
        kinds: Sequence[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        is_open: bool | None = None,
        city: str | None = None,
        most: int = 1000,
        start: int = 0,
        by_update: bool = False,
    ) -> Sequence[RowMapping]:
        """Return requests as everybody may see them, newest first."""
        sent: dict[str, object] = {
            "numbers": None if numbers is None else [n for n in numbers if 0 < n <= HIGHEST_NUMBER]
        }
        sent |= {"kinds": None if kinds is None else [_plain(k) for k in kinds], "since": since, "until": until}
        sent |= {"is_open": is_open, "city": city, "most": most, "start": start, "by_update": by_update}
        return self._rows(_LISTED, sent)

    def updates(self, since: datetime, until: datetime, most: int, start: int) -> Sequence[RowMapping]:
        """Return what happened to requests in a span, the oldest first: id, number, what, at, zh, en."""
        sent = {"since": since, "until": until, "most": most, "start": start}
        return self._rows("select * from counter.updates(:since, :until, :most, :start)", sent)

    def nearest(self, lat: float, lon: float) -> str | None:
        """Return the name of the community nearest to a position, within 3 km."""
        found = self._value("select counter.nearest(:lat, :lon)", {"lat": lat, "lon": lon})
        return None if found is None else str(found)

    def key_known(self, key: str) -> bool:
        """Return whether a program's key is one of ours and in force."""
        return self._value("select counter.key_known(:key)", {"key": _plain(key)[:200]}) is not None

    def scorecards(self, area: str, month: date) -> Sequence[Scorecard]:
        """Return the scorecards of an area and month."""
        with self._connected() as on:
            return scorecards(on, area, month)

    def _rows(self, query: Any, values: Mapping[str, object]) -> Sequence[RowMapping]:
        with self._connected() as on:
            return on.execute(text(query) if isinstance(query, str) else query, values).mappings().all()

    def _value(self, query: str, values: Mapping[str, object]) -> Any:
        with self._connected() as on:
            found = on.scalar(text(query), values)
            on.commit()
        return found

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as plain:
                yield plain.execution_options(postgresql_readonly=False)
        except PoolTimeoutError as err:
            raise StoreDownError("the database is too busy: no connection came free") from err
        except DBAPIError as err:
            known = _ERRORS.get(str(getattr(err.orig, "sqlstate", "")))
            if known is not None:
                raise known(str(err.orig).splitlines()[0]) from None  # whose words and secrets stay out of logs
            if isinstance(err, OperationalError | InterfaceError):
                raise StoreDownError(f"the database cannot be read: {err.orig}") from None
            raise


def _plain(words: str) -> str:
    """Return text that PostgreSQL takes: no NUL, no half of a surrogate pair."""
    return words.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _json(told: Mapping[str, object]) -> str:
    clean = {k: _plain(v) if isinstance(v, str) else v for k, v in told.items()}
    return json.dumps(clean, ensure_ascii=False).replace("\\u0000", "\\ufffd")
