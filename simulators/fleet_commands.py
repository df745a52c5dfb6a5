"""The verb `simulate`: play a pretend city in real time or a past that runs faster, record it, or play a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulators.ports import Cast, Ports
from simulators.settings import MOST_SEED, Connections, SimulateSettings
from simulators.tempo import DAY_US
from simulators.wish import Wish, iso, moment_of, span_of, speed_of

if TYPE_CHECKING:
    from network.mqtt import Crowd, Message
    from perception.catalogue import Catalogue
    from simulators.crew import Crew
    from simulators.fleet import FleetCounts
    from simulators.obedience import Obedience
    from simulators.player import Player
    from simulators.sounding import Sounding
    from simulators.tape import Tape
    from simulators.tempo import Tempo

FLUSH_S = 0.8
LONG_FLUSH_S = 30.0
NO_SCENARIO = "none"
_MIB = 1024 * 1024
_COARSE_TICK_S, _COARSE_FROM = 10, 10.0
"""From this speed on, devices look at their world every ten seconds."""


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verb on the command line."""

    @app.command("simulate")
    def simulate_verb(
        stations: Annotated[int | None, typer.Option(min=1, help="Only so many of the simulated stations.")] = None,
        speed: Annotated[str | None, typer.Option(help="How many times faster than time, or max.")] = None,
        begin: Annotated[str | None, typer.Option(help="When the played time begins: ISO 8601 with a zone.")] = None,
        days: Annotated[
            float | None, typer.Option(min=0.001, max=3660, help="So many days; without --begin, the last.")
        ] = None,
        until: Annotated[str | None, typer.Option(help="When the played time ends: ISO 8601 with a zone.")] = None,
        connections: Annotated[
            Connections | None, typer.Option(help="A connection per branch, or one per device.")
        ] = None,
        seed: Annotated[
            int | None, typer.Option(min=0, max=MOST_SEED, help="The same number plays the same world.")
        ] = None,
        scenario: Annotated[str | None, typer.Option(help="What goes wrong: a scenario file; none: nothing.")] = None,
        truth: Annotated[Path | None, typer.Option(dir_okay=False, help="Write what was wrong, as JSON lines.")] = None,
        record: Annotated[
            Path | None, typer.Option(dir_okay=False, help="Write what is sent: JSON lines, also as .gz.")
        ] = None,
        replay: Annotated[
            Path | None, typer.Option(exists=True, dir_okay=False, help="Play what --record wrote, bit for bit.")
        ] = None,
        shift_days: Annotated[
            float, typer.Option(min=-36_600, max=36_600, help="With --replay: readings so many days later.")
        ] = 0.0,
    ) -> None:
        """Play every simulated device and the recordings; on a new database their past as well."""
        if replay is not None:
            play_tape(ports, replay, speed_of(speed or "1"), round(shift_days * DAY_US))
            return
        changes = {"connections": connections, "seed": seed, "speed": speed, "days": days, **_faults(scenario)}
        told = ports.settings().model_copy(update={k: v for k, v in changes.items() if v is not None})
        first, last = moment_of(begin, "--begin"), moment_of(until, "--until")
        by_setting = speed is None and begin is None and until is None
        wish = Wish(stations, speed_of(told.speed), first, days, last, record, truth, by_setting)
        simulate(ports, told, wish)


def simulate(ports: Ports, told: SimulateSettings, wish: Wish) -> None:
    """Play until asked to stop, or to the end of the wish. Raises PlanError, RecordingError, TapeError."""
    from simulators.faults import write_truth
    from simulators.fleet import run_fleet
    from simulators.stage import schedules_of

    heartbeat, clock = ports.heartbeat(), ports.clock
    cast = ports.cast(wish.stations)
    wish = _by_home(wish, told, is_new=cast.is_new)
    begin, end = span_of(wish, clock())
    heartbeat("builds the world", ready=False)
    players = _players(ports, told, cast, begin, coarse=wish.speed == 0 or wish.speed >= _COARSE_FROM)
    if wish.truth is not None:
        write_truth(wish.truth, *schedules_of(players))
    stop = ports.stop()  # only now: until then nothing is in hand, and a signal ends this process at once
    ports.await_audience(stop)
    with ExitStack() as opened:
        tempo, sounding = _tempo(ports, wish, begin, end)
        obedience = opened.enter_context(_obedient(ports, players, live=begin is None or wish.by_setting))
        crew = _crew(players, cast.catalogue, told, _Now(ports, tempo), sounding, obedience)
        tape = opened.enter_context(_tape(ports, told, wish.record, crew, cast.catalogue))
        link = opened.enter_context(_crowd(ports, crew, tape))
        counts = run_fleet(
            players,
            crew,
            link,
            tempo=tempo,
            stop=stop,
            progress=lambda c: heartbeat(_detail(c, up=link.connected()), ready=link.connected()),
            sounding=sounding,
            obedience=None if obedience is None else obedience.pass_time,
        )
        link.flush(FLUSH_S if stop.is_set() else LONG_FLUSH_S)
    if wish.truth is not None:
        write_truth(wish.truth, *schedules_of(players))  # with what a command has broken or mended
    if begin is not None:
        typer.echo(_summary(begin, counts, crew, stopped=stop.is_set()))


def _players(ports: Ports, told: SimulateSettings, cast: Cast, begin: int | None, *, coarse: bool) -> list[Player]:
    """Return who plays; newcomers beside the others, with a past of their own."""
    from simulators.stage import players_for

    play = partial(
        players_for,
        cast.catalogue,
        ports.kinds(),
        told,
        now=ports.clock() if begin is None else begin,
        tick_s=_COARSE_TICK_S if coarse else 1,
    )
    new = newcomers(cast) if begin is None else set()
    return [
        *play(
            simulated=[d for d in cast.devices if d not in new],
            recordings=ports.recordings if told.recordings else None,
            scenario=ports.scenario(told.scenario),
            is_new=cast.is_new and begin is None,
        ),
        *play(simulated=new, is_new=True),
    ]


def newcomers(cast: Cast) -> set[str]:
    """Return who joins a city that is played already: those that live by what their kind says alone."""
    from simulators.strangers import OF_A_PLANT

    strangers = {d.name for d in cast.catalogue.devices if d.kind not in OF_A_PLANT}
    return strangers & set(cast.newcomers) & set(cast.devices)


def _by_home(wish: Wish, told: SimulateSettings, *, is_new: bool) -> Wish:
    """Return the wish; where the settings wish for speed, a past is played once, in a new home."""
    if wish.by_setting and not is_new:
        return replace(wish, speed=1.0)
    if wish.by_setting and wish.speed != 1:
        return replace(wish, days=told.days)
    return wish


def play_tape(ports: Ports, file: Path, speed: float, shift_us: int) -> None:
    """Play a tape once more, and say what became of it. Raises TapeError."""
    from network.mqtt import Crowd
    from simulators.playback import PlaybackCounts, Reel, run_playback
    from simulators.tape import open_tape

    stop, heartbeat = ports.stop(), ports.heartbeat()
    tape = open_tape(file)
    ports.await_audience(stop)
    reels = [Reel(who) for who in tape.header.connections]
    link = Crowd(ports.address(), reels)

    def progress(counts: PlaybackCounts) -> None:
        up = link.connected()
        heartbeat(f"{counts.acknowledged} messages played" if up else "the broker is away", ready=up)

    try:
        counts = run_playback(
            tape, reels, link, speed=speed, shift_us=shift_us, clock=ports.clock, stop=stop, progress=progress
        )
    finally:
        link.close()
    typer.echo(f"{file}: {counts.acknowledged} of {counts.handed} messages acknowledged by the broker")


def _faults(word: str | None) -> dict[str, object]:
    """Return the settings that --scenario changes."""
    if word is None:
        return {}
    return {"faults": False} if word == NO_SCENARIO else {"faults": True, "scenario": str(Path(word).resolve())}


def _tempo(ports: Ports, wish: Wish, begin: int | None, end: int | None) -> tuple[Tempo, Sounding | None]:
    from simulators.sounding import Sounding
    from simulators.tempo import Tempo

    tempo = Tempo(ports.clock, speed=wish.speed, begin=begin, end=end, stays=wish.by_setting)
    faster = begin is not None and wish.speed != 1
    return tempo, Sounding(f"simulate-{ports.clock()}") if faster else None


def _by_events(ports: Ports, tempo: Tempo) -> Callable[[], int]:
    """Return the time by which a reading is late: of the newest event where ingest thinks so too."""
    if not tempo.shifted:
        return ports.clock
    if ports.event_time():
        return lambda: tempo.reached
    typer.echo(
        "watch.clock is wall: what is played of the past is stored as such and raises no alarm;"
        " for a trial that does, see docs/how-to/simulate.md",
        err=True,
    )
    return ports.clock


def _crew(
    players: Sequence[Player],
    catalogue: Catalogue,
    told: SimulateSettings,
    now: _Now,
    sounding: Sounding | None,
    obedience: Obedience | None,
) -> Crew:
    """Return who speaks for the devices; client ids of its own keep a past from putting a live fleet out."""
    from simulators.airway import Airway
    from simulators.crew import Crew, by_branch, one_each
    from simulators.stage import branch_of, fates_of

    parts = [part for player in players for part in player.parts]
    own = told.connections is Connections.DEVICES
    groups = one_each(parts) if own else by_branch(parts, branch_of(catalogue))
    beside = "-past" if obedience is None else ""
    groups = {f"{client_id}{beside}": several for client_id, several in groups.items()}
    airway = Airway(fates_of(players))

    def obey(device: str, payload: bytes) -> Sequence[bytes]:
        assert obedience is not None
        return [reply for _device, reply in obedience.hear(device, payload, now.world())]

    return Crew(
        groups,
        now.late,
        most_bytes=told.queue_mib * _MIB,
        airway=airway,
        sounding=sounding,
        obey=obey if obedience is not None else None,
    )


@contextmanager
def _obedient(ports: Ports, players: Sequence[Player], *, live: bool) -> Iterator[Obedience | None]:
    """Yield what the devices obey by; a past is played beside devices that live, and obeys nobody."""
    from simulators.obedience.workshop import obedient

    if not live:
        yield None
        return
    obedience = obedient(players, ports.orders())
    try:
        yield obedience
    finally:
        obedience.keep()


class _Now:
    """What time it is: `late` by which a reading is late, and `world` in which devices obey."""

    def __init__(self, ports: Ports, tempo: Tempo) -> None:
        self.late = _by_events(ports, tempo)
        self._clock, self._tempo = ports.clock, tempo

    def world(self) -> int:
        return self._tempo.reached if self._tempo.shifted else self._clock()


@contextmanager
def _crowd(ports: Ports, crew: Crew, tape: Tape | None) -> Iterator[Crowd]:
    from network.mqtt import Crowd

    def note(by: int, message: Message) -> None:
        assert tape is not None
        tape.write(ports.clock(), by, message)

    link = Crowd(ports.address(), crew.gateways, on_sent=None if tape is None else note)
    try:
        yield link
    finally:
        link.close()


@contextmanager
def _tape(
    ports: Ports, told: SimulateSettings, file: Path | None, crew: Crew, catalogue: Catalogue
) -> Iterator[Tape | None]:
    from simulators.tape import VERSION, Header, Tape, speakings

    if file is None:
        yield None
        return
    kinds = {part.kind.name: part.kind.version for gateway in crew.gateways for part in gateway.parts}
    header = Header(
        hearthline="what a fleet sent",
        version=VERSION,
        begun=iso(ports.clock()),
        seed=told.seed,
        cities=tuple(city.name for city in catalogue.cities),
        kinds=kinds,
        connections=speakings([(g.client_id, g.will) for g in crew.gateways]),
    )
    with Tape(file, header) as tape:
        yield tape
    typer.echo(f"{file}: {tape.messages} messages recorded", err=True)


def _detail(counts: FleetCounts, *, up: bool) -> str:
    waits = f", {counts.waiting} wait" if counts.waiting > 1000 or not up else ""
    dropped = f", {counts.dropped} dropped" if counts.dropped else ""
    told = f"{counts.live} live, {counts.backfilled} past{waits}{dropped}"
    return told if up else f"the broker is away: {told}"


def _summary(begin: int, counts: FleetCounts, crew: Crew, *, stopped: bool) -> str:
    ends = "stopped" if stopped else "over"
    reached = min(counts.reached, 2**62)
    return (
        f"{ends}: played {iso(begin)} to {iso(reached)}; {crew.live} readings acknowledged by the broker, "
        f"{counts.dropped} dropped, {counts.lost} lost to faults of links"
    )
