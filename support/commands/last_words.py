"""Last words: what a verb that ends with an error says to the person who called it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from support.home import Home
from support.set_up import CONFIGURATION_EXIT

_OURS = {"perception", "network", "support", "application", "simulators"}
_NO_USE_RESTARTING = {
    "ConfigurationError",
    "DisclosureError",
    "HomeError",
    "KindError",
    "MappingError",
    "ResponsibilityError",
    "ScenarioError",
    "ServiceError",
    "UndeclaredError",
}
_LOST = {"sqlalchemy.OperationalError", "psycopg.OperationalError"}


class WordsError(Exception):
    """What was written on the command line is no text; the message shows what was."""


def legible(words: Sequence[str]) -> list[str]:
    """Return the words of a command line. Raises WordsError: bytes that are no UTF-8 fit no name and no table."""
    for word in words:
        if not word.isascii() and any("\ud800" <= c <= "\udfff" for c in word):
            raise WordsError(f"{word!a:.80} is no text in UTF-8: write it again, or set the terminal to UTF-8")
    return list(words)


class LastWords(NamedTuple):
    """A sentence that says what to do, and the exit status."""

    text: str
    status: int


def last_words(err: Exception, home: Callable[[], Home]) -> LastWords | None:
    """Return what to say, None for an error that is not one of our own: a bug, which deserves its traceback."""
    if _names(err) & _LOST:
        return LastWords(
            f"no database answers for the home {home().root}: start it with hearthline run, "
            "or see HEARTHLINE_HOME and database.url",
            1,
        )
    if type(err).__module__.split(".")[0] not in _OURS:
        return None
    return LastWords(str(err), CONFIGURATION_EXIT if type(err).__name__ in _NO_USE_RESTARTING else 1)


def _names(err: Exception) -> set[str]:
    """Return the names of an error and of what it is, with the library that it comes from."""
    return {f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(err).__mro__}
