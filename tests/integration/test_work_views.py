"""What lists, pages and the command line show of work orders, and the responsibility list in its tables."""

import json
from datetime import date
from uuid import uuid4

import pytest
import typer
from prometheus_client import CollectorRegistry
from sqlalchemy import insert, select, text
from typer.testing import CliRunner

from application.disposition import Act
from application.incident_store import group
from application.instants import HOUR, MINUTE, moment
from application.rules import load_rules
from application.settings import WatchSettings
from application.tending import Tools, passes
from application.work import commands, store
from application.work.bringing import bring_in
from application.work.desk import desk_of
from application.work.order import Entry, Step
from application.work.responsibility import ResponsibilityError, ResponsibilityList
from application.work.responsibility_store import load, save
from application.work.view import counts, of_incidents, orders, story
from perception.kinds import load_kinds
from support import tables
from support.catalogue_store import save_catalogue
from support.commands.listing import show
from support.metrics import WorkMetrics
from support.postgres.connect import make_engine
from support.postgres.reader import PostgresReader
from tests.integration.conftest import catalogue
from tests.integration.test_work_orders import LIST, shipped

NOW = 1_795_000_000_000_000
RULES = load_rules()
DESK = desk_of(RULES, WatchSettings())
DAY = date(2026, 11, 18)


@pytest.fixture
def engine(database):
    engine = make_engine(database, "test")
    with engine.begin() as on:
        save_catalogue(on, catalogue(), actor="test")
        save(on, shipped(), "test", DAY)
    yield engine
    engine.dispose()


def opened(on, rule, station, at=NOW):
    alarm_id = uuid4()
    key = {"subject": f"station:{station}", "rule": rule, "element": "", "opened_at": moment(at)}
    row = {**key, "priority": RULES[rule].priority, "station": station, "device": "x", "recorded_at": moment(at)}
    on.execute(insert(tables.alarm).values(alarm_id=alarm_id, **row))
    return store.open_for(on, DESK, alarm_id, Act("cli:ann", at))


def take(on, order_id, what, at, comment=None, **detail):
    store.step(on, order_id, Entry(what, at, "cli:ann", comment, detail))


@pytest.fixture
def five(engine):
    """Five orders: one that nobody went to, one not repaired, one in time, one done, one rejected."""
    with engine.begin() as on:
        rules = ("pump_failed", "frost_risk", "door_open", "station_flooded", "valve_stuck")
        ids = [opened(on, rule, f"st-{name}", NOW + place) for place, (rule, name) in enumerate(
            zip(rules, ("warm", "cool", "leaky", "stale", "mute"), strict=True)
        )]  # fmt: skip
        for order_id in ids[1:4]:
            take(on, order_id, Step.ASSIGNED, NOW + MINUTE, to="East team")
        take(on, ids[1], Step.ARRIVED, NOW + 5 * MINUTE)
        take(on, ids[3], Step.DONE, NOW + 6 * MINUTE, minutes=25, parts=["seal"])
        take(on, ids[4], Step.REJECTED, NOW + 7 * MINUTE, "the valve is the property company's")
    return ids


def test_lists_begin_with_what_is_overdue_and_counts_agree(engine, five):
    with engine.connect() as on:
        early = orders(on, NOW + 8 * MINUTE)
        assert [(o.rule, o.overdue) for o in early] == [
            ("frost_risk", ""), ("pump_failed", ""), ("door_open", ""), ("station_flooded", "")
        ]  # fmt: skip
        now = NOW + 25 * HOUR
        late = orders(on, now, city="testopolis")
        assert [(o.rule, o.overdue) for o in late] == [
            ("frost_risk", "repair"), ("pump_failed", "respond"), ("door_open", "respond"), ("station_flooded", "")
        ]  # fmt: skip
        assert [o.rule for o in orders(on, now, overdue=True, most=2)] == ["frost_risk", "pump_failed"]
        assert [o.rule for o in orders(on, now, closed=True)][-1] == "valve_stuck"
        assert [o.rule for o in orders(on, now, state="rejected")] == ["valve_stuck"]
        assert [o.rule for o in orders(on, now, station="st-warm")] == ["pump_failed"]
        assert orders(on, now, city="elsewhere") == []
        told = counts(on, now, "testopolis")
        assert (told.open, told.overdue, told.waiting) == (3, 3, 1)
        assert {k: v for k, v in told.by_state.items() if v} == {
            "new": 1, "assigned": 1, "on_site": 1, "done": 1, "rejected": 1
        }  # fmt: skip
        assert counts(on, now, "elsewhere").open == 0
        assert counts(on, now + 40 * 24 * HOUR).by_state["rejected"] == 0


def test_a_story_has_the_journal_the_alarms_and_who_answers(engine, five):
    with engine.connect() as on:
        told = story(on, five[3], NOW + HOUR)
        assert told is not None
        order = told.order
        assert [e.what for e in told.journal] == ["opened", "assigned", "done"]
        assert [(a.rule, a.cleared_at) for a in told.alarms] == [("station_flooded", None)]
        assert (order.alarms, order.standing, order.minutes, tuple(order.parts)) == (1, 1, 25, ("seal",))
        assert order.body_title.en == "Heating company, area team"
        assert [t.en for t in order.supporting] == ["Fire service", "Property company"]
        assert order.advice == RULES["station_flooded"].advice
        assert order.due_at == (NOW + 3 + 24 * HOUR) // 1000
        assert story(on, uuid4(), NOW) is None


def test_incidents_know_their_orders(engine, five):
    with engine.begin() as on:
        group(on, RULES, NOW + 10 * MINUTE)
        list(on.execute(select(tables.incident.c.incident_id)))
    [tended] = [p for p in passes(Tools(engine, RULES, PostgresReader(), load_kinds())) if p.name == "orders"]
    list(tended.run(NOW + 11 * MINUTE))
    with engine.connect() as on:
        chosen = select(tables.incident.c.incident_id).where(tables.incident.c.cause_station == "st-warm")
        incident = on.scalar(chosen)
        found = of_incidents(on, [incident], NOW + 12 * MINUTE)
        assert found[str(incident)].rule == "pump_failed"
        assert of_incidents(on, [], NOW) == {}


def test_the_pass_tells_how_many_there_are(engine, five):
    registry = CollectorRegistry()
    metrics = WorkMetrics(registry)
    [tended] = [
        p
        for p in passes(
            Tools(
                engine,
                RULES,
                PostgresReader(),
                load_kinds(),
                orders=lambda n: metrics.tell(n.by_state, n.overdue),
            )
        )
        if p.name == "orders"
    ]
    assert sum(tended.run(NOW + 25 * HOUR)) > 0
    assert registry.get_sample_value("hearthline_work_orders", {"state": "on_site"}) == 1
    assert registry.get_sample_value("hearthline_work_orders_overdue") == 4  # what was done still stands: reopened


class Desk:
    """The verbs, spoken at one instant by one person."""

    def __init__(self, engine):
        self.now, self.app = NOW + HOUR, typer.Typer()
        commands.register(self.app, commands.Ports(
            lambda: engine, lambda: RULES, WatchSettings, lambda: self.now, lambda: "cli:ann",
            lambda since, _until: (self.now - int(since.removesuffix("m")) * MINUTE, self.now), show,
        ))  # fmt: skip

    def say(self, *words, fails=None):
        done = CliRunner().invoke(self.app, ["work", *words])
        if fails is None:
            assert done.exit_code == 0, done.output + repr(done.exception)
            return done.stdout
        assert fails in done.output + str(done.exception)
        return ""


def test_the_verbs_carry_an_order_on(engine, five):
    desk = Desk(engine)
    told = json.loads(desk.say("list", "--json", "--city", "testopolis"))
    number = next(str(o["number"]) for o in told if o["rule"] == "pump_failed")
    assert told[0]["due_at"].endswith("+00:00")
    desk.say("assign", number, "--to", "Team 热", "--comment", "the key is at the gate", "--at", "55m")
    desk.say("start", number, "--at", "50m")
    assert json.loads(desk.say("arrive", number, "--json"))["state"] == "on_site"
    desk.say("note", number, "--comment", "coupling broken", "--minutes", "10")
    assert "is done" in desk.say("done", number, "--minutes", "30", "--part", "coupling", "--part", "oil")
    desk.say("verify", number, fails="pump_failed at st-warm still stands")
    sheet = desk.say("show", number)
    for words in ("Team 热", "40 min, coupling, oil", "coupling broken", "1 of them stand", "parts coupling, oil"):
        assert words in sheet
    desk.say("reopen", number, "--reason", "the other pump")
    desk.say("cancel", number, "--reason", "the same as order 2")
    whole = json.loads(desk.say("show", number, "--json"))
    assert [e["what"] for e in whole["journal"]][-2:] == ["reopened", "cancelled"]
    assert whole["journal"][2]["at"] < whole["journal"][1]["recorded_at"]
    assert "3 done" not in desk.say("list")
    opened_anew = json.loads(desk.say("open", "--alarm", whole["alarm_id"], "--json"))
    assert opened_anew["number"] > int(number)


REFUSED = [
    (("start", "1"), "assign it to somebody first"),
    (("start", "99"), "there is no work order '99'"),
    (("assign", "1", "--to", " "), "to whom"),
    (("assign", "1", "--to", "a\0b"), "no plain text"),
    (("done", "2", "--part", "x" * 201), "at most 200 characters"),
    (("arrive", "3", "--at", "600m"), "later than that"),
    (("reject", "1", "--reason", " "), "say in words"),
    (("note", "1"), "say in words"),
    (("list", "--city", "atlantis"), "use one of testopolis"),
    (("list", "--station", "st-none"), "there is no station 'st-none'"),
    (("list", "--state", "lost"), "--state is one of new, assigned, on-the-way"),
    (("open",), "say for what"),
    (("open", "--incident", "zz"), "no number of an incident"),
    (("open", "--alarm", "ffffff"), "no alarm's number begins"),
    (("responsibilities", "--rule", "pump_failed"), "there is no station ''"),
    (("responsibilities", "--station", "st-warm"), "there is no rule ''"),
]


def test_what_cannot_be_done_is_answered_with_what_to_try(engine, five):
    for words, says in REFUSED:
        Desk(engine).say(*words, fails=says)


def test_the_list_is_shown_and_answers_for_a_place(engine):
    desk = Desk(engine)
    told = json.loads(desk.say("responsibilities", "--json"))
    assert {i["code"] for i in told} == {i.code for i in shipped().items}
    assert "Circulation" in desk.say("responsibilities", "--rule", "pump_failed", "--station", "st-warm")


def test_a_list_is_brought_in_once_and_what_it_drops_ends(engine, tmp_path):
    rules = LIST.parent / "rules.toml"
    file = tmp_path / "list.toml"
    file.write_text(LIST.read_text("utf-8"), "utf-8")

    def bring(day):
        at = NOW + day * 24 * HOUR
        return bring_in(engine, file, rules, catalogue, "cli:ann", at)

    assert "no rows" in bring(0)
    file.write_text(LIST.read_text("utf-8").replace('code = "frost"', 'code = "frost-2026"'), "utf-8")
    assert "2 rows" in bring(1)
    assert "no rows" in bring(2)
    with engine.connect() as on:
        told = {i.code: i for i in load(on).items}
        assert told["frost"].valid_until == date(2026, 11, 19)
        assert told["frost-2026"].valid_until is None
        rows = on.scalars(text("select detail from audit where action = 'responsibilities' order by audit_id")).all()
        assert rows[-1] == {"changed": ["item:frost-2026", "ended:frost"]}
    file.write_text(LIST.read_text("utf-8") + '\n[[items]]\ncode = "x"\n', "utf-8")
    with pytest.raises(ResponsibilityError, match="number 14 x: title"):
        bring(3)
    rules = tmp_path / "rules.toml"
    rules.write_text("[pump_failed]\non_delay_s = -1\n", "utf-8")
    assert "stays as it was" in bring(4)  # the file of the rules is no reason not to start


def test_without_a_list_nothing_opens_and_the_verb_says_why(engine):
    with engine.begin() as on:
        save(on, ResponsibilityList(shipped().bodies), "test", DAY)
        alarm_id = uuid4()
        key = {"subject": "station:st-warm", "rule": "pump_failed", "element": "", "opened_at": moment(NOW)}
        on.execute(insert(tables.alarm).values(alarm_id=alarm_id, **key, priority=1, station="st-warm", device="x"))
        group(on, RULES, NOW)
    [tended] = [p for p in passes(Tools(engine, RULES, PostgresReader(), load_kinds())) if p.name == "orders"]
    assert sum(tended.run(NOW + 2 * 24 * HOUR)) == 0
    Desk(engine).say("open", "--alarm", str(alarm_id), fails="nobody answers for pump_failed in test-east")
