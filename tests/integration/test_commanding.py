"""A command from the command line to a foreign device and back: checked, sent, answered, kept, shown."""

import json
import threading
import time
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from ingesting import KINDS, ingesting, seed
from paho.mqtt.client import CallbackAPIVersion, Client
from sqlalchemy import text
from typer import Typer
from typer.testing import CliRunner

from perception.command import CommandError, Why
from support.commands import ordering
from support.orders import Stand, Wish, give, given, one
from support.outgoing import command
from support.postgres.connect import make_engine

REAL = "probe-02"  # a substation in a real city
PRETEND = "xc-laocheng-01"
OFFSET = Wish(REAL, "setpoint_offset", {"kelvin": 2.0})


@pytest.fixture
def engine(database):
    seed(database)
    engine = make_engine(database, "test")
    yield engine
    engine.dispose()


class Firmware:
    """A device by somebody else: plain paho, and as many answers to each command as it is told to give."""

    def __init__(self, address, name, *answers):
        self.heard, self._name, self._answers = [], name, answers
        self._client = Client(CallbackAPIVersion.VERSION2, f"firmware-{name}")
        self._ready = threading.Event()
        self._client.on_connect = lambda *_: self._client.subscribe(f"hearthline/v1/{name}/command", 1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _c, _d, message: self._heed(json.loads(message.payload))
        self._client.connect(address.host, address.port)
        self._client.loop_start()
        assert self._ready.wait(10)

    def _heed(self, told):
        self.heard.append(told)
        for answer in self._answers:
            self._client.publish(f"hearthline/v1/{self._name}/reply", json.dumps({"id": told["id"], **answer}), 1)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def firmware(broker):
    opened = []

    def plugged_in(name, *answers):
        opened.append(Firmware(broker, name, *answers))
        return opened[-1]

    yield plugged_in
    for device in opened:
        device.close()


@pytest.fixture
def cli(engine):
    app = Typer()
    ordering.register(app, lambda: engine, lambda: KINDS, lambda: "cli:tester")
    return lambda *words: CliRunner().invoke(app, ["command", *words])


def refused(engine, wish):
    with engine.begin() as on, pytest.raises(CommandError) as told:
        give(on, KINDS, wish, "test")
    with engine.connect() as on:
        assert on.execute(text("select count(*) from outbox")).scalar() == 0
    return told.value


@pytest.mark.parametrize(
    ("change", "why", "says"),
    [
        ({"device": "nobody-1"}, Why.UNKNOWN, "devices list"),
        ({"do": "explode"}, Why.UNKNOWN, "it knows ping, reconnect, setpoint_offset"),
        ({"args": {"kelvin": 20}}, Why.LIMITS, "-8 to 8 K"),
        ({"do": "fault", "args": {"kind": "leak_sec"}}, Why.NOT_SIMULATED, "simulated devices"),
        ({"do": "mode", "args": {"mode": "off"}, "hold_s": 60.0}, Why.MALFORMED, "for a time"),
        ({"hold_s": 1e9}, Why.LIMITS, "a year"),
        ({"expires_s": 6e11}, Why.LIMITS, "a year"),
        ({"expires_s": float("nan")}, Why.LIMITS, "a year"),
    ],
)
def test_a_wish_beyond_the_kind_never_reaches_the_outbox(engine, change, why, says):
    told = refused(engine, replace(OFFSET, **change))
    assert told.why is why
    assert says in str(told)


def test_a_pending_device_is_told_nothing(engine):
    with engine.begin() as on:
        on.execute(text("update device set status = 'pending' where name = :n"), {"n": REAL})
    assert "pending" in str(refused(engine, OFFSET))


def test_a_fault_is_sent_only_where_city_and_device_are_simulated(engine):
    wish = Wish(PRETEND, "fault", {"kind": "leak_sec"}, hold_s=60)
    with engine.begin() as on:
        assert one(on, give(on, KINDS, wish, "test")).status is Stand.PENDING
        on.execute(text("delete from outbox"))
        on.execute(text("update city set simulated = false"))
    assert refused(engine, wish).why is Why.NOT_SIMULATED


def test_a_command_goes_to_a_foreign_device_and_its_answers_come_back(engine, database, broker, firmware, cli):
    device = firmware(REAL, {"state": "accepted"}, {"state": "done", "detail": "there"}, {"state": "accepted"})
    with ingesting(database, broker):
        sent = cli("send", REAL, "setpoint_offset", "kelvin=2", "--for", "2h", "--wait", "--json")
    assert sent.exit_code == 0, sent.output
    row = json.loads(sent.stdout)
    assert (row["status"], row["detail"], row["args"], row["actor"]) == ("done", "there", "kelvin=2.0", "cli:tester")
    assert [a["state"] for a in row["answers"]] == ["accepted", "done"]
    [heard] = device.heard
    now_ms = time.time() * 1000
    said = {name: value for name, value in heard.items() if name not in {"expires_at", "until"}}
    assert said == {"id": row["id"], "do": "setpoint_offset", "args": {"kelvin": 2.0}, "by": "cli:tester"}
    assert 0 < heard["expires_at"] - now_ms <= 300_000
    assert 0 < heard["until"] - now_ms <= 7_200_000
    assert REAL in cli("list", "--device", REAL).output
    assert "there" in cli("show", row["id"]).output
    with engine.connect() as on:
        audited = on.execute(text("select actor, subject from audit where action = 'command setpoint_offset'")).all()
    assert audited == [("cli:tester", f"device:{REAL}")]


def test_a_refusal_of_the_device_is_shown_with_its_reason(database, broker, firmware, cli):
    firmware(REAL, {"state": "rejected", "reason": "interlock", "detail": "the power is cut"})
    with ingesting(database, broker):
        sent = cli("send", REAL, "pump_speed", "hertz=40", "--wait", "--json")
    assert sent.exit_code == 1
    row = json.loads(sent.stdout)
    assert (row["status"], row["reason"], row["detail"]) == ("rejected", "interlock", "the power is cut")


def test_what_was_not_begun_in_time_is_expired(engine, database, broker):
    with engine.begin() as on:
        late = give(on, KINDS, replace(OFFSET, expires_s=-1.0), "test")
        waiting = give(on, KINDS, OFFSET, "test")
        assert [row.status for row in given(on)] == [Stand.PENDING, Stand.EXPIRED]
    with ingesting(database, broker) as running:
        running.await_answer("select count(*) from outbox where sent_at is not null", [(1,)])
        running.await_answer("select count(*) from outbox where refused like 'it expired%'", [(1,)])
    with engine.begin() as on:
        assert [one(on, c).status for c in (late, waiting)] == [Stand.EXPIRED, Stand.SENT]
        on.execute(text("update outbox set expires_at = now() - interval '1 s'"))
        assert one(on, waiting).status is Stand.EXPIRED
        assert one(on, uuid4()) is None


def test_answers_come_in_any_order_and_twice_and_strange_ones_are_rejects(engine, database, broker):
    with engine.begin() as on:
        told = str(command(on, REAL, "ping", "test"))
    with ingesting(database, broker) as running:
        for state in ("done", "accepted", "done"):
            running.publish({"id": told, "state": state, "detail": f"{state} \x01"}, "reply", REAL)
        for stray in ({"id": told, "state": "maybe"}, {"id": str(uuid4()), "state": "done"}):
            running.publish(stray, "reply", REAL)
        running.publish({"id": told, "state": "failed"}, "reply", "probe-01")  # another device
        running.await_answer("select count(*) from reject where reason = 'bad_reply'", [(3,)])
        running.await_answer("select count(*) from command_reply", [(2,)])
    with engine.connect() as on:
        row = one(on, UUID(told))
    assert (row.status, {a.state for a in row.answers}) == (Stand.DONE, {"accepted", "done"})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("send", REAL, "setpoint_offset", "kelvin"), "KEY=VALUE"),
        (("send", REAL, "setpoint_offset", "kelvin=1", "--for", "long"), "2h"),
        (("show", str(uuid4())), "no command has the id"),
        (("show", "x"), "UUID"),
    ],
)
def test_a_slip_of_the_hand_is_explained(cli, words, says):
    done = cli(*words)
    assert done.exit_code == 2
    assert says in done.output
