"""Kind file: the kinds of requests as they stand in configs/requests.toml, every problem named at once."""

from collections.abc import Sequence
from pathlib import Path

from application.requests.kind import RequestKind
from application.work.responsibility import ResponsibilityError
from application.work.responsibility_file import rows_of, tables_of


def read_kinds(file: Path) -> Sequence[RequestKind]:
    """Return the kinds of a file. Raises ResponsibilityError with every problem."""
    tables = tables_of(file)
    problems = [f"unknown key {key!r}: expected kinds" for key in tables if key != "kinds"]
    kinds = rows_of(RequestKind, tables.get("kinds", []), "kinds", problems)
    if not kinds and not problems:
        problems.append("no kind of request: citizens could report nothing")
    if problems:
        raise ResponsibilityError("\n".join(f"{file}: {problem}" for problem in problems))
    return kinds
