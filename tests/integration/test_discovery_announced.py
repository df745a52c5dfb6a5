"""Sensors announced by ha-mqtt-discoverable on a real broker: pending, approved, heard, withdrawn."""

import time

import psycopg
import pytest
from foreigners import KINDS, Client, await_rows, broker_settings, ingesting, seeded

from network.broker import EmbeddedBroker
from network.mqtt import MqttOutlet
from support.commands import foreign as verbs

READINGS = "select t_outdoor, wind_speed from readings_weather_station order by ts"
TEMPERATURE, WIND = "sensor/Roof-Hub/t_outdoor", "sensor/Roof-Hub/wind"


@pytest.fixture(params=["session", "paho"])
def stage(database, request):
    engine = seeded(database)
    with EmbeddedBroker() as broker:
        client = Client("discovery", "announcer.py", broker.port)
        yield database, broker, client, engine, request.param
        client.close()
    engine.dispose()


def approve(engine, *wishes):
    place = verbs.Place("nis-l4", "weather_station", rename="roof")
    return verbs.let_in(engine, KINDS, "roof-hub", wishes, "test", place)


def test_announced_sensors_are_seen_approved_and_heard(stage):
    database, broker, client, engine, inlet = stage
    with ingesting(database, broker_settings(broker.address, inlet=inlet)):
        client.do("announce")
        await_rows(database, "select name, jsonb_array_length(born->'entities') from foreign_device", [("roof-hub", 4)])
        offered = {row["value"]: row for row in verbs.value_rows(engine, "roof-hub")}
        assert "more than a place" in offered["sensor/Roof-Hub/forecast"]["remark"]
        assert offered[WIND]["unit"] == "km/h"

        said = approve(engine, f"{TEMPERATURE}=t_outdoor", f"{WIND}=wind_speed")
        assert "t_outdoor@[degF]" in said
        until = time.monotonic() + 15
        while True:  # the topics are subscribed to within about two seconds of the approval
            client.do("state", sensor="temperature", value="14")
            with psycopg.connect(database) as on:
                if on.execute(READINGS).fetchall():
                    break
            assert time.monotonic() < until
        client.do("state", sensor="wind", value='{"wind": {"speed": "18.04", "gust": 30}}')
        await_rows(database, READINGS, lambda rows: rows[0] == (-10.0, None) and rows[-1] == (None, 5.0))
        client.do("available", sensor="temperature", value=False)
        await_rows(database, "select online from device where name = 'roof'", [(False,)])
        client.do("available", sensor="temperature", value=True)
        await_rows(database, "select online from device where name = 'roof'", [(True,)])

        client.do("state", sensor="wind", value="no json")
        client.do("state", sensor="temperature", value="warm")
        client.do("state", sensor="temperature", value="unavailable")  # no state at all, as Home Assistant takes it
        await_rows(
            database,
            "select reason, device from reject order by reason",
            [("bad_point", "roof"), ("malformed", "roof")],
        )

        client.do("delete", sensor="wind")
        await_rows(
            database,
            "select count(*) from foreign_device, jsonb_array_elements(born->'entities') e where (e->>'gone')::bool",
            [(1,)],
        )
        assert "taken back" in next(r for r in verbs.value_rows(engine, "roof") if r["value"] == WIND)["remark"]


def test_a_changed_announcement_changes_nothing_that_was_approved(stage):
    database, broker, client, engine, inlet = stage
    with ingesting(database, broker_settings(broker.address, inlet=inlet)):
        client.do("announce")
        await_rows(database, "select count(*) from foreign_device", [(1,)])
        approve(engine, f"{TEMPERATURE}=t_outdoor")
        outlet = MqttOutlet(broker.address, "somebody")
        outlet.publish(
            f"homeassistant/{TEMPERATURE}/config",
            b'{"name": "t", "stat_t": "elsewhere/t", "dev": {"ids": "roof-hub-0815", "name": "Roof Hub"}}',
        )
        await_rows(
            database,
            "select count(*) from foreign_device, jsonb_array_elements(born->'entities') e"
            " where e->>'topic' = 'elsewhere/t'",
            [(1,)],
        )
        rows = {row["value"]: row for row in verbs.value_rows(engine, "roof")}
        assert "announced otherwise since: elsewhere/t" in rows[TEMPERATURE]["remark"]
        with psycopg.connect(database) as on:
            (taken,) = on.execute("select taken->0->'source'->>'topic' from foreign_approval").fetchone()
        assert taken == f"hmd/{TEMPERATURE}/state"
        outlet.close()


def test_a_device_based_announcement_is_one_device_and_can_be_forgotten(database, broker):
    engine, prefix = seeded(database), "ha-of-this-test"
    with ingesting(database, broker_settings(broker, discovery_prefix=prefix)):
        outlet = MqttOutlet(broker, "announces-a-device")
        outlet.publish(
            f"{prefix}/device/boiler_7/config",
            b"""{"dev": {"ids": ["boiler-7"], "name": "Boiler 7"}, "o": {"name": "x"}, "~": "boiler/7",
            "stat_t": "~/state",
            "cmps": {"t": {"p": "sensor", "unit_of_meas": "\\u00b0C", "val_tpl": "{{ value_json['t'] }}"},
                     "pump": {"p": "binary_sensor", "pl_on": "RUN", "pl_off": "STOP"},
                     "valve": {"p": "switch", "cmd_t": "~/set"}}}""",
        )
        await_rows(database, "select name from foreign_device", [("boiler-7",)])
        rows = {row["value"]: row for row in verbs.value_rows(engine, "boiler-7")}
        assert rows["device/boiler_7/t"]["unit"] == "°C"
        assert "is none of binary_sensor, sensor" in rows["device/boiler_7/valve"]["remark"]
        outlet.close()
    assert verbs.device_rows(engine)[0]["status"] == "waits"
    engine.dispose()
