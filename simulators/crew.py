"""Crew: all gateways of a fleet, or its devices each with a connection of its own, and who speaks for whom."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from perception.payload import RawReading, decode, encode
from simulators.airway import Airway, Changed, Passed
from simulators.cast import Part
from simulators.gateway import Gateway, Obey, Waiting
from simulators.sounding import LEADS, Sounding

Groups = Mapping[str, Sequence[Part]]
"""Parts by the client id of whoever speaks for them."""


def one_each(parts: Iterable[Part]) -> dict[str, list[Part]]:
    """Return every device as its own group, with the client id that a DeviceClient of that name has."""
    return {f"hearthline-device-{part.name}": [part] for part in parts}


def by_branch(parts: Iterable[Part], branch_of: Mapping[str, str]) -> dict[str, list[Part]]:
    """Return the devices by branch; `branch_of` has the branch of each device, a device without one is on its own."""
    found: dict[str, list[Part]] = {}
    for part in parts:
        found.setdefault(f"hearthline-gateway-{branch_of.get(part.name, part.name)}", []).append(part)
    return found


class Crew:
    """The speakers of a fleet. Each has a share of `most_bytes` for what waits, by its number of devices.

    With `sounding` a few devices number their readings. `obey` answers commands. Readings pass through `airway`.
    """

    def __init__(
        self,
        groups: Groups,
        now: Callable[[], int],
        *,
        most_bytes: int,
        airway: Airway | None = None,
        sounding: Sounding | None = None,
        obey: Obey | None = None,
    ) -> None:
        share = most_bytes // max(sum(map(len, groups.values())), 1)
        self._leads = _leads(groups, sounding) if sounding is not None else {}
        self.gateways = [
            Gateway(
                client_id,
                parts,
                now,
                most_bytes=share * len(parts),
                lead=self._leads.get(k),
                obey=obey,
            )
            for k, (client_id, parts) in enumerate(groups.items())
        ]
        self._place = {
            part.name: (k, n) for k, gateway in enumerate(self.gateways) for n, part in enumerate(gateway.parts)
        }
        self._airway = airway or Airway()
        self._sounding = sounding
        self._rung: set[int] = set()
        self._cut: list[tuple[int, bool]] = []

    @property
    def waiting(self) -> int:
        """How many readings wait to be said."""
        return sum(g.waiting for g in self.gateways)

    @property
    def dropped(self) -> int:
        """How many readings were dropped, because too many waited."""
        return sum(g.dropped for g in self.gateways)

    @property
    def lost(self) -> int:
        """How many readings no link ever carried, by a fault."""
        return self._airway.lost

    @property
    def live(self) -> int:
        """How many readings the broker has taken, those of the past not counted."""
        return sum(g.live for g in self.gateways)

    @property
    def backfilled(self) -> int:
        """How many readings of the past the broker has taken."""
        return sum(g.backfilled for g in self.gateways)

    @property
    def past_waiting(self) -> int:
        """How many lists of the past wait, or are under way."""
        return sum(g.past_waiting for g in self.gateways)

    def take(self, device: str, reading: RawReading) -> None:
        """Take a reading as it is measured."""
        for event in self._airway.take(device, reading):
            if isinstance(event, Passed):
                self._put(event)
            else:
                self._change(event)

    def pass_time(self, now: int) -> None:
        """Let through what a link has delayed until now."""
        for passed in self._airway.through(now):
            self._put(passed)

    def take_past(self, device: str, readings: Sequence[RawReading]) -> None:
        """Take readings of the past of one device, in their order."""
        k, place = self._place[device]
        self.gateways[k].put_past([Waiting(place, r.ts or 0, encode([r])) for r in readings])
        self._rung.add(k)

    def reply(self, device: str, payload: bytes) -> None:
        """Say what a device answers to a command later than at once."""
        k, _place = self._place[device]
        self.gateways[k].reply(device, payload)
        self._rung.add(k)

    def leave(self) -> None:
        """Say of every device that it is offline."""
        for k, gateway in enumerate(self.gateways):
            gateway.leave()
            self._rung.add(k)

    def take_receipts(self) -> list[bytes]:
        """Return the receipts that the leads have heard, once."""
        found: list[bytes] = []
        for k in self._leads:
            found += self.gateways[k].receipts
            self.gateways[k].receipts.clear()
        return found

    def take_rung(self) -> set[int]:
        """Return the places of those who have something to say, once."""
        rung, self._rung = self._rung, set()
        return rung

    def take_cuts(self) -> list[tuple[int, bool]]:
        """Return, once, which connections are to be cut off (True) or mended: a device with its own fell silent."""
        cut, self._cut = self._cut, []
        return cut

    def _put(self, passed: Passed) -> None:
        k, place = self._place[passed.device]
        body = passed.body
        if self._sounding is not None:
            lead = self._leads.get(k)
            if lead is not None and lead[0] == place:
                body = _numbered(body, self._sounding.number(lead[1]))
            self._sounding.said(1)
        self.gateways[k].put(Waiting(place, passed.ts, body))
        self._rung.add(k)

    def _change(self, change: Changed) -> None:
        k, place = self._place[change.device]
        gateway = self.gateways[k]
        if len(gateway.parts) == 1:
            self._cut.append((k, not change.online))  # its own connection: the broker says its will
            return
        if change.started:
            gateway.born(place)
        gateway.tell_state(place, online=change.online)
        self._rung.add(k)


def _numbered(body: bytes, number: int) -> bytes:
    return encode([replace(reading, seq=number) for reading in decode(body) if isinstance(reading, RawReading)])


def _leads(groups: Groups, sounding: Sounding) -> dict[int, tuple[int, str]]:
    """Return who numbers its readings, by the place of its gateway: who reports often, in different gateways."""
    often = sorted(
        (min((part.interval, n) for n, part in enumerate(parts)), k) for k, parts in enumerate(groups.values()) if parts
    )
    return {k: (n, sounding.boot(number)) for number, ((_, n), k) in enumerate(often[:LEADS])}
