"""The loop closed: a command by way of database, ingest and broker changes the physics, and the device says so."""

import threading
import time
from dataclasses import replace

import pytest
from ingesting import CITIES, KINDS, ingesting, seed

from network.mqtt import MqttInlet, MqttOutlet
from perception.seed_files import load_catalogue
from simulators.cast import cast_of
from simulators.climate import SEASONS
from simulators.obedience.workshop import obedient
from simulators.player import WorldPlayer
from simulators.world import World
from support.orders import ENDED, Wish, give, one
from support.postgres.connect import make_engine

STATION = "xc-laocheng-01"
S = 1_000_000
WITHIN_S = 20


@pytest.fixture
def engine(database):
    seed(database)
    engine = make_engine(database, "test")
    yield engine
    engine.dispose()


def world():
    """Return one station, its devices heard once a minute."""
    cast = [p for p in cast_of(load_catalogue(CITIES), KINDS, "xuecheng") if p.station == STATION]
    parts = [replace(p, interval=60 * S) for p in cast]
    return World(parts, SEASONS["cold-night"], utc_offset_s=8 * 3600, seed=7)


class Plant:
    """Some simulated stations that obey, in a time of their own: it passes as fast as they can be worked out."""

    def __init__(self, broker, folder, world, now):
        self.now = now or time.time_ns() // 1000
        self.player = WorldPlayer(world, self.now)
        self._closed = False
        self._outlet = MqttOutlet(broker, f"plant-{self.now}")
        self._inlet = MqttInlet(broker, "plant-commands", [f"hearthline/v1/{STATION}/command"])
        assert self._inlet.wait_connected(10)
        self._obedience = obedient([self.player], folder / "obedience.json")

    def run(self, seconds):
        """Let so much time pass, in steps of half a minute."""
        for _ in range(round(seconds / 30)):
            self.now += 30 * S
            for _ in self.player.play(self.now):
                pass
            self.listen()

    def listen(self):
        deliveries = self._inlet.take(100, 0.0)
        said = [s for d in deliveries for s in self._obedience.hear(d.topic.split("/")[2], d.payload, self.now)]
        for device, payload in [*said, *self._obedience.pass_time(self.now)]:
            self._outlet.publish(f"hearthline/v1/{device}/reply", payload)
        if deliveries:
            self._inlet.ack(deliveries)

    def close(self):
        if not self._closed:
            self._closed = True
            assert self._outlet.flush(5)
            self._inlet.close()
            self._outlet.close()


@pytest.fixture
def plant_of(broker, tmp_path):
    opened = []

    def plant(now=None):
        opened.append(Plant(broker, tmp_path, world(), now))
        return opened[-1]

    yield plant
    for one_ in opened:
        one_.close()


def tell(engine, do, hold_s=None, **args):
    with engine.begin() as on:
        return give(on, KINDS, Wish(STATION, do, args, hold_s, expires_s=86_400), "test")  # its time runs ahead of ours


def await_status(engine, plant, command_id, *statuses):
    """Let the plant listen, with its time standing still, until the command stands so."""
    until = time.monotonic() + WITHIN_S
    while True:
        with engine.connect() as on:
            row = one(on, command_id)
        if row.status in statuses:
            return row
        assert time.monotonic() < until, row
        plant.listen()
        threading.Event().wait(0.02)


def test_the_water_follows_an_offset_and_goes_back_by_itself(engine, database, broker, plant_of):
    plant = plant_of()
    twin = WorldPlayer(world(), plant.now)  # of the same weather, and nobody tells it anything

    def warmer():
        """Return how much warmer than the twin's the water leaves, on average of ten minutes."""
        differences = []
        for _ in range(10):
            plant.run(60)
            list(twin.play(plant.now))
            differences.append(plant.player.shown(STATION)["t_sec_supply"] - twin.shown(STATION)["t_sec_supply"])
        return sum(differences) / len(differences)

    with ingesting(database, broker):
        assert warmer() == pytest.approx(0, abs=0.05)
        told = tell(engine, "setpoint_offset", hold_s=4500, kelvin=5)
        assert await_status(engine, plant, told, "accepted").answers[0].state == "accepted"
        plant.run(3000)
        assert warmer() == pytest.approx(5, abs=0.7)
        await_status(engine, plant, told, "done")
        plant.run(2400)
        assert warmer() == pytest.approx(0, abs=0.7)


def test_valve_pumps_mode_and_their_interlocks(engine, database, broker, plant_of):
    plant = plant_of()
    with ingesting(database, broker):
        plant.run(60)
        shown = plant.player.shown(STATION)
        wanted = round(min(shown["valve_pri_position"] + 20, 95))
        valve = tell(engine, "valve", percent=wanted)
        await_status(engine, plant, valve, "accepted")
        plant.run(300)
        assert plant.player.shown(STATION)["valve_pri_position"] == pytest.approx(wanted, abs=1.5)
        await_status(engine, plant, valve, "done")
        refused = await_status(engine, plant, tell(engine, "setpoint_offset", kelvin=1), *ENDED)
        assert (refused.status, refused.reason) == ("rejected", "interlock")
        off = tell(engine, "mode", mode="off")
        await_status(engine, plant, off, "accepted")
        plant.run(600)
        await_status(engine, plant, off, "done")
        assert await_status(engine, plant, tell(engine, "valve", percent=20), *ENDED).reason == "interlock"
        await_status(engine, plant, tell(engine, "mode", mode="automatic"), "done")
        plant.run(3600)
        warm = plant.player.shown(STATION)
        assert warm["t_sec_supply"] == pytest.approx(warm["t_sec_supply_setpoint"], abs=2)


def test_a_fault_is_a_command_and_orders_outlive_the_simulator(engine, database, broker, plant_of):
    plant = plant_of()
    with ingesting(database, broker):
        plant.run(60)
        await_status(engine, plant, tell(engine, "fault", hold_s=4 * 3600, kind="power_cut"), "done")
        plant.run(120)
        dark = plant.player.shown(STATION)
        assert dark["voltage_mains"] < 300
        assert await_status(engine, plant, tell(engine, "pump_speed", hertz=40), *ENDED).reason == "interlock"
        odd = await_status(engine, plant, tell(engine, "fault", kind="gremlins"), *ENDED)
        assert (odd.status, odd.reason) == ("rejected", "limits")
        assert "gremlins" in odd.why
        plant.close()
        again = plant_of(plant.now)
        again.run(60)
        assert again.player.shown(STATION)["voltage_mains"] < 300
        await_status(engine, again, tell(engine, "clear_fault"), "done")
        again.run(60)
        assert again.player.shown(STATION)["voltage_mains"] > 300
