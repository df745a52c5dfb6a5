"""Hearthline: the composition root and the command line. The only file that knows every adapter.

Each verb reads the settings, builds the adapters it needs and hands them to one spine, or to one
function of a layer's `commands`. Adapters are imported inside the verbs, so that each process
loads only what it uses. Imported by nobody.
"""

import getpass
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from pydantic_settings import SettingsConfigDict

import application.assembly
import application.commands
import application.metering.commands
import network.commands
import network.conformance.commands
import simulators.commands
import simulators.look_commands
import simulators.trial.drill_commands
from application.settings import NotifySettings, WatchClock, WatchSettings
from network.settings import BrokerSettings
from perception.kinds import load_kinds
from perception.sensor_kind import SensorKind
from presentation.settings import ConsoleSettings, PortalSettings
from simulators import scenario_commands
from simulators.settings import SimulateSettings
from simulators.trial import score_commands
from support.commands import archives, exports, tending, verbs
from support.commands.asking import asker
from support.commands.last_words import last_words, legible
from support.commands.listing import show
from support.commands.verbs import AsJson
from support.configuration import FileSettings, load, rows, without_password
from support.home import Home, default_home, open_home
from support.kind_files import known_kinds
from support.settings import DatabaseSettings, IngestSettings, TendSettings
from support.spans import span_of
from support.stopping import SUPERVISOR_PID, await_turn, die_with_supervisor, stop_event

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Connection, Engine

    from application.drills import Drills
    from application.notify.desk import Desk
    from network.link import Tally
    from network.mapped import Mappings
    from perception.catalogue import Catalogue
    from perception.roster import Roster
    from simulators.trial.engines import Engines
    from support.commands.catalogue import Cast
    from support.commands.doctor import Check
    from support.heartbeat import Stop
    from support.store import ReadingReader

CHECKOUT = Path(__file__).resolve().parent
CONFIGS = CHECKOUT / "configs"
SETTINGS_FILE = CONFIGS / "hearthline.toml"


class Settings(FileSettings):
    """Every setting: configs/hearthline.toml, overruled by HEARTHLINE_<SECTION>__<KEY>."""

    model_config = SettingsConfigDict(toml_file=SETTINGS_FILE)

    broker: BrokerSettings = BrokerSettings()
    database: DatabaseSettings = DatabaseSettings()
    ingest: IngestSettings = IngestSettings()
    watch: WatchSettings = WatchSettings()
    console: ConsoleSettings = ConsoleSettings()
    portal: PortalSettings = PortalSettings()
    simulate: SimulateSettings = SimulateSettings()
    tend: TendSettings = TendSettings()
    notify: NotifySettings = NotifySettings()


@cache
def settings() -> Settings:
    """Return the settings. Raises ConfigurationError with every problem at once."""
    return load(Settings, SETTINGS_FILE, os.environ)


@cache
def home() -> Home:
    """Return the data folder, made where it is missing."""
    return open_home(default_home(CHECKOUT))


@cache
def kinds() -> Mapping[str, SensorKind]:
    """Return every sensor kind; under a supervisor those that it has taken in."""
    return known_kinds()


def database_url() -> str:
    """Return the address of the database, ours or the one that the settings name."""
    from support.postgres.server import url

    chosen = settings().database.url
    return url(home().root) if chosen is None else chosen.get_secret_value()


@cache
def engine(name: str) -> "Engine":
    """Return an engine; `name` is shown among the server's connections."""
    from support.postgres.connect import make_engine

    return make_engine(database_url(), name, connections=settings().database.connections)


def roster() -> "Roster":
    """Return the devices as they are known right now."""
    from support.postgres import rosters

    with engine("verb").connect() as on:
        return rosters.load(on, kinds())


def portal_password() -> str:
    """Return the password of the portal's own database role."""
    from support.postgres.household import Household

    return Household(home().root).secret("portal-password")


def rules_file() -> Path:
    """Return the file of the rules' parameters."""
    return CHECKOUT / settings().watch.rules


def duties() -> int:
    """Return how many items the responsibility list has. Raises ResponsibilityError with every problem."""
    from application.work.bringing import areas_of, checked, checked_kinds

    areas = areas_of(cities())
    told = checked(CHECKOUT / settings().watch.responsibilities, rules_file(), areas, clock())
    checked_kinds(CHECKOUT / settings().watch.requests, told, areas, clock())
    return len(told.items)


@cache
def desk() -> "Desk":
    """Return what notifications are made and sent with."""
    return application.assembly.desk_of(CHECKOUT, settings().notify, home().root / "secrets", kinds)


@cache
def mappings() -> "Mappings":
    """Return how the messages of foreign controllers are read. Raises MappingError with every problem."""
    from network.mapping_files import load_mappings

    return load_mappings(CHECKOUT / settings().ingest.mappings, kinds())


def addresses(with_secrets: bool) -> dict[str, str]:
    """Return where everything is reached."""
    told, database = settings(), database_url()
    return {
        "console": f"http://{told.console.host}:{told.console.port}/",
        "portal": f"http://{told.portal.host}:{told.portal.port}/",
        "broker": told.broker.address.url if with_secrets else str(told.broker.address),
        "database": database if with_secrets else without_password(database),
    }


def clock() -> int:
    """Return the wall clock: epoch microseconds UTC."""
    return time.time_ns() // 1000


def actor() -> str:
    """Return who stands behind what a verb writes."""
    return f"cli:{getpass.getuser()}"


def heartbeat(name: str) -> Callable[..., None]:
    """Return what a process calls to say how it does; sets up its log and its metrics."""
    from support.heartbeat import Heartbeat
    from support.logs import configure

    configure(timestamps=SUPERVISOR_PID not in os.environ)
    return Heartbeat(home().run, name).beat


def live(city: str, device_id: int, within_s: float) -> int | None:
    """Listen for a live frame of a device; return the time of its reading."""
    return network.commands.live_frame(settings().broker.address, city, device_id, within_s)


def require_active(device: str) -> None:
    """Raise CatalogueError, saying what to do, unless a device may report."""
    from support.commands import catalogue

    catalogue.require_active(engine("verb"), device)


def tally(device: str) -> "Tally":
    """Return the ledger of a device."""
    from support.commands import facts

    return facts.tally_of(engine("verb"), device)


def prepare() -> str:
    """Wait for the turn, then bring tables and responsibility list up to date; return what there is to say of it."""
    from application.work.bringing import bring_in
    from support.commands.processes import prepare as spine

    await_turn()
    remark = spine(database_url(), kinds() and load_kinds(), portal_password())
    file, asked = CHECKOUT / settings().watch.responsibilities, CHECKOUT / settings().watch.requests
    return f"{remark}\n{bring_in(engine('verb'), file, rules_file(), cities, actor(), clock(), asked)}"


def cities(stations: int | None = None, number: int = 1) -> "Catalogue":
    """Return the cities of configs/cities, or a made-up one of so many stations."""
    from perception.seed_files import load_catalogue
    from simulators.city import generate_city

    return load_catalogue(CONFIGS / "cities") if stations is None else generate_city(stations, number)


def cast(stations: int | None) -> "Cast":
    """Wait for the turn, then return what there is to play."""
    from support.commands import catalogue

    await_turn()
    return catalogue.cast(engine("simulate"), stations)


def await_audience(stop: "Stop") -> None:
    """Wait until ingest listens: in a new home, nobody would keep what is said before. Alone, there is no waiting."""
    from support.heartbeat import await_beat

    if SUPERVISOR_PID in os.environ:
        await_beat(home().run, "ingest", stop)


def checks() -> "list[Check]":
    """Return what `doctor` looks at."""
    from application.notify.desk import read_plan, summary
    from application.rules_file import read_rules
    from support.commands import doctor
    from support.commands.running import listeners

    def guarded(check: doctor.Check) -> doctor.Check:
        def look() -> str:
            try:
                return check.look()
            except Exception as err:
                raise doctor.NotWellError(str(err) or type(err).__name__) from err

        return check._replace(look=look)

    patient = doctor.Patient(
        settings=lambda: settings() and SETTINGS_FILE,
        home=home,
        kinds=lambda: ", ".join(kinds()),
        rules=lambda: f"{len(read_rules(rules_file()))} rules, {duties()} responsibilities",
        cities=lambda: f"{len(cities().stations)} stations",
        notifications=lambda: summary(read_plan(desk().file)),
        places=lambda: listeners(web(), broker=own_broker(), port_v5=settings().broker.port_v5),
        engine=partial(engine, "verb"),
        broker=lambda: (settings().broker.address.host, settings().broker.address.port),
        broker_remark=lambda: settings().broker.remark,
    )
    return [guarded(check) for check in doctor.checks(patient)]


def reader() -> "ReadingReader":
    """Return the read side of readings and rollups."""
    from support.postgres.reader import PostgresReader

    return PostgresReader()


def room(on: "Connection", kind: SensorKind, ts: "NDArray[np.int64]") -> None:
    """Make room for readings of a kind at these times where the server needs it made."""
    from support.postgres.partitions import make_room

    make_room(on, kind, ts)


def drills() -> "Drills":
    """Return where drills are begun, followed and ended."""
    from application.drills import Drills

    return Drills(engine("verb"), reader(), kinds())


def engines(rules: Path | None, plain: Path | None) -> "Engines":
    """Return what makes the engines that a trial judges, each in a process of its own."""
    from application.trial.apart import engines_of

    return engines_of(rules or rules_file(), plain)


def web() -> dict[str, tuple[str, int]]:
    """Return where the web applications listen."""
    told = settings()
    return {"console": (told.console.host, told.console.port), "portal": (told.portal.host, told.portal.port)}


def own_broker() -> str | None:
    """Return where our own broker listens, if there is one."""
    told = settings().broker
    return f"127.0.0.1:{told.port}" if told.embedded else None


app = typer.Typer(
    name="hearthline",
    help="Hearthline: an open-source smart heat network.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
serve = typer.Typer(help="Serve one of the two web applications.", no_args_is_help=True)
devices = typer.Typer(help="See, add, approve, retire and watch devices.", no_args_is_help=True)
rejects = typer.Typer(help="What could not be taken in.", no_args_is_help=True)
config = typer.Typer(help="The settings.", no_args_is_help=True)
for _name, _group in (("serve", serve), ("devices", devices), ("rejects", rejects), ("config", config)):
    app.add_typer(_group, name=_name)

_VERB, SPAN = partial(engine, "verb"), partial(span_of, clock)
verbs.register(
    app,
    devices,
    rejects,
    verbs.Ports(home, _VERB, kinds, addresses, actor, prepare, cities, checks),
)
archives.register(app, archives.Ports(home, database_url, lambda: settings().database.embedded))
exports.register(app, exports.Ports(_VERB, kinds, SPAN))
tending.register(
    app,
    tending.Ports(
        database_url,
        kinds,
        lambda: settings().tend,
        clock,
        stop_event,
        partial(heartbeat, "tend"),
        lambda on: [
            *application.assembly.passes_of(rules_file(), on, reader(), kinds(), roster, settings().watch, room),
            *application.assembly.notices_of(rules_file(), on, desk(), clock),
        ],
    ),
)
network.commands.register(
    app, devices, network.commands.Ports(lambda: settings().broker, roster, clock, kinds, mappings)
)
network.conformance.commands.register(
    devices,
    network.conformance.commands.Ports(lambda: settings().broker.address, roster, asker(_VERB, actor), tally, show),
)
application.commands.register(
    app,
    application.commands.Ports(
        rules_file, _VERB, reader, kinds, roster, live, clock, SPAN, actor, show, lambda: settings().watch, desk, room
    ),
)
application.metering.commands.register(app, application.metering.commands.Ports(_VERB, kinds, SPAN, show))
simulators.commands.register(
    app,
    simulators.commands.Ports(
        settings=lambda: settings().simulate,
        address=lambda: settings().broker.address,
        kinds=kinds,
        recordings=CONFIGS / "recordings",
        scenario=lambda name: CHECKOUT / (name or settings().simulate.scenario),
        orders=lambda: home().run / "obedience.json",
        clock=clock,
        stop=stop_event,
        heartbeat=partial(heartbeat, "simulate"),
        cast=cast,
        await_audience=await_audience,
        require_active=require_active,
        tally=tally,
        event_time=lambda: settings().watch.clock is WatchClock.EVENTS,
        show=show,
    ),
)
scenario_commands.register(app, scenario_commands.Ports(cities, kinds, CONFIGS / "scenarios", clock, show))
simulators.trial.drill_commands.register(
    app,
    simulators.trial.drill_commands.Ports(
        drills, actor, clock, stop_event, lambda page: f"{addresses(with_secrets=False)['console']}en/{page}"
    ),
)
score_commands.register(
    app,
    score_commands.Ports(
        kinds, engines, CONFIGS / "trial" / "plain-thresholds.toml", CONFIGS / "recordings", cities, stop_event
    ),
)
simulators.look_commands.register(app, simulators.look_commands.Ports(CONFIGS / "recordings", kinds, cities))


@app.command()
def run() -> None:
    """Run everything under one supervisor: database, broker, ingest, tend, both web applications, a pretend world."""
    from support.commands import running
    from support.postgres.household import Household

    ours = own_broker()
    socket = Household(home().root).socket_folder / ".s.PGSQL.5432" if settings().database.embedded else None
    plan = running.programs(home(), web(), database_socket=socket, broker=ours)
    places = running.listeners(web(), broker=ours, port_v5=settings().broker.port_v5)
    sys.exit(running.run(home(), plan, places, addresses(with_secrets=False)))


@app.command()
def ingest() -> None:
    """Receive, store and watch: deliveries in, one transaction, then the acknowledgement."""
    from prometheus_client import REGISTRY

    from application.assembly import watch_of
    from network.foreign import foreign_of
    from network.linking import linked
    from network.losses import BrokerLosses
    from network.receive import receive
    from support.foreigners import Foreigners, remembering
    from support.ingest import Links
    from support.ingest import ingest as spine
    from support.metrics import IngestMetrics, serve_metrics
    from support.postgres.quarantine import Replays
    from support.postgres.writer import PostgresStore

    told, stop, beat = settings(), stop_event(), heartbeat("ingest")
    serve_metrics(told.ingest.metrics_port)
    events = told.watch.clock is WatchClock.EVENTS
    watch = watch_of(rules_file(), engine("watch"), reader(), kinds(), clock, event_time=events)
    store = PostgresStore(database_url(), kinds())
    metrics = IngestMetrics(REGISTRY)
    await_turn()
    if store.await_claim(stop, beat):
        foreign = remembering(foreign_of(told.broker, mappings()), engine("foreign"))
        read = partial(receive, mappings=foreign, kept_us=told.tend.kept_us)
        with linked(told.broker, mappings().filters) as links, closing(BrokerLosses(told.broker.address)) as losses:
            others = Foreigners(foreign, links[0].listen, links[2].greet)
            fed = Links(*links, Replays(engine("replays")), losses.take, others)
            spine(fed, store, watch, read, told.ingest, clock, stop, beat, metrics, event_time=events)
    store.close()


@serve.command("console")
def serve_console() -> None:
    """Serve the operators' console."""
    from network.live_frames import live_frames
    from presentation.app import create_console
    from presentation.serving import serve as spine
    from support.invitations import Invitations

    told, _ = settings(), heartbeat("console")
    writing = application.assembly.acts_of(engine("console"), rules_file(), told.watch), Invitations(home().run)
    views = application.assembly.views_of(engine("console"), reader(), kinds(), rules_file())
    console = create_console(views, told.console, live_frames(told.broker.address), kinds(), writing)
    await_turn()
    spine(console, told.console.host, told.console.port)


@serve.command("portal")
def serve_portal() -> None:
    """Serve the citizens' portal, which sees the reviewed projection alone."""
    from application.public import PublicViews
    from application.requests.counter import Counter
    from presentation.portal.app import create_portal
    from presentation.serving import serve as spine
    from support.postgres.projection import choose_access, portal_engine

    told, url, password, _ = settings().portal, database_url(), portal_password(), heartbeat("portal")
    seen = portal_engine(url, choose_access(url, password), password)
    spine(create_portal(PublicViews(seen, clock), told, Counter(seen)), told.host, told.port)


@config.command("check")
def config_check() -> None:
    """Check settings, kinds, rules, responsibilities, cities, mappings, notifications, scenario: every problem."""
    from application.notify.desk import read_plan
    from network.foreign import foreign_of

    settings(), kinds(), duties()  # which reads rules and cities
    foreign_of(settings().broker, mappings())
    read_plan(CHECKOUT / settings().notify.file)
    scenario_commands.read(CHECKOUT / settings().simulate.scenario)
    typer.echo("settings, kinds, rules, responsibilities, cities, mappings, notifications and scenario are fine")


@config.command("show")
def config_show(as_json: AsJson = False) -> None:
    """Show every setting: its value, where it comes from, and the variable that changes it."""
    show(rows(settings(), os.environ), as_json)


def main() -> None:
    """Run one verb. What a person can put right is a message; a bug is a traceback."""
    die_with_supervisor()
    try:
        app(legible(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as err:
        told = last_words(err, home)
        if told is None:
            raise
        typer.echo(f"hearthline: {told.text}", err=True)
        sys.exit(told.status)


if __name__ == "__main__":
    main()
