"""An edge node of another maker's library (pysparkplug) on a real broker: pending, approved, stored, gone, back."""

import json
import threading
import time

import psycopg
import pytest
from foreigners import KINDS, Client, await_rows, broker_settings, ingesting, seeded

from network.broker import EmbeddedBroker
from network.mqtt import LiveFeed, MqttOutlet
from perception.catalogue import DeviceStatus
from support.catalogue_store import CatalogueError
from support.commands import foreign as verbs
from support.commands.catalogue import change_status, let_in

NODE, DEVICE = "Plant 1/edge-7", "Plant 1/edge-7/HX_1"
NAME = "plant-1-edge-7-hx-1"
READINGS = "select t_outdoor, rh_outdoor, wind_speed from readings_weather_station order by ts"


@pytest.fixture
def stage(database):
    engine = seeded(database)
    with EmbeddedBroker() as broker:
        edge = Client("sparkplug", "edge_node.py", broker.port)
        yield database, broker, edge, engine
        edge.close()
    engine.dispose()


def approve(engine):
    wishes = ("Inputs/t_outdoor=t_outdoor@Cel", "Inputs/humidity=rh_outdoor@%", "Wind=wind_speed*3.6@km/h")
    return verbs.let_in(engine, KINDS, NAME, wishes, "test", verbs.Place("nis-l4", "weather_station"))


def test_an_edge_node_is_seen_approved_and_stored_with_what_waited(stage):
    database, broker, edge, engine = stage
    settings = broker_settings(broker.address)
    with ingesting(database, settings):
        edge.do("connect")
        await_rows(
            database,
            "select address, name, online from foreign_device order by 1",
            [(NODE, "plant-1-edge-7", True), (DEVICE, NAME, True)],
        )
        shown = {row["value"]: row for row in verbs.value_rows(engine, NAME)}
        assert shown["Inputs/humidity"]["example"] == 81
        edge.do("update", values={"Inputs/t_outdoor": -11.5})
        later = time.time_ns() // 1_000_000 + 50  # an instant of its own: what shares one is merged
        told = (("Inputs/humidity", -3), ("Wind", 2.0))
        edge.do("by_alias", readings=[{"name": name, "value": value, "at": later} for name, value in told])
        await_rows(
            database, f"select count(*) from reject where reason = 'unknown_device' and device = '{NAME}'", [(2,)]
        )

        said = approve(engine)
        assert "2 rejects that waited for it are replayed now" in said
        await_rows(database, READINGS, [(-11.5, None, None), (None, -3.0, 2.0)])
        await_rows(database, "select state from reject order by 1", [("replayed",)] * 2)
        await_rows(
            database,
            "select sum(received)::int, sum(stored)::int, sum(rejected)::int from ledger",
            [(4, 2, 2)],
        )

        now = time.time_ns() // 1_000_000
        edge.do(
            "by_alias",
            readings=[
                {"name": "Inputs/t_outdoor", "value": -9.0, "at": now - 3_600_000, "historical": True},
                {"name": "Inputs/t_outdoor", "value": -10.0, "at": now},
                {"name": "Wind", "value": None, "at": now},
            ],
        )
        await_rows(database, f"select t_outdoor from ({READINGS}) r where t_outdoor > -11", [(-9.0,), (-10.0,)])
        await_rows(database, f"select online from device where name = '{NAME}'", [(True,)])
        edge.wait_for(lambda: edge.count("ncmd") == 1, "rebirth request: it reports only what changes")


def test_aliases_outlive_ingest_and_a_missing_message_asks_for_a_rebirth(stage):
    database, broker, edge, engine = stage
    settings = broker_settings(broker.address)
    with ingesting(database, settings):
        edge.do("connect")
        await_rows(database, "select count(*) from foreign_device", [(2,)])
        approve(engine)
    with ingesting(database, settings):  # another ingest: nobody is born again before it has to understand an alias
        edge.do("by_alias", readings=[{"name": "Inputs/humidity", "value": 55}])
        await_rows(database, READINGS, [(None, 55.0, None)])
        edge.wait_for(lambda: edge.count("ncmd"), "rebirth request after the start of ingest")
        told = next(one for one in edge.told if one["what"] == "ncmd")
        assert (told["names"], told["values"]) == (["Node Control/Rebirth"], [True])


def test_a_gap_in_the_numbers_asks_for_a_rebirth_and_nothing_is_lost(stage):
    database, broker, edge, engine = stage
    waits = "select count(*) from reject where state = 'open'"
    with ingesting(database, broker_settings(broker.address)):
        edge.do("connect")
        await_rows(database, "select count(*) from foreign_device", [(2,)])
        edge.do("by_alias", readings=[{"name": "Wind", "value": 1.0}])
        await_rows(database, waits, [(1,)])
        assert edge.count("ncmd") == 0
        edge.do("by_alias", readings=[{"name": "Wind", "value": 3.0}], skip=2)
        edge.wait_for(lambda: edge.count("ncmd") == 1, "rebirth request after a gap")
        edge.do("by_alias", readings=[{"name": "Wind", "value": 5.0}], skip=2)
        await_rows(database, waits, [(3,)])
        approve(engine)
        await_rows(database, READINGS, [(None, None, 1.0), (None, None, 3.0), (None, None, 5.0)])
        assert edge.count("ncmd") == 1  # not a second one within half a minute


def test_deaths_are_states_and_a_new_birth_brings_it_back(stage):
    database, broker, edge, engine = stage
    with ingesting(database, broker_settings(broker.address)):
        edge.do("connect")
        await_rows(database, "select count(*) from foreign_device", [(2,)])
        approve(engine)
        edge.do("update", values={"Wind": 1.0})
        await_rows(database, READINGS, lambda rows: len(rows) == 1)
        state = f"select online from device where name = '{NAME}'"
        edge.do("deregister")
        await_rows(database, state, [(False,)])
        other = Client("sparkplug", "edge_node.py", broker.port)
        other.do("connect")
        await_rows(database, state, [(True,)])
        await_rows(database, READINGS, lambda rows: (-12.5, 81.0, 4.0) in rows)  # a birth is a reading too
        other.do("vanish")
        await_rows(database, state, [(False,)])
        await_rows(database, "select bool_or(online) from foreign_device", [(False,)])
        other.close()


def test_the_host_says_that_it_is_there_and_when_it_leaves(database, broker):
    heard, changed = [], threading.Condition()

    def hear(_topic, payload):
        with changed:
            heard.append(json.loads(payload))
            changed.notify_all()

    def said():
        return [one["online"] for one in heard]

    feed, other = LiveFeed(broker, "spBv1.0/STATE/host-9", hear), MqttOutlet(broker, "an-old-will")
    with changed:
        with ingesting(database, broker_settings(broker, sparkplug_host="host-9")):
            assert changed.wait_for(lambda: said() == [True], 10), heard
            other.publish("spBv1.0/STATE/host-9", b'{"online":false,"timestamp":1}', retain=True)
            assert changed.wait_for(lambda: said() == [True, False, True], 10), heard
        assert changed.wait_for(lambda: said() == [True, False, True, False], 10), heard
    assert heard[0]["timestamp"] == heard[2]["timestamp"] <= heard[3]["timestamp"]
    feed.close()
    other.close()


def test_what_cannot_be_approved_is_said_at_once(stage):
    database, broker, edge, engine = stage
    with ingesting(database, broker_settings(broker.address)):
        edge.do("connect")
        await_rows(database, "select count(*) from foreign_device", [(2,)])
    wishes = ("Inputs/t_outdor=t_outdoor", "Wind=wind_sped", "Inputs/humidity=rh_outdoor@bar", "nonsense")
    with pytest.raises(CatalogueError) as told:
        verbs.let_in(engine, KINDS, NAME, wishes, "test", verbs.Place("nis-l4", "weather_station"))
    assert "did you mean 'Inputs/t_outdoor'" in str(told.value)
    assert "did you mean wind_speed" in str(told.value)
    assert "bar measures pressure" in str(told.value)
    assert "expected VALUE=POINT" in str(told.value)
    with psycopg.connect(database) as on:
        assert on.execute("select count(*) from device where name = %s", [NAME]).fetchone() == (0,)
    assert verbs.device_rows(engine)[0]["status"] == "waits"
    with pytest.raises(CatalogueError, match="hearthline foreign approve"):
        change_status(engine, NAME, DeviceStatus.ACTIVE, "test", "nis-l4")
    with pytest.raises(CatalogueError, match="hearthline foreign approve"):
        let_in(engine, KINDS, NAME, "weather_station", "nis-l4", "test", city=None, new_station=False)
    guessed = verbs.let_in(engine, KINDS, NAME, (), "test", verbs.Place("nis-l4", interval_s=600))
    assert "Inputs/t_outdoor = t_outdoor" in guessed
