"""From an alarm to a message at a real mail server, a real web server and the outbox, with the database between."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
import typer
from hook_server import hook
from mail_server import mail_server
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from typer.testing import CliRunner

from application import disposition, notify_commands
from application.disposition import Act
from application.incident_store import group
from application.instants import HOUR, MINUTE, SECOND, moment
from application.notify import queue
from application.notify.desk import Desk, PlanFile
from application.notify.sending import Sender, send_due
from application.notify.telling import Teller
from application.rules import load_rules
from application.settings import NotifySettings
from perception.kinds import load_kinds
from support import tables
from support.catalogue_store import save_catalogue
from support.postgres.connect import make_engine
from tests.integration.conftest import COMMUNITIES, catalogue

T0 = 1_795_000_000_000_000
RULES, KINDS = load_rules(), load_kinds()
NOTICE = tables.notification
CHECKOUT = Path(__file__).resolve().parents[2]
PEOPLE = """
[recipient.duty]
mail = "duty@example.org"
language = "en"

[recipient.lead]
mail = "lead@example.org"

[on_call.net]
zone = "UTC"
escalate_min = { 1 = 15 }
[[on_call.net.shift]]
from = "00:00"
to = "24:00"
rungs = ["duty", "lead"]

[[route]]
to = ["on-call:net"]
cleared = true
"""


class House:
    """A database with the town, the passes that tell and send, and a clock that is turned by hand."""

    def __init__(self, database, folder, port=1, text=PEOPLE):
        self.engine = make_engine(database, "test")
        self.now = T0
        self.file = folder / "notifications.toml"
        self.file.write_text(text)
        told = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_tls": "none", "smtp_from": "heat@example.org"}
        self.counted = []
        self.desk = Desk(
            self.file, NotifySettings(**told, console_url="https://heat.example.org"), folder / "secrets",
            lambda: KINDS, lambda *what: self.counted.append(what),
        )  # fmt: skip
        self.plan = PlanFile(self.file)
        self.teller = Teller(self.plan, RULES, self.desk)

    def raise_(self, station="st-warm", rule="pump_failed", element="", late=0):
        """Write what the rules write when a condition comes."""
        alarm_id = uuid4()
        values = {
            "alarm_id": alarm_id, "subject": f"station:{station}", "rule": rule, "element": element,
            "opened_at": moment(self.now - late), "recorded_at": moment(self.now), "priority": RULES[rule].priority,
            "station": station, "device": f"dev-{station[3:]}", "evidence": {"dp_sec": 0.01, "speed_hz": 42.0},
        }  # fmt: skip
        with self.engine.begin() as on:
            on.execute(tables.alarm.insert().values(values))
        return alarm_id

    def clear(self, *alarms):
        with self.engine.begin() as on:
            done = update(tables.alarm).where(tables.alarm.c.alarm_id.in_(alarms))
            on.execute(done.values(cleared_at=moment(self.now)))

    def open_alarms(self):
        with self.engine.connect() as on:
            return list(on.scalars(select(tables.alarm.c.alarm_id).where(tables.alarm.c.cleared_at.is_(None))))

    def acknowledge(self, alarm):
        with self.engine.begin() as on:
            disposition.acknowledge(on, alarm, Act("cli:ann", self.now, None))

    def tend(self, *, send=True):
        """Do what tend does: group, queue, send."""
        with self.engine.begin() as on:
            group(on, RULES, self.now)
        with self.engine.begin() as on:
            changed = self.teller.tell(on, self.now)
        return (changed, send_due(self.engine, self.desk, lambda: self.now, self.plan.plan()) if send else 0)

    def after(self, passed, **how):
        self.now += passed
        return self.tend(**how)

    def rows(self, *columns):
        with self.engine.connect() as on:
            query = select(*(NOTICE.c[c] for c in columns)).order_by(NOTICE.c.notification_id)
            return [tuple(row) if len(columns) > 1 else row[0] for row in on.execute(query)]


EMPTIED = "notification, incident_alarm, incident, alarm_event, alarm, shelving, out_of_service, outbox, audit"


@pytest.fixture(scope="module")
def town(server, migrated):
    """The address of a database with the town, for all tests of this file: each begins without alarms."""
    address = server.create_database("notices", migrated)
    engine = make_engine(address, "test")
    with engine.begin() as on:
        save_catalogue(on, catalogue(), actor="test")
    engine.dispose()
    yield address
    server.drop_database("notices")


@pytest.fixture
def database(town):
    with psycopg.connect(town) as on:
        on.execute(f"truncate {EMPTIED} cascade")
    return town


@pytest.fixture
def box():
    with mail_server() as running:
        yield running


@pytest.fixture
def house(database, tmp_path, box):
    made = House(database, tmp_path, box.port)
    yield made
    made.engine.dispose()


def test_from_the_alarm_to_the_mailbox_and_up_the_rungs(house, box):
    alarm = house.raise_(element="pump_circ_1_fault")
    assert house.tend() == (0, 0)
    assert house.after(25 * SECOND) == (1, 1)
    assert house.after(10 * SECOND) == (0, 0)
    [first] = box.messages
    assert first["To"] == "duty@example.org"
    subject = first["Subject"]
    assert subject.startswith("[P1] Warm: Circulation pump failed (")
    assert "since 2026-11-18 16:51 +05:45" in subject  # by the clock of the city
    text = first.get_content()
    for words in (
        "stand-by pump", "0.010 MPa", "speed 42 Hz", "https://heat.example.org/en/incidents/",
        f"hearthline alarms ack {str(alarm)[:8]}", "Homes affected: cannot tell",
    ):  # fmt: skip
        assert words in text
    assert house.after(15 * MINUTE) == (1, 1)
    second = box.messages[1]
    assert second["To"] == "lead@example.org"
    assert second["Subject"].startswith("[P1] 无人确认，升级：Warm区: 循环泵故障")
    assert "转速 42 Hz" in second.get_content()
    house.acknowledge(alarm)
    assert house.after(HOUR) == (0, 0)
    house.clear(alarm)
    assert house.after(MINUTE) == (2, 2)
    assert {(m["To"], m["Subject"].split(":")[0].split("：")[0]) for m in box.messages[2:]} == {
        ("duty@example.org", "[P1] Over"), ("lead@example.org", "[P1] 已恢复"),
    }  # fmt: skip
    over = next(m for m in box.messages[2:] if m["To"] == "duty@example.org")
    assert over["References"] == first["Message-ID"]
    assert ("mail", "sent", 1) in house.counted


def test_a_drill_says_so_and_nobody_sees_it_as_evidence(house, box):
    alarm = house.raise_()
    with house.engine.begin() as on:
        on.execute(update(tables.alarm).values(evidence={"dp_sec": 0.01, "drill": 1.0}))
    house.after(25 * SECOND)
    [message] = box.messages
    assert message["Subject"].strip().startswith("[P1] Drill: Warm: Circulation pump failed")
    text = message.get_content()
    assert "This is a drill: nobody has to go." in text
    assert "drill 1" not in text
    other = house.raise_("st-cool", "power_cut")
    house.after(25 * SECOND)
    [_, real] = box.messages
    assert "rill" not in real["Subject"] + real.get_content(), (alarm, other)


@pytest.mark.parametrize(("high", "words"), [(120.4, "3.0 h (1.6 to 120 h)"), (None, "3.0 h (1.6 h or more)")])
def test_how_soon_homes_are_cold_is_told_as_a_range(house, box, high, words):
    alarm = house.raise_()
    foreseen = {"alarm_id": alarm, "hours": 3.01, "hours_low": 1.6, "hours_high": high, "why": "outage"}
    with house.engine.begin() as on:
        on.execute(tables.consequence.insert().values(**foreseen, at=moment(house.now)))
    house.after(25 * SECOND)
    [message] = box.messages
    assert f"Rooms at 18 °C in: {words}" in message.get_content()


def test_an_area_with_fifty_alarms_is_one_message(house, box):
    for name in COMMUNITIES:
        for rule in ("power_cut", "circulation_stopped", "pump_failed"):
            house.raise_(f"st-{name}", rule)
    house.after(25 * SECOND)
    house.after(25 * SECOND)
    [message] = box.messages
    assert f"{len(COMMUNITIES)} stations" in message["Subject"]
    assert "Line: " in message["Subject"]
    assert "<b>" not in message["Subject"]


def test_an_area_that_comes_back_station_by_station_rings_once(house, box):
    dark = [house.raise_(f"st-{name}", "power_cut") for name in COMMUNITIES]
    house.after(25 * SECOND)
    house.after(25 * SECOND)
    with house.engine.connect() as on:
        [cause] = on.scalars(select(tables.alarm.c.alarm_id).where(tables.alarm.c.suppressed_by.is_(None)))
    house.acknowledge(cause)
    for alarm in sorted(dark, key=lambda each: each != cause):
        house.clear(alarm)
        house.after(5 * MINUTE)
    house.after(MINUTE)
    assert [m["Subject"].split(":")[0] for m in box.messages] == ["[P1] Line", "[P1] Over"]


def test_what_is_kept_from_the_lists_is_told_to_nobody(house, box):
    first = house.raise_()
    house.raise_("st-cool")
    house.raise_("st-leaky", late=2 * HOUR)
    with house.engine.begin() as on:
        disposition.shelve(on, first, house.now + HOUR, Act("cli:ann", house.now, "exchanged today"))
        disposition.take_out(on, "device:dev-cool", None, Act("cli:ann", house.now, "new controller"))
    assert house.after(MINUTE) == (0, 0)
    with house.engine.begin() as on:
        disposition.bring_back(on, "device:dev-cool", Act("cli:ann", house.now, "done"))
    house.after(MINUTE)
    assert [m["Subject"].split(":")[0] for m in box.messages] == ["[P1] Cool"]
    house.now = T0 + HOUR + MINUTE
    with house.engine.begin() as on:
        disposition.end_expired(on, house.now)
    house.tend()
    assert "[P1] Warm" in {m["Subject"].split(":")[0] for m in box.messages}


def test_the_end_of_a_shelving_is_told_to_those_who_knew(house, box):
    alarm = house.raise_()
    house.after(MINUTE)
    with house.engine.begin() as on:
        disposition.shelve(on, alarm, house.now + HOUR, Act("cli:ann", house.now, "tomorrow"))
    assert house.after(30 * MINUTE) == (0, 0)
    house.now += HOUR
    with house.engine.begin() as on:
        disposition.end_expired(on, house.now)
    house.tend()
    assert box.messages[1]["Subject"].startswith("[P1] No longer shelved: Warm")


def test_what_is_over_before_it_could_be_sent_is_withdrawn(house, box):
    alarm = house.raise_()
    assert house.after(MINUTE, send=False) == (1, 0)
    house.clear(alarm)
    assert house.after(MINUTE) == (1, 0)
    assert house.rows("state") == ["withdrawn"]
    assert not box.messages


def test_what_was_withdrawn_is_told_when_it_speaks_again(house, box):
    pump = house.raise_(rule="circulation_stopped")
    house.after(25 * SECOND, send=False)
    power = house.raise_(rule="power_cut")
    house.after(SECOND)
    assert house.rows("stage", "state")[0] == ("opened", "withdrawn")
    house.now += HOUR
    house.clear(power)
    house.after(MINUTE)
    assert pump in house.open_alarms()
    assert [m["Subject"].split(",")[0] for m in box.messages][-1] == "[P1] Warm: Circulation stopped"


def test_an_escalation_that_was_seen_meanwhile_is_withdrawn(house):
    alarm = house.raise_()
    house.after(MINUTE)
    house.after(20 * MINUTE, send=False)
    house.acknowledge(alarm)
    house.after(MINUTE)
    assert house.rows("stage", "state") == [("opened", "sent"), ("escalation-1", "withdrawn")]


def test_the_database_holds_one_notice_per_recipient_and_stage(house):
    house.raise_()
    house.after(MINUTE, send=False)
    with house.engine.connect() as on:
        row = dict(on.execute(select(NOTICE)).mappings().one())
    with pytest.raises(IntegrityError), house.engine.begin() as on:
        on.execute(NOTICE.insert().values({**row, "notification_id": 999, "message_id": uuid4()}))


def test_two_tellers_at_once_queue_one_notice(house):
    house.raise_()
    house.now += MINUTE
    with house.engine.begin() as on:
        group(on, RULES, house.now)
    ready = threading.Barrier(2)

    def tell():
        ready.wait(5)
        with house.engine.begin() as on:
            Teller(house.plan, RULES, house.desk).tell(on, house.now)

    threads = [threading.Thread(target=tell) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert house.rows("state") == ["queued"]


def test_a_flood_is_a_digest_with_the_worst_first(house, box):
    house.file.write_text(PEOPLE.replace("[[route]]", "[digest]\nmore_than = 3\n\n[[route]]"))
    house.plan = PlanFile(house.file)
    house.teller = Teller(house.plan, RULES, house.desk)
    for n, name in enumerate(COMMUNITIES[:6]):
        house.raise_(f"st-{name}", "exchanger_leak" if n == 4 else "door_open")
    house.after(11 * MINUTE)
    [message] = box.messages
    assert message["Subject"] == "[P1] Digest of 6 notices (priority 1: 1, priority 3: 5)"
    lines = [line for line in message.get_content().splitlines() if line.startswith("- ")]
    assert len(lines) == 6
    assert lines[0].startswith("- [P1] Mute")
    assert sorted(house.rows("state")) == ["folded"] * 6 + ["sent"]


def test_a_dead_mail_server_is_called_once_and_nothing_is_lost(database, tmp_path):
    with mail_server() as gone:
        port = gone.port
    house = House(database, tmp_path, port)
    for name in COMMUNITIES[:3]:
        house.raise_(f"st-{name}")
    assert house.after(MINUTE) == (3, 1)  # one attempt stands for all on this way
    assert [s for s, _ in house.rows("state", "attempts")] == ["failed", "queued", "queued"]
    assert house.after(5 * SECOND) == (0, 0)
    with mail_server() as box:
        house.desk = Desk(
            house.file, house.desk.settings.model_copy(update={"smtp_port": box.port}), tmp_path, lambda: KINDS
        )
        house.after(MINUTE)
        assert len(box.messages) == 3
    assert house.rows("state") == ["sent"] * 3
    house.engine.dispose()


def test_what_cannot_be_delivered_for_a_day_is_given_up_and_tried_again_when_somebody_says_so(database, tmp_path):
    with mail_server(answers={"RCPT": b"450 later"}) as box:
        house = House(database, tmp_path, box.port, PEOPLE.replace("1 = 15", "2 = 15"))
        house.raise_()
        house.after(MINUTE)
        waits = []
        for _ in range(6):
            [at] = house.rows("next_attempt_at")
            waits.append(round((at - moment(house.now)).total_seconds()))
            house.after((at - moment(house.now)).total_seconds() * SECOND)
        assert waits == [30, 60, 120, 240, 480, 600]
        house.after(25 * HOUR)
        [(state, why)] = house.rows("state", "last_error")
        assert state == "given_up"
        assert "450 later" in why
        box.answers.clear()
        with house.engine.begin() as on:
            assert queue.retry(on, house.rows("notification_id"), house.now) == 1
        house.tend()
        assert len(box.messages) == 1
    house.engine.dispose()


def test_without_a_mail_server_notices_wait_for_somebody_to_name_one(database, tmp_path, box):
    house = House(database, tmp_path, box.port)
    whole, house.desk = house.desk, Desk(house.file, NotifySettings(), tmp_path, lambda: KINDS)
    house.raise_()
    house.after(MINUTE)
    [(state, why)] = house.rows("state", "last_error")
    assert state == "failed"
    assert "notify.smtp_host" in why
    house.desk = whole
    house.after(MINUTE)
    assert house.rows("state") == ["sent"]
    house.engine.dispose()


def test_a_rota_with_nobody_is_said_once_per_incident(database, tmp_path, capsys):
    house = House(database, tmp_path, text=PEOPLE.replace('rungs = ["duty", "lead"]', "rungs = [[]]"))
    house.raise_()
    for _ in range(3):
        house.after(MINUTE)
    house.raise_("st-cool")
    house.after(MINUTE)
    assert capsys.readouterr().out.count("nobody_on_call") == 2
    house.engine.dispose()


def test_a_refused_recipient_holds_up_nobody_else(database, tmp_path):
    text = PEOPLE.replace('to = ["on-call:net"]', 'to = ["lead", "duty"]')
    with mail_server(answers={"RCPT": b"550 no such box"}) as box:
        house = House(database, tmp_path, box.port, text)
        house.raise_()
        house.after(MINUTE)
        assert house.rows("state") == ["given_up", "given_up"]
    house.engine.dispose()


def test_machines_are_told_by_a_signed_event_and_by_the_outbox(database, tmp_path):
    with hook(status=500) as there:
        machines = f"""
        [recipient.desk]
        webhook = {{ url = "http://127.0.0.1:{there.port}/heat", secret = "desk", allow_private = true }}
        topic = "testopolis"
        [[route]]
        to = ["desk"]
        """
        house = House(database, tmp_path, text=machines)
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "webhook-desk").touch(mode=0o600)
        (tmp_path / "secrets" / "webhook-desk").write_text("key")
        alarm = house.raise_()
        house.after(MINUTE)
        assert sorted(house.rows("channel", "state")) == [("topic", "sent"), ("webhook", "failed")]
        there.status = 200
        house.after(MINUTE)
        [one, two] = there.events()
        assert one == two  # the same event again, by which a receiver folds
        with house.engine.connect() as on:
            [letter] = on.execute(select(tables.outbox)).all()
        assert letter.topic == "hearthline/v1/notify/testopolis"
    assert (one["specversion"], one["type"]) == ("1.0", "hearthline.notification.opened.v1")
    assert (one["source"], one["subject"]) == ("/hearthline/testopolis", "station:st-warm")
    assert one["data"]["alarms"][0]["alarm"] == str(alarm)
    assert one["data"]["title"] == {"zh": "循环泵故障", "en": "Circulation pump failed"}
    assert UUID(one["id"]).version == 5
    house.engine.dispose()


def test_killed_between_sending_and_settling_it_sends_that_one_again(house, box, database):
    for name in COMMUNITIES[:3]:
        house.raise_(f"st-{name}")
    house.after(MINUTE, send=False)
    words = [sys.executable, "tests/rigs/bent_sender.py", database, str(house.file), str(box.port)]
    done = subprocess.run(words, cwd=CHECKOUT, env={"PYTHONPATH": str(CHECKOUT)}, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert len(box.messages) == 1
    assert house.rows("state") == ["queued"] * 3
    house.now = time.time_ns() // 1000 + 10 * SECOND  # the claim of the dead holds two minutes
    assert send_due(house.engine, house.desk, lambda: house.now, house.plan.plan()) == 2
    house.now += 2 * MINUTE
    assert send_due(house.engine, house.desk, lambda: house.now, house.plan.plan()) == 1
    assert house.rows("state") == ["sent"] * 3
    assert len(box.messages) == 4
    assert len(set(box.ids())) == 3
    assert box.ids()[0] == box.ids()[-1]


def test_a_server_that_never_answers_holds_up_no_pass(database, tmp_path):
    with mail_server(mute=frozenset({"EHLO"})) as box:
        house = House(database, tmp_path, box.port)
        house.raise_()
        house.after(MINUTE, send=False)
        sender = Sender(house.engine, house.plan, house.desk, lambda: house.now)
        for _ in range(3):
            began = time.monotonic()
            assert list(sender.run(house.now)) == [0]
            assert time.monotonic() - began < 5  # the server is waited for 10
        box.closing.set()
        until = time.monotonic() + 15
        while not (done := list(sender.run(house.now)))[0]:
            assert time.monotonic() < until
        assert done == [1]
        assert house.rows("state") == ["failed"]
    house.engine.dispose()


@pytest.fixture
def verbs(house, tmp_path):
    """Call a verb of `notify`; returns its exit status and what it showed, or said."""
    shown = []
    app = typer.Typer()
    rules = CHECKOUT / "configs" / "rules.toml"
    ports = notify_commands.Ports(
        lambda: house.engine, lambda: house.desk, lambda: rules, lambda: house.now, lambda: "cli:ann",
        lambda rows, _: shown.append(rows),
    )  # fmt: skip
    notify_commands.register(app, ports)
    runner = CliRunner()

    def call(*words):
        shown.clear()
        done = runner.invoke(app, ["notify", *words])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, shown[0] if shown else done.output

    return call


def test_the_verbs(house, verbs, box):
    status, told = verbs("check")
    assert (status, "2 recipients, 1 routes, 1 rotas" in told) == (0, True)
    house.file.write_text(PEOPLE.replace('to = "24:00"', 'to = "06:00"'))
    status, told = verbs("check")
    assert status == 1
    assert "nobody is on call Tue 06:00-24:00 (rota net)" in told
    _, rows = verbs("oncall", "--at", "2026-01-20T03:00")
    assert [(r["rung"], r["who"], r["until"].hour) for r in rows] == [(1, "duty", 6), (2, "lead", 6)]
    _, rows = verbs("oncall", "--at", "2026-01-20T09:00")
    assert [r["who"] for r in rows] == ["nobody"]
    assert verbs("test", "duty") == (0, [{"channel": "mail", "arrived": True, "what": "the other side has it"}])
    assert box.messages[0]["Subject"] == "Hearthline test notice"
    box.answers["RCPT"] = b"550 no such box"
    status, [row] = verbs("test", "duty")
    assert (status, row["arrived"]) == (1, False)
    assert "no such box" in row["what"]
    house.raise_()
    house.after(MINUTE)
    _, [row] = verbs("list", "--state", "given_up", "--recipient", "duty")
    assert (row["state"], row["stage"], row["attempts"]) == ("given up", "opened", 1)
    assert "1 notices" in verbs("retry", str(row["notice"]))[1]
    assert verbs("drop")[0] == 2
    assert verbs("drop", "987654")[0] == 1  # there is none
    assert "1 notices" in verbs("drop", "--all")[1]
    assert verbs("list", "--state", "lost")[0] == 2
    for words in (("retry", str(2**63)), ("drop", str(2**64)), ("drop", "--", "-1")):
        assert verbs(*words)[0] == 2


def test_the_command_line_has_them(tmp_path):
    there = {**os.environ, "HEARTHLINE_HOME": str(tmp_path)}
    words = [sys.executable, "-m", "hearthline", "notify", "check"]
    done = subprocess.run(words, cwd=CHECKOUT, env=there, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "nobody is told anything" in done.stdout


def test_dropping_is_audited_and_old_notices_are_forgotten(house, box):
    house.raise_()
    house.after(MINUTE, send=False)
    text = house.file.read_text()
    house.file.write_text("[recipient")  # a file that cannot be used costs nobody their notices
    started = PlanFile(house.file)
    assert send_due(house.engine, house.desk, lambda: house.now, started.plan()) == 0
    with house.engine.begin() as on:
        assert Teller(started, RULES, house.desk).tell(on, house.now) == 0
    house.file.write_text(text)
    assert house.rows("state") == ["queued"]
    with house.engine.begin() as on:
        assert len(queue.drop(on, [], "cli:ann")) == 1
        assert on.scalars(select(tables.audit.c.action)).all()[-1] == "notifications dropped"
    house.after(MINUTE)
    assert not box.messages
    with house.engine.begin() as on:
        on.execute(update(tables.incident).values(closed_at=moment(house.now)))
    house.clear(*house.open_alarms())
    house.after(401 * 24 * HOUR)
    assert house.rows("state") == []
