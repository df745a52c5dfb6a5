"""Listing: rows on the terminal, as a table for people or as JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

import typer

Rows = Sequence[Mapping[str, object]]


def show(rows: Rows, as_json: bool, *, empty: str = "nothing to show") -> None:
    """Print rows. A table takes its columns from the first row; with JSON it is a list of objects."""
    if as_json:
        show_json(rows)
    elif rows:
        _table(rows)
    else:
        typer.echo(empty, err=True)


def show_json(told: object) -> None:
    """Print anything as JSON; times and the like as text."""
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2, default=str))


def _table(rows: Rows) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        # Text, not str: what a device wrote may look like markup, and a closing tag of none would raise.
        table.add_row(*(Text(visible(_words(value))) for value in row.values()))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)  # for pipes and files: lines are not to be broken at 80
    console.print(table)


def _words(value: object) -> str:
    """Return a cell as people read it; JSON keeps what programs read."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(each)}" for key, each in value.items() if each is not None)
    return str(value)


def visible(text: str) -> str:
    """Return the text with what a terminal would obey, or not show, spelled out."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
