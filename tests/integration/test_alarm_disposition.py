"""What people do with alarms, on a real database: the lists, the journal and the audit say the same."""

import random
from uuid import UUID, uuid5

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from application import disposition
from application.alarm import Alarm, AlarmError
from application.disposition import Act, UnknownAlarmError, UnknownSubjectError
from application.instants import HOUR, MINUTE, moment
from application.rules import load_rules
from application.tending import Tools, passes
from application.views import Views
from perception.kinds import load_kinds
from support import tables
from support.catalogue_store import save_catalogue
from support.postgres.connect import make_engine
from support.postgres.reader import PostgresReader
from tests.integration.conftest import catalogue

NOW = 1_795_000_000_000_000
STATION, DEVICE, RULE = "st-warm", "dev-warm", "return_pressure_low"
ROOT = UUID("00000000-0000-0000-0000-00000000a1a2")


@pytest.fixture
def engine(database):
    engine = make_engine(database, "test")
    with engine.begin() as on:
        save_catalogue(on, catalogue(), actor="test")
    yield engine
    engine.dispose()


@pytest.fixture
def views(engine):
    return Views(engine, PostgresReader(), load_kinds(), load_rules())


def raised(on, at=NOW, station=STATION, device=DEVICE):
    """Write what the rules write when a condition comes."""
    alarm_id = uuid5(ROOT, f"{station}{at}")
    key = {"subject": f"station:{station}", "rule": RULE, "element": "", "opened_at": moment(at)}
    on.execute(
        tables.alarm.insert().values(alarm_id=alarm_id, **key, priority=1, station=station, device=device, evidence={})
    )
    return alarm_id


def cleared(on, alarm_id, at):
    on.execute(update(tables.alarm).where(tables.alarm.c.alarm_id == alarm_id).values(cleared_at=moment(at)))


def attention(views, now):
    return [row.alarm_id for row in views.overview("testopolis", now).alarms]


def journal(on):
    event = tables.alarm_event
    rows = on.execute(select(event.c.what, event.c.actor, event.c.comment).order_by(event.c.alarm_event_id))
    return [tuple(row) for row in rows]


def test_who_saw_it_and_what_they_said_stands_in_journal_and_audit(engine, views):
    with engine.begin() as on:
        alarm_id = raised(on)
        disposition.acknowledge(on, disposition.find(on, str(alarm_id)[:8]), Act("cli:ann", NOW + MINUTE, "on my way"))
        with pytest.raises(AlarmError, match="acknowledged already"):
            disposition.acknowledge(on, alarm_id, Act("cli:bob", NOW + 2 * MINUTE))
        disposition.comment(on, alarm_id, Act("cli:bob", NOW + 3 * MINUTE, "valve is shut"))
        with pytest.raises(AlarmError, match="reason in words"):
            disposition.comment(on, alarm_id, Act("cli:bob", NOW + 3 * MINUTE, " "))
        assert journal(on) == [
            ("acknowledged", "cli:ann", "on my way"),
            ("commented", "cli:bob", "valve is shut"),
        ]
        audited = on.execute(select(tables.audit.c.actor, tables.audit.c.action, tables.audit.c.subject)).all()
        assert ("cli:ann", "alarm acknowledged", f"alarm:{alarm_id}") in [tuple(row) for row in audited]
    [row] = views.alarms("testopolis", NOW + HOUR)
    assert row.acknowledged


def test_an_alarm_of_a_station_stands_in_the_list_of_its_own_city_only(engine, views):
    with engine.begin() as on:
        raised(on)
    assert len(views.alarms("testopolis", NOW + HOUR, station=STATION)) == 1
    assert not views.alarms("elsewhere", NOW + HOUR, station=STATION)


def test_a_shelved_condition_stays_shelved_when_it_comes_again_and_comes_back_by_itself(engine, views):
    with engine.begin() as on:
        first = raised(on)
        disposition.shelve(on, first, NOW + 2 * HOUR, Act("cli:ann", NOW + MINUTE, "pump exchanged today"))
        cleared(on, first, NOW + 10 * MINUTE)
        again = raised(on, NOW + HOUR)
    assert attention(views, NOW + HOUR) == []
    assert attention(views, NOW + 2 * HOUR + 1) == [str(again)]
    tended = next(
        p for p in passes(Tools(engine, load_rules(), PostgresReader(), load_kinds())) if p.name == "shelving"
    )
    assert list(tended.run(NOW + HOUR)) == [0]
    assert list(tended.run(NOW + 3 * HOUR)) == [1]
    assert list(tended.run(NOW + 3 * HOUR)) == [0]
    with engine.begin() as on:
        assert journal(on)[-1] == ("unshelved", "tend", None)
        assert disposition.kept(on, NOW + 3 * HOUR) == []


def test_shelving_is_for_a_day_at_most_here_and_in_the_database(engine):
    with engine.begin() as on:
        alarm_id = raised(on)
        for until in (NOW, NOW + 24 * HOUR + 1):
            with pytest.raises(AlarmError, match="24 hours"):
                disposition.shelve(on, alarm_id, until, Act("cli:ann", NOW, "why"))
    values = {"subject": "station:x", "rule": RULE, "element": "", "actor": "x", "reason": "x"}
    two_days = {"since": moment(NOW), "until": moment(NOW + 48 * HOUR)}
    with pytest.raises(IntegrityError), engine.begin() as on:
        on.execute(tables.shelving.insert().values(**values, **two_days))


def test_a_station_out_of_service_keeps_silent_until_it_is_back(engine, views):
    with engine.begin() as on:
        here, there = raised(on), raised(on, NOW, "st-cool", "dev-cool")
        disposition.take_out(on, f"station:{STATION}", None, Act("cli:ann", NOW, "exchanger replaced"))
        with pytest.raises(UnknownSubjectError, match="already"):
            disposition.take_out(on, f"station:{STATION}", None, Act("cli:ann", NOW, "twice"))
        disposition.take_out(on, "device:dev-cool", NOW + HOUR, Act("cli:ann", NOW, "new controller"))
    assert attention(views, NOW + MINUTE) == []
    assert {row.out_of_service for row in views.alarms("testopolis", NOW + MINUTE)} == {True}
    assert attention(views, NOW + 2 * HOUR) == [str(there)]
    with engine.begin() as on:
        assert disposition.end_expired(on, NOW + 2 * HOUR) == 1
        disposition.bring_back(on, f"station:{STATION}", Act("cli:ann", NOW + 2 * HOUR))
    assert sorted(attention(views, NOW + 2 * HOUR)) == sorted([str(here), str(there)])


@pytest.mark.parametrize("subject", ["st-warm", "station:nowhere", "device:", "pump:1", "station:'; drop table alarm"])
def test_what_is_not_there_cannot_be_taken_out(engine, subject):
    with engine.begin() as on, pytest.raises(UnknownSubjectError):
        disposition.take_out(on, subject, None, Act("cli:ann", NOW, "why"))
    with engine.begin() as on, pytest.raises(UnknownSubjectError, match="not out of service"):
        disposition.bring_back(on, subject, Act("cli:ann", NOW))


def test_a_name_without_its_sort_is_answered_with_what_to_try(engine):
    with engine.begin() as on, pytest.raises(UnknownSubjectError, match="try station:dev-cool or device:dev-cool"):
        disposition.take_out(on, "dev-cool", None, Act("cli:ann", NOW, "why"))


@pytest.mark.parametrize("words", ["", "abc", "ffffff", "%%%%%%", "______", "zzzzzzzz"])
def test_a_number_that_names_no_alarm_is_refused(engine, words):
    with engine.begin() as on:
        raised(on)
        with pytest.raises(UnknownAlarmError):
            disposition.find(on, words)


@pytest.mark.parametrize("seed", range(6))
def test_random_acts_agree_with_the_pure_life(engine, views, seed):
    """Whatever people try, in whatever order: the database says what the state machine says."""
    dice, life, now = random.Random(seed), Alarm().raised(), NOW
    with engine.begin() as on:
        alarm_id = raised(on)
    for _ in range(25):
        now += dice.randrange(1, 3 * HOUR)
        until = now + dice.randrange(1, 30 * HOUR)
        act = Act("cli:ann", now, "because")
        if life.shelved_until is not None and life.shelved_until <= now:
            life = life.unshelve()  # what time ends, the machine's owner ends
        tried = {
            "acknowledge": (Alarm.acknowledge, disposition.acknowledge, ()),
            "unshelve": (Alarm.unshelve, disposition.unshelve, ()),
            "shelve": (lambda a, now=now, until=until: a.shelve(now, until), disposition.shelve, (until,)),
            "tend": (lambda a: a, lambda on, _id, act: disposition.end_expired(on, act.at), ()),
        }
        pure, stored, more = tried[dice.choice(sorted(tried))]
        assert _fate(lambda f=pure, a=life: f(a)) == _fate_on(engine, stored, alarm_id, *more, act)
        life = _after(pure, life)
        assert (attention(views, now) == [str(alarm_id)]) == life.needs_attention(now)


def _after(pure, life):
    try:
        return pure(life)
    except AlarmError:
        return life


def _fate(work):
    try:
        work()
    except AlarmError as err:
        return str(err)
    return "done"


def _fate_on(engine, stored, *arguments):
    def work():
        with engine.begin() as on:
            stored(on, *arguments)

    return _fate(work)


@pytest.mark.parametrize("words", ["a\udcff", "nul \0", "\x1b]0;title\x07", "x" * 2001])
def test_words_that_nobody_could_read_later_are_refused(words):
    with pytest.raises(AlarmError, match=r"plain text|say it in 2000"):
        Act("cli:ann", NOW, words)


def test_markup_quotes_and_lines_are_words_like_others(engine):
    words = "<img src=x onerror=alert(1)>'; drop table alarm; --\n\tÄ 热"
    with engine.begin() as on:
        alarm_id = raised(on)
        disposition.comment(on, alarm_id, Act("cli:ann", NOW, words))
        assert journal(on)[-1][2] == words
