"""Listing: what devices wrote reaches the terminal as text, never as markup and never as control characters."""

from datetime import UTC, datetime

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


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "yes"),
        (False, "no"),
        (datetime(2026, 11, 24, 23, 12, 36, 790_000, UTC), "2026-11-24T23:12:36+00:00"),
        ({"p_sec_return": 0.416, "limit_mpa": None}, "p_sec_return 0.416"),
    ],
)
def test_a_cell_reads_as_words_and_as_one_sort_of_time(value, shown, capsys):
    show([{"seen": value}], as_json=False)
    assert capsys.readouterr().out.splitlines()[3].strip() == shown
