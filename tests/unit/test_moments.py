"""Moments: times as people type them."""

from datetime import UTC, datetime

import pytest

from support.commands.moments import ALWAYS, MomentError, moment

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("2h", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("30min", datetime(2026, 1, 31, 11, 30, tzinfo=UTC)),
        ("3d", datetime(2026, 1, 28, 12, tzinfo=UTC)),
        ("2026-01-30", datetime(2026, 1, 30, tzinfo=UTC)),
        ("2026-01-30T08:00+08:00", datetime(2026, 1, 30, tzinfo=UTC)),
        ("now", NOW),
        ("always", ALWAYS),
    ],
)
def test_what_is_understood(words, expected):
    assert moment(words, NOW) == expected


@pytest.mark.parametrize("words", ["", "yesterday", "2 h", "-3d", "999999w", "2026-13-01"])
def test_what_is_not_is_told_with_what_is(words):
    with pytest.raises(MomentError, match="expected 30min, 2h"):
        moment(words, NOW)
