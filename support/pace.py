"""Pace: how much of what is belated goes through one transaction, so that what is live never waits long for it."""

TURN_S = 0.02
"""A live reading that comes at the wrong moment waits for as long as a turn of belated ones takes."""

_LEAST = 5


class Pace:
    """Adapts the number of belated deliveries of a turn to how long turns take here and now. For one thread.

    A turn of live ones is mostly the price of a transaction, whatever it holds. A turn of belated
    ones may take TURN_S longer; or twice as long, where a machine is so slow that this is more: to
    make it shorter still would only waste transactions.
    """

    def __init__(self, most: int) -> None:
        """At `most` so many of one turn."""
        self._least, self._most = min(_LEAST, most), most
        self._live_s = 0.0
        self.quota = self._least

    def took_live(self, seconds: float) -> None:
        """See how long a turn of live deliveries took."""
        self._live_s = (self._live_s + seconds) / 2

    def took(self, deliveries: int, seconds: float) -> None:
        """See how long a turn of so many took: the next fits, and is at most twice as large."""
        cost_s = max(seconds - self._live_s, 1e-6)
        fitting = int(deliveries * max(TURN_S, self._live_s) / cost_s)
        self.quota = min(max(fitting, self._least), 2 * max(deliveries, self._least), self._most)
