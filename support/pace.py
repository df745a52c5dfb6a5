"""Pace: how much of what is belated goes through one transaction, so that what is live never waits long for it."""

TURN_S = 0.02
"""A live reading that comes at the wrong moment waits for as long as a turn of belated ones takes."""

_LEAST = 5
"""A commit has its price, however little it holds."""


class Pace:
    """Adapts the number of belated deliveries of a turn to how long they take here and now. For one thread."""

    def __init__(self, most: int) -> None:
        """At `most` so many of one turn."""
        self._least, self._most = min(_LEAST, most), most
        self.quota = self._least

    def took(self, deliveries: int, seconds: float) -> None:
        """See how long a turn of so many took: the next fits into TURN_S, and is at most twice as large."""
        fitting = int(deliveries * TURN_S / max(seconds, 1e-6))
        self.quota = min(max(fitting, self._least), 2 * max(deliveries, self._least), self._most)
