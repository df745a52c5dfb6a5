"""Workshop: the worlds of a fleet made obedient: what is ordered acts on them, faults by command break them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from perception.command import CommandError, Why
from simulators.faults import FaultError
from simulators.faults.kinds import kind_named
from simulators.faults.making import made
from simulators.obedience.crew import Obedience
from simulators.player import Player, WorldPlayer

_OF_THE_COMMAND = {"kind", "severity"}


class Workshop:
    """A Breaker that writes into the schedules of the worlds in which devices play."""

    def __init__(self, players: Sequence[WorldPlayer]) -> None:
        self._parts = {part.name: (part, player.schedule) for player in players for part in player.parts}

    def add(self, device: str, args: Mapping[str, object], at: int, until: int | None) -> None:
        """Begin a fault. Raises CommandError with everything that does not fit."""
        part, schedule = self._parts[device]
        severity = args.get("severity", 0.5)
        try:
            fault = made(
                str(args["kind"]),
                device,
                part.kind,
                station=part.station or None,
                begins=at,
                ends=until,
                severity=float(severity) if isinstance(severity, int | float) else 0.5,
                parameters={k: v for k, v in args.items() if k not in _OF_THE_COMMAND},
            )
        except FaultError as err:
            raise CommandError(Why.LIMITS, str(err)) from err
        schedule.add(fault)

    def clear(self, device: str, kind: str | None, at: int) -> None:
        """End what is wrong with a device. Raises CommandError for a kind of fault that there is not."""
        try:
            self._parts[device][1].clear(device, at, kind if kind is None else kind_named(kind).name)
        except FaultError as err:
            raise CommandError(Why.LIMITS, str(err)) from err


def obedient(players: Sequence[Player], kept: Path | None) -> Obedience:
    """Return the obedience of all devices of simulated worlds, whose physics follow it from now on.

    `kept` is the file in which orders outlive this process, None for none.
    """
    worlds = [player for player in players if isinstance(player, WorldPlayer)]
    player_of = {part.name: player for player in worlds for part in player.parts}
    kinds = {part.name: part.kind for player in worlds for part in player.parts}

    def look(device: str) -> Mapping[str, float]:
        return player_of[device].shown(device)

    def hears(device: str) -> bool:
        return player_of[device].hears(device)

    obedience = Obedience(kinds, look, Workshop(worlds), kept, hears)
    for player in worlds:
        rows = {part.name: row for part in player.parts if (row := player.world.row(part.name)) >= 0}
        player.world.obey(obedience.over(player.schedule.interventions, rows))
    return obedience
