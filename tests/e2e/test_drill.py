"""A drill in the running city, step by step: each is a row of the database, and the console shows it in a browser."""

import json
import subprocess
import threading

import psycopg
import pytest

EXPECTED = {"pump": "pump_failed", "leak": "", "power-cut": "power_cut", "cold-night": "valve_stuck"}
"""By drill: the rule that has to be among those that raise; of a leak whichever sees it first."""
WITHIN_S = 240.0
KEYS = {
    "command_reply": "command_id::text = %s and state = %s",
    "alarm": "alarm_id::text = %s",
    "incident": "incident_id::text = %s",
    "work_order": "work_order_id::text = %s",
}


class Running:
    """A drill under way: its lines as they come."""

    def __init__(self, system, what):
        self.steps, self.arrived = [], threading.Condition()
        words = system.command("drill", what, "--json")
        self.process = subprocess.Popen(
            words,
            env=system.environment,
            cwd=system.checkout,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            with self.arrived:
                self.steps.append(json.loads(line))
                self.arrived.notify_all()
        with self.arrived:
            self.arrived.notify_all()

    def step(self, name):
        """Wait for a step and return it."""

        def found():
            return [s for s in self.steps if s["step"] == name] or self.process.poll() is not None

        with self.arrived:
            assert self.arrived.wait_for(found, WITHIN_S), self.steps
        told = [s for s in self.steps if s["step"] == name]
        assert told, f"it ended without {name}: {self.steps}\n{self.process.stderr.read()}"
        return told[0]

    def end(self):
        self.thread.join(WITHIN_S)
        return self.process.wait(10)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.stdout.close()
        self.process.stderr.close()


def row_of(on, step):
    """Return the row that proves a step, by column."""
    readings = "device_id = %s::int and ts = to_timestamp(%s::bigint / 1e6)"
    query = f"select * from {step['table']} where {KEYS.get(step['table'], readings)}"
    return on.execute(query, step["row"].split()).fetchone()


@pytest.fixture
def ask(system):
    with psycopg.connect(system.database, autocommit=True, row_factory=psycopg.rows.dict_row) as on:
        yield on


def follow(system, on, page, what):
    drill = Running(system, what)
    try:
        fault, sensor = drill.step("fault"), drill.step("sensor")
        page.goto(sensor["link"])
        assert row_of(on, fault)["state"] == "done"
        assert row_of(on, sensor) is not None
        alarm = drill.step("alarm")
        raised = row_of(on, alarm)
        assert (raised["station"], raised["evidence"]["drill"]) == (alarm["station"], 1.0)
        shown = page.locator(f"[data-alarm='{alarm['row']}'] .alarm-when")
        shown.wait_for(timeout=20_000)
        assert "drill" in shown.inner_text()
        incident, order = row_of(on, drill.step("incident")), row_of(on, drill.step("order"))
        assert alarm["station"] in incident["stations"]
        assert (order["station"], order["incident_id"]) == (alarm["station"], incident["incident_id"])
        opened = on.execute(
            "select comment from work_order_event where work_order_id = %s and what = 'opened'",
            [order["work_order_id"]],
        )
        assert "drill" in opened.fetchone()["comment"]
        assert row_of(on, drill.step("mended"))["state"] == "done"
        ended = drill.end()
        rules = {s["says"].split()[0].rstrip(",") for s in drill.steps if s["step"] == "alarm"}
        assert EXPECTED[what] in {*rules, ""}
        assert drill.steps[-1]["after_s"] < WITHIN_S
        return ended, drill
    finally:
        drill.close()


def test_a_pump_is_drilled_from_the_sensor_to_the_proof(system, ask, browser):
    page = browser.new_page()
    ended, drill = follow(system, ask, page, "pump")
    for step in drill.steps:
        answered = page.goto(step["link"])
        assert answered is not None
        assert answered.status == 200, step
        if step["table"] in {"alarm", "incident", "work_order"}:
            assert step["row"] in step["link"]
            assert page.locator("h1 .first-out").inner_text() == "drill", step
    page.close()
    assert ended == 0, drill.steps
    for step in drill.steps:
        if step["step"] == "cleared":
            assert row_of(ask, step)["cleared_at"] is not None
    assert row_of(ask, drill.step("closed"))["closed_at"] is not None
    assert row_of(ask, drill.step("verified"))["state"] == "verified"
    over = ask.execute("select ended_at < until as early from drill where drill_id = %s", [drill.steps[0]["drill"]])
    assert over.fetchone()["early"]


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize("what", ["leak", "power-cut", "cold-night"])
def test_the_others_are_drilled_as_well(system, ask, browser, length, what):
    if not length.full:
        pytest.skip("all four are drilled by make test-faults")
    page = browser.new_page()
    ended, drill = follow(system, ask, page, what)
    page.close()
    assert ended == 0, drill.steps
