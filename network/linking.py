"""Linking: the three links of ingest, opened and closed together."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from network.link import Inlet, Outlet
from network.mqtt import MqttInlet, MqttOutlet, SessionInlet
from network.settings import BrokerSettings
from network.topics import Channel, filters

LIVE = (Channel.READINGS, Channel.BIRTH, Channel.STATE, Channel.REPLY)
SESSIONS = (("hearthline-ingest", LIVE), ("hearthline-ingest-backfill", (Channel.BACKFILL,)))
RESERVE_TIMEOUT_S = 10.0
INLETS: dict[str, type[SessionInlet] | type[MqttInlet]] = {"session": SessionInlet, "paho": MqttInlet}
_MIB = 2**20


@contextmanager
def linked(settings: BrokerSettings, foreign: Sequence[str] = ()) -> Iterator[tuple[Inlet, Inlet, Outlet]]:
    """Yield the inlet of live deliveries, that of belated ones in a session of its own, and the outlet.

    Client ids are fixed, so that the broker keeps what comes while ingest is away. `foreign` are
    the filters of mapped topics: their messages come with the live ones.
    """
    address = settings.address
    with ExitStack() as opened:
        outlet = MqttOutlet(address, "hearthline-ingest-out", keepalive_s=settings.keepalive_s)
        opened.callback(outlet.close)
        inlets = [
            INLETS[settings.inlet](
                address,
                name,
                filters_of(channels, foreign),
                keepalive_s=settings.keepalive_s,
                most_pending=settings.most_pending,
                most_pending_bytes=settings.most_pending_mib * _MIB,
            )
            for name, channels in SESSIONS
        ]
        for inlet in inlets:
            opened.callback(inlet.close)
        yield inlets[0], inlets[1], outlet


def filters_of(channels: Sequence[Channel], foreign: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the filters of a session: those of its channels, and for the live one the foreign ones too."""
    return (*filters(*channels), *(foreign if channels == LIVE else ()))


def reserve(settings: BrokerSettings, foreign: Sequence[str] = ()) -> None:
    """Subscribe in the name of ingest and leave, so that a broker that has just begun keeps what comes before it.

    Without this, whatever devices publish between the start of the broker and that of ingest is
    acknowledged and gone.
    """
    for name, channels in SESSIONS:
        wanted = filters_of(channels, foreign)
        inlet = INLETS[settings.inlet](settings.address, name, wanted, keepalive_s=settings.keepalive_s)
        inlet.wait_connected(RESERVE_TIMEOUT_S)
        inlet.close()
