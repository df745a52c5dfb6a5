"""Listing: what devices wrote reaches the terminal as text, never as markup and never as control characters."""

import pytest

from support.commands.listing import show


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("'[/b]': unknown", "'[/b]': unknown"),
        ("[red]alarm", "[red]alarm"),
        ("hearthline/v1/\x1b[31mX/readings", r"hearthline/v1/\x1b[31mX/readings"),
        ("a\u202eb", r"a\u202eb"),
        ("雪澄市", "雪澄市"),
    ],
)
def test_a_cell_shows_what_is_written(written, shown, capsys):
    show([{"detail": written}], as_json=False)
    printed = capsys.readouterr().out
    assert shown in printed
    assert "\x1b" not in printed
