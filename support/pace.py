"""Pace: how much of what is belated goes through one transaction, so that what is live never waits long for it."""

TURN_S = 0.02
"""A live reading that comes at the wrong moment waits for as long as a turn of belated ones takes."""

_LEAST = 5
"""A commit has its price, however little it holds."""


class Pace:
    """Adapts the number of belated deliveries of a turn to how long turns take here and now. For one thread.

    A turn of belated ones takes TURN_S, or as long as one of live ones, where a machine is so slow
    that those take longer: to make it shorter still would only waste commits.
    """

    def __init__(self, most: int) -> None:
        """At `most` so many of one turn."""
        self._least, self._most = min(_LEAST, most), most
        self._turn_s = TURN_S
        self.quota = self._least

    def took_live(self, seconds: float) -> None:
        """See how long a turn of live deliveries took."""
        self._turn_s = max(TURN_S, (self._turn_s + seconds) / 2)

    def took(self, deliveries: int, seconds: float) -> None:
        """See how long a turn of so many took: the next fits, and is at most twice as large."""
        fitting = int(deliveries * self._turn_s / max(seconds, 1e-6))
        self.quota = min(max(fitting, self._least), 2 * max(deliveries, self._least), self._most)
