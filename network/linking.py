"""Linking: the three links of ingest, opened and closed together."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from network.link import LinkDownError
from network.mqtt import KeptInlet, MqttInlet, MqttOutlet, SessionInlet
from network.settings import BrokerSettings
from network.sparkplug.host import state
from network.topics import Channel, filters

LIVE = (Channel.READINGS, Channel.BIRTH, Channel.STATE, Channel.REPLY)
SESSIONS = (("hearthline-ingest", LIVE), ("hearthline-ingest-backfill", (Channel.BACKFILL,)))
RESERVE_TIMEOUT_S = 10.0
GOODBYE_S = 1.0
OUTLET = "hearthline-ingest-out"
INLETS: dict[str, type[SessionInlet] | type[MqttInlet]] = {"session": SessionInlet, "paho": MqttInlet}
_MIB = 2**20


@contextmanager
def linked(settings: BrokerSettings, foreign: Sequence[str] = ()) -> Iterator[tuple[KeptInlet, KeptInlet, MqttOutlet]]:
    """Yield the inlet of live deliveries, that of belated ones in a session of its own, and the outlet.

    Client ids are fixed, so that the broker keeps what comes while ingest is away. `foreign` are
    the filters of mapped topics: their messages come with the live ones, as do those of the foreign
    grammars that the settings ask for. A host of Sparkplug says by the outlet that it is there.
    """
    address = settings.address
    with ExitStack() as opened:
        outlet = _outlet(settings)
        opened.callback(outlet.close)
        if settings.sparkplug:
            opened.callback(_say_goodbye, outlet, settings.sparkplug_host)
        inlets = [
            INLETS[settings.inlet](
                address,
                name,
                filters_of(channels, (*foreign, *settings.foreign_filters)),
                keepalive_s=settings.keepalive_s,
                most_pending=settings.most_pending,
                most_pending_bytes=settings.most_pending_mib * _MIB,
            )
            for name, channels in SESSIONS
        ]
        for inlet in inlets:
            opened.callback(inlet.close)
        yield inlets[0], inlets[1], outlet


def _outlet(settings: BrokerSettings) -> MqttOutlet:
    """Return the outlet. That of a host of Sparkplug has a will, and says at every connect that it is there."""
    if not settings.sparkplug:
        return MqttOutlet(settings.address, OUTLET, keepalive_s=settings.keepalive_s)
    host, at = settings.sparkplug_host, time.time_ns() // 1_000_000
    will, there = state(host, at, online=False), state(host, at, online=True)
    return MqttOutlet(settings.address, OUTLET, will=will, greetings=lambda: (there,), keepalive_s=settings.keepalive_s)


def _say_goodbye(outlet: MqttOutlet, host: str) -> None:
    if outlet.connected():
        with suppress(LinkDownError):
            outlet.publish(*state(host, time.time_ns() // 1_000_000, online=False), retain=True)
            outlet.flush(GOODBYE_S)


def filters_of(channels: Sequence[Channel], foreign: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the filters of a session: those of its channels, and for the live one the foreign ones too."""
    return (*filters(*channels), *(foreign if channels == LIVE else ()))


def reserve(settings: BrokerSettings, foreign: Sequence[str] = ()) -> None:
    """Subscribe in the name of ingest and leave, so that a broker that has just begun keeps what comes before it.

    Without this, whatever devices publish between the start of the broker and that of ingest is
    acknowledged and gone.
    """
    for name, channels in SESSIONS:
        wanted = filters_of(channels, (*foreign, *settings.foreign_filters))
        inlet = INLETS[settings.inlet](settings.address, name, wanted, keepalive_s=settings.keepalive_s)
        inlet.wait_connected(RESERVE_TIMEOUT_S)
        inlet.close()
