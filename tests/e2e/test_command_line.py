"""The command line on a whole running system: what a newcomer types, and what comes of it."""

import getpass
import gzip
import json
import subprocess
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import psycopg
import pytest

FATES = ("stored", "duplicate", "merged", "conflict", "rejected")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A fourth recorded substation: newest row first, with a gap and a value that is no number."""
    file = tmp_path_factory.mktemp("recording") / "st-5.csv.gz"
    head = "datetime,t_amb,t_ref,t_sup_prim,t_ret_prim,t_sup_sec,t_ret_sec,e,pe"
    rows = [
        f"2024-01-15 {h:02}:{m:02}:00,1.5,48,80,45,47.{m:02},38,{1000 + h},210"
        for h in range(6)
        for m in range(0, 60, 3)
    ]
    rows[7] = rows[7].replace("210", "broken")
    file.write_bytes(gzip.compress("\n".join([head, *reversed(rows)]).encode()))
    return file, len(rows)


def wait_for(look, within_s=20.0):
    limit = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.1)  # another process's state: there is nothing to be notified by
    return seen


def test_status_names_every_process_with_pid_and_health(system):
    told = system.json("status")
    assert told["engine"].startswith("PostgreSQL 18")
    names = {p["name"] for p in told["processes"]}
    assert names == {"postgres", "broker", "ingest", "tend", "console", "portal", "simulate"}
    assert {p["health"] for p in told["processes"]} == {"ready"}
    assert all(isinstance(p["pid"], int) for p in told["processes"])
    assert told["addresses"]["console"].startswith("http://127.0.0.1:")
    assert "***" in told["addresses"]["database"]


def test_a_process_is_recognisable_by_its_verb(system):
    for process in system.json("status")["processes"]:
        assert process["name"].encode() in Path(f"/proc/{process['pid']}/cmdline").read_bytes()


def test_urls_work_for_other_tools(system):
    address = system.call("url", "database").stdout.strip()
    with psycopg.connect(address) as on:
        assert on.execute("select count(*) from device").fetchone()[0] >= 46
    assert system.call("url", "broker").stdout.strip() == f"mqtt://127.0.0.1:{system.broker_port}"
    assert system.call("url", "nonsense").returncode != 0


def test_a_recorded_substation_comes_in_with_two_commands(system, recording):
    file, rows = recording
    refused = system.call("replay", str(file), "--device", "st-5", "--map", "configs/replay/nis.toml")
    assert refused.returncode == 1
    assert "hearthline devices add st-5" in refused.stderr
    unknown = system.call("devices", "add", "st-5", "--kind", "heat_substation", "--station", "st-5")
    assert "--new-station" in unknown.stderr
    added = system.call(
        "devices",
        "add",
        "st-5",
        "--kind",
        "heat_substation",
        "--station",
        "st-5",
        "--new-station",
        "--interval-s",
        "180",
    )
    assert added.returncode == 0, added.stderr
    time.sleep(5)  # the promise: effective within five seconds
    replay = ("replay", str(file), "--device", "st-5", "--map", "configs/replay/nis.toml", "--to-now")
    (first,) = system.json(*replay)
    assert first["sent"] == first["acknowledged"] == first["stored"] == rows
    assert first["unreadable_values"] == 1
    (again,) = system.json(*replay)
    assert again["duplicate"] == again["acknowledged"] == rows
    assert again["stored"] == again["rejected"] == 0
    with psycopg.connect(system.database) as on:
        counted = on.execute(
            "select count(*) from readings_heat_substation r join device d using (device_id) where d.name = 'st-5'"
        ).fetchone()[0]
    assert counted == rows


def test_the_ledger_adds_up(system):
    rows = system.json("ledger")
    assert rows
    for row in rows:
        assert row["received"] == sum(row[fate] for fate in FATES)


def test_trace_follows_a_live_device(system):
    steps = {step["stop"]: step for step in system.json("trace", "xc-songlin-01", "--wait", "1")}
    assert steps["newest reading"]["at"]
    assert steps["last delivery stored"]["at"]
    assert "stored" in steps["deliveries of the last hour with any"]["detail"]
    assert system.call("trace", "nobody-here").returncode == 1


def test_trace_finds_the_newest_reading_of_an_old_recording(system, tmp_path):
    file = tmp_path / "old.csv"
    head = "datetime,t_amb,t_ref,t_sup_prim,t_ret_prim,t_sup_sec,t_ret_sec,e,pe"
    file.write_text(f"{head}\n2021-01-15 06:00:00,1.5,48,80,45,47.5,38,1000,210\n")
    added = system.call("devices", "add", "old-1", "--kind", "heat_substation", "--station", "xc-laocheng-02")
    assert added.returncode == 0, added.stderr
    (sent,) = system.json("replay", str(file), "--device", "old-1", "--map", "configs/replay/nis.toml")
    assert sent["stored"] == 1
    steps = {step["stop"]: step for step in system.json("trace", "old-1", "--wait", "0.1")}
    assert "t_sec_supply=47.5" in steps["newest reading"]["detail"]
    assert system.call("devices", "retire", "old-1").returncode == 0


def test_watch_prints_good_and_bad_as_they_come(system):
    watching = subprocess.Popen(
        system.command("devices", "watch", "xc-songlin-02"), env=system.environment, text=True, stdout=subprocess.PIPE
    )
    try:
        retained = watching.stdout.readline() + watching.stdout.readline()
        assert "birth" in retained  # in either order: it is listening
        assert "state" in retained
        publisher = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        publisher.connect("127.0.0.1", system.broker_port)
        publisher.loop_start()
        topic = "hearthline/v1/xc-songlin-02/readings"
        publisher.publish(topic, json.dumps({"values": {"t_sec_supply": 44.25}}), 1).wait_for_publish(10)
        publisher.publish(topic, b"{broken", 1).wait_for_publish(10)
        seen = []
        while not any("malformed" in line for line in seen):
            seen.append(watching.stdout.readline())
            assert seen[-1]
        assert any("t_sec_supply=44.25" in line for line in seen)
        publisher.disconnect()
        publisher.loop_stop()
    finally:
        watching.kill()
        watching.wait()
    wait_for(
        lambda: [r for r in system.json("rejects", "list", "--device", "xc-songlin-02") if r["reason"] == "malformed"]
    )


def test_retired_devices_are_heeded_and_come_back(system):
    assert system.call("devices", "retire", "xc-songlin-03").returncode == 0
    wait_for(
        lambda: [
            r for r in system.json("rejects", "list", "--device", "xc-songlin-03") if r["reason"] == "inactive_device"
        ],
        90,
    )
    assert system.call("devices", "approve", "xc-songlin-03").returncode == 0
    listed = {d["name"]: d for d in system.json("devices", "list")}
    assert listed["xc-songlin-03"]["status"] == "active"


def test_a_simulated_device_obeys_and_a_real_one_is_never_broken(system):
    done = system.call("command", "send", "xc-songlin-02", "ping", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [a["state"] for a in told["answers"]] == ["accepted", "done"]
    assert system.json("command", "show", told["id"])["actor"] == f"cli:{getpass.getuser()}"
    status, body = system.get(f"{system.console}/api/v1/commands/{told['id']}")
    assert (status, json.loads(body)["status"]) == (200, "done")
    refused = system.call("command", "send", "nis-l4", "fault", "kind=leak")
    assert refused.returncode == 1
    assert "nis-l4 is a real one" in refused.stderr


def test_doctor_finds_a_running_system_well(system):
    done = system.call("doctor", "--json")
    assert done.returncode == 0, done.stdout
    assert all(row["ok"] or row["optional"] for row in json.loads(done.stdout))


@pytest.mark.parametrize(
    "verb",
    [
        "kinds",
        "rules list",
        "alarms list",
        "alarms kept",
        "ledger",
        "devices list",
        "devices corrections",
        "rejects list",
        "config show",
    ],
)
def test_tables_also_speak_json(system, verb):
    assert isinstance(system.json(*verb.split()), list)
    assert system.call(*verb.split()).returncode == 0


def test_a_list_of_rules_fits_into_its_lines_and_json_has_their_numbers(system):
    lines = [line for line in system.call("rules", "list").stdout.splitlines() if line.strip()]
    assert len(lines) == 2 + len(system.json("rules", "list"))
    assert "margin_mpa=0.03" in json.dumps(system.json("rules", "list"))


@pytest.mark.parametrize("place", ["--city", "--station"])
def test_a_place_that_is_not_there_does_not_read_as_one_without_alarms(system, place):
    done = system.call("alarms", "list", place, "nowhere")
    assert done.returncode == 1
    assert "'nowhere'" in done.stderr


def test_a_start_that_goes_well_warns_of_no_link(system):
    told = (system.home / "log" / "hearthline.log").read_text().partition("everything is ready")[0]
    assert "ingest is ready" in told
    assert not [line for line in told.splitlines() if "link lost" in line or "not reached yet" in line]


def test_the_first_screen_is_not_empty(system):
    with psycopg.connect(system.database) as on:

        def past():
            oldest = "select now() - min(ts) > interval '47 hours' from readings_heat_substation"
            return on.execute(oldest).fetchone()[0]

        wait_for(past, 60)
        assert on.execute("select count(*) from alarm where cleared_at is null").fetchone()[0] >= 1
        assert on.execute("select count(*) from alarm_event").fetchone()[0] >= 1


def test_a_second_instance_lives_beside_the_first(system):
    assert system.call("run").returncode == 1
    assert "already runs" in system.call("run").stderr


def test_a_password_is_shown_once_and_written_for_the_broker(system, tmp_path):
    added = system.call(
        "devices", "add", "rights-01", "--kind", "weather_station", "--station", "xc-laocheng-03", "--credential"
    )
    assert added.returncode == 0, added.stderr
    first = added.stdout.partition("password ")[2].split()[0]
    written = system.call("rights", "write", str(tmp_path), "--owner", getpass.getuser())
    assert written.returncode == 0, written.stderr
    lines = (tmp_path / "devices.passwords").read_text().splitlines()
    assert [line.partition("$")[0] for line in lines] == ["rights-01:"]
    assert first not in lines[0]
    renewed = system.call("devices", "credential", "rights-01")
    assert renewed.stdout.partition("password ")[2].split()[0] != first
    assert "withdrawn" in system.call("devices", "retire", "rights-01").stdout
    assert system.call("devices", "credential", "nobody-here").returncode == 1
    system.call("rights", "write", str(tmp_path), "--owner", getpass.getuser())
    assert not (tmp_path / "devices.passwords").read_text()


def test_a_running_system_hears_devices_that_speak_mqtt_5(system):
    added = system.call("devices", "add", "five-01", "--kind", "weather_station", "--station", "xc-laocheng-04")
    assert added.returncode == 0, added.stderr
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", system.broker_port_v5)
    client.loop_start()
    client.publish("hearthline/v1/five-01/readings", json.dumps({"values": {"t_outdoor": -5.5}}), qos=1)
    with psycopg.connect(system.database, autocommit=True) as on:
        query = "select 1 from readings_weather_station r join device d using (device_id) where d.name = 'five-01'"
        wait_for(lambda: on.execute(query).fetchone())
    client.disconnect()
    client.loop_stop()
