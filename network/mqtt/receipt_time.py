"""Receipt time: when a message counts as received, so that no two readings of a connection share an instant.

Readings without a time have that of their receipt, a microsecond each. What comes in one go is therefore received
some microseconds apart, later than any reading that the message before could hold.
"""

_MOST_AHEAD_US = 1_000_000


def receipt_time(taken_until: int, now: int) -> int:
    """Return the time of receipt: `now`, or `taken_until` where earlier messages have taken up the time until then.

    Epoch microseconds. Taken up by a second or more: the clock was set back, and `now` counts.
    """
    return taken_until if 0 < taken_until - now < _MOST_AHEAD_US else now
