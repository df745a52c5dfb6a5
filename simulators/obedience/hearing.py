"""Hearing: the link through which a fleet hears commands, and what a fault command breaks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from network.address import Address
from network.link import Inlet, Outlet
from network.mqtt import MqttInlet
from network.topics import ROOT, Channel, Topic, filters
from perception.command import CommandError, Why
from simulators.faults import FaultError
from simulators.faults.kinds import kind_named
from simulators.faults.making import made
from simulators.obedience.crew import Obedience
from simulators.player import Player, WorldPlayer

CLIENT_ID = "hearthline-simulate-commands"
_MOST = 1_000
_BEFORE, _AFTER = f"{ROOT}/", f"/{Channel.COMMAND}"
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


class Hearing:
    """What a fleet calls while it plays. Commands that it does not take wait with the broker."""

    def __init__(self, inlet: Inlet, obedience: Obedience) -> None:
        self._inlet, self._obedience = inlet, obedience

    def listen(self, outlet: Outlet, now: int) -> None:
        """Obey what came, and answer; look what is done by now. Raises LinkDownError when the outlet is closed."""
        deliveries = self._inlet.take(_MOST, 0.0)
        heard = [(d.topic.removeprefix(_BEFORE).removesuffix(_AFTER), d.payload) for d in deliveries]
        said = [one for device, payload in heard for one in self._obedience.hear(device, payload, now)]
        for device, payload in (*said, *self._obedience.pass_time(now)):
            outlet.publish(str(Topic(device, Channel.REPLY)), payload)
        if deliveries:
            self._inlet.ack(deliveries)


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


@contextmanager
def hearing(address: Address, players: Sequence[Player], kept: Path | None) -> Iterator[Hearing]:
    """Yield the hearing of all devices of simulated worlds: one kept session, so that nothing is missed meanwhile."""
    inlet = MqttInlet(address, CLIENT_ID, filters(Channel.COMMAND))
    try:
        yield Hearing(inlet, obedient(players, kept))
    finally:
        inlet.close()
