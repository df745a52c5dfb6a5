"""Requests in the database: the counter's functions, the ladder by the clock, and the pure life say the same."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from alarmed import Alarmed
from sqlalchemy import select, text

from application.instants import microseconds
from application.requests.counter import Counter, NotNowError, NotRightError, NotThereError, TooMuchError
from application.requests.request import Entry, RequestPartyError, RequestStateError, Step, replayed
from application.requests.score import Measure, scorecards
from application.requests.store import HOUSE, Party, enter, journal, locked, order_mending, read, step
from application.requests.upkeep import escalated, expired, linked
from application.work.bringing import bring_in
from support import tables
from support.postgres.projection import ROLE, apply_projection, portal_engine
from tests.integration.conftest import PASSWORD, catalogue

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
COLD = {"kind": "cold-home", "community": "home-warm", "description": "家里只有十六度，暖气不热", "language": "zh"}


def now_us():
    return microseconds(datetime.now(UTC))


@pytest.fixture
def town(database, tmp_path):
    alarmed = Alarmed(database, catalogue(), tmp_path)
    bring_in(
        alarmed.engine, CONFIGS / "responsibilities.toml", CONFIGS / "rules.toml", catalogue, "test", now_us(),
        CONFIGS / "requests.toml",
    )  # fmt: skip
    with psycopg.connect(database) as owner:
        alarmed.projection = apply_projection(owner, PASSWORD)
    yield alarmed
    alarmed.engine.dispose()


@pytest.fixture
def counter(town, database):
    engine = portal_engine(database, town.projection.access, PASSWORD)
    yield Counter(engine)
    engine.dispose()


@pytest.fixture
def on(town):
    with town.engine.connect() as on:
        yield on


def test_a_report_is_opened_followed_answered_confirmed_and_rated_once(counter, on):
    number, word = counter.submit(COLD | {"phone": "+86 451 1234567"})
    told = counter.read(number, word)
    assert (told["state"], told["body"], told["mine"]) == ("open", "property-company", True)
    assert [rung["body"] for rung in told["ladder"]] == [
        "property-company", "area-team", "heating-company", "district-office", "city-department",
    ]  # fmt: skip
    for what, comment in ((Step.ACCEPTED, None), (Step.STARTED, None), (Step.ANSWERED, "阀门已打开")):
        step(on, number, Entry(what, now_us(), "console:wuye", comment), Party("console:wuye", "property-company"))
    on.commit()
    assert counter.read(number, word)["answer"] == "阀门已打开"
    assert counter.act(number, word, "confirmed", {}) == "confirmed"
    with pytest.raises(NotNowError):
        counter.act(number, word, "confirmed", {})
    assert counter.act(number, word, "rated", {"grade": "5"}) == "rated"
    assert counter.act(number, word, "rated", {"grade": "1"}) == "rated before"
    assert counter.read(number, word)["grade"] == 5
    refused = select(tables.audit.c.subject).where(tables.audit.c.action == "second rating refused")
    assert on.scalar(refused) == f"request:{number}"
    assert replayed(journal(on, number)) == read(locked(on, number))


def test_the_portal_s_role_calls_functions_and_reads_no_table(counter, database):
    number, word = counter.submit(COLD)
    with psycopg.connect(database, user=ROLE, password=PASSWORD, autocommit=True) as visitor:
        visitor.execute("set default_transaction_read_only = off")
        for statement in (
            "select * from public.request", "select * from public.evaluation", "delete from public.request_event",
            "select counter.open_request('{}', 'x')", "select counter.digest('x')", "create schema mine",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                visitor.execute(statement)
    for wrong in ((number, word[:-1]), (number, ""), (number + 1, word), (10**30, word), (-1, word), (number, "\0")):
        assert counter.read(*wrong) is None
    with pytest.raises(NotThereError):
        counter.act(number, "a" * 24, "rated", {"grade": "1"})
    listed = counter.listed()[0]
    assert not {"description", "phone", "email", "secret"} & set(listed)


@pytest.mark.parametrize(("change", "field"), [
    ({"kind": "nonsense"}, "kind"), ({"community": "nowhere"}, "community"), ({"description": "冷"}, "description"),
    ({"description": "x" * 2001}, "description"), ({"phone": "1" * 41}, "contact"), ({"email": "x" * 300}, "contact"),
])  # fmt: skip
def test_what_is_not_right_is_named(counter, change, field):
    with pytest.raises(NotRightError) as raised:
        counter.submit(COLD | change)
    assert raised.value.field == field


def test_a_cold_home_is_matched_with_the_alarms_of_its_station_and_with_their_incident(town, counter, on):
    alarm = town.raised("warm", "pump_failed")
    incident = town.incident("warm", "pump_failed", [alarm])
    number, word = counter.submit(COLD)
    assert counter.read(number, word)["alarms"] == 1
    assert on.scalar(select(tables.request.c.incident_id).where(tables.request.c.number == number)) == incident
    early, _ = counter.submit(COLD | {"community": "home-cool"})
    late = town.raised("cool", "pump_failed", minutes=1)
    late_incident = town.incident("cool", "pump_failed", [late])
    assert linked(on, now_us()) == 1
    assert on.scalar(select(tables.request.c.incident_id).where(tables.request.c.number == early)) == late_incident
    order = town.ordered(alarm)
    assert linked(on, now_us()) == 1
    assert on.scalar(select(tables.request.c.work_order_id).where(tables.request.c.number == number)) == order
    assert linked(on, now_us()) == 0


def test_the_clock_moves_a_request_up_three_rungs_and_the_last_one_keeps_it(counter, on):
    number, word = counter.submit(COLD)
    at = now_us()
    for body in ("area-team", "heating-company", "district-office", "city-department"):
        at += microseconds(datetime(1970, 1, 5, tzinfo=UTC))
        assert escalated(on, at) == 1
        assert locked(on, number).body == body
    assert escalated(on, at * 2) == 0
    on.commit()
    told = counter.read(number, word)
    assert told["rung"] == 4
    assert [e["what"] for e in told["journal"]] == ["opened", *["escalated"] * 4]
    assert replayed(journal(on, number)) == read(locked(on, number))


def test_a_body_acts_on_what_lies_with_it_in_its_area_and_hands_on_with_a_reason(counter, on):
    number, _word = counter.submit(COLD)
    mine = Party("console:wuye", "property-company", "district:test-east")
    for other in (Party("x", "area-team"), Party("x", "property-company", "district:elsewhere")):
        with pytest.raises(RequestPartyError):
            step(on, number, Entry(Step.ACCEPTED, now_us(), "x"), other)
    up = Entry(Step.HANDED_UP, now_us(), "console:wuye", "管网问题，超出物业能力")
    assert step(on, number, up, mine).body == "area-team"
    with pytest.raises(RequestPartyError):
        step(on, number, Entry(Step.NOTED, now_us(), "x", "mine once"), mine)
    team = Party("console:team", "area-team")
    over = Entry(Step.HANDED_OVER, now_us(), "console:team", "户内问题", {"to": "property-company"})
    after = step(on, number, over, team)
    assert (after.body, after.bounces, after.rung) == ("property-company", 1, 0)
    assert replayed(journal(on, number)) == read(locked(on, number))


def test_the_reporter_reopens_and_silence_closes(counter, on):
    number, word = counter.submit(COLD)
    step(on, number, Entry(Step.ANSWERED, now_us(), "x", "done"), HOUSE)
    on.commit()
    with pytest.raises(NotRightError, match="still wrong"):
        counter.act(number, word, "reopened", {})
    counter.act(number, word, "reopened", {"comment": "还是冷"})
    assert counter.read(number, word)["state"] == "open"
    on.rollback()
    assert replayed(journal(on, number)) == read(locked(on, number))
    step(on, number, Entry(Step.ANSWERED, now_us(), "x", "done again"), HOUSE)
    assert expired(on, now_us()) == 0
    assert expired(on, now_us() + microseconds(datetime(1970, 1, 9, tzinfo=UTC))) == 1
    assert locked(on, number).state == "closed"


def test_a_bad_rating_orders_a_call_back_and_a_rectification_and_nobody_changes_it(counter, on, town):
    number, word = counter.submit(COLD)
    step(on, number, Entry(Step.ANSWERED, now_us(), "x", "done"), HOUSE)
    on.commit()
    counter.act(number, word, "rated", {"grade": "1", "comment": "没人来"})
    on.execute(text("update evaluation set grade = 5"))
    on.execute(text("delete from evaluation"))
    on.commit()
    assert on.scalar(select(tables.evaluation.c.grade)) == 1
    tried = select(tables.audit.c.detail).where(tables.audit.c.action == "rating refused to change")
    assert {row["tried"] for row in on.scalars(tried)} == {"UPDATE", "DELETE"}
    mend = on.execute(select(tables.rectification)).one()
    assert timedelta(days=3) <= mend.call_back_due - mend.opened_at <= timedelta(days=5)
    assert timedelta(days=19) <= mend.due_at - mend.opened_at <= timedelta(days=23)
    with pytest.raises(RequestStateError, match="called back first"):
        step(on, number, Entry(Step.RECTIFIED, now_us(), "x", "put right"), HOUSE)
    for what, comment in ((Step.CALLED_BACK, None), (Step.RECTIFIED, "put right")):
        step(on, number, Entry(what, now_us(), "x", comment), HOUSE)
    with pytest.raises(RequestStateError, match="ordered already"):
        order_mending(on, number, Entry(Step.ORDERED, now_us(), "x", "again"), HOUSE)


def test_likely_duplicates_are_suggested_joined_and_too_many_are_refused(counter, on):
    number, _word = counter.submit(COLD)
    counter.submit(COLD | {"description": "A quite different matter"})
    counter.submit(COLD | {"community": "home-cool"})
    found = counter.similar("cold-home", "home-warm", "暖气不热，只有十六度")
    assert found[0]["number"] == number
    assert len(found) == 2
    word = counter.join(number, {"language": "en"})
    told = counter.read(number, word)
    assert (told["people"], told["mine"], told["description"]) == (2, False, None)
    with pytest.raises(NotThereError):
        counter.act(number, word, "reopened", {"comment": "not mine"})
    on.execute(
        text("insert into request select (r).* from (select jsonb_populate_record(r, jsonb_build_object('number', i)) r"
             " from request r, generate_series(1, 60) i where r.number = :number) q"), {"number": number}
    )  # fmt: skip
    on.commit()
    with pytest.raises(TooMuchError):
        counter.submit(COLD)
    assert enter(on, COLD, "a" * 24, Party("console:clerk")) > number


def test_scorecards_say_on_how_much_they_are_based(counter, town):
    for _ in range(4):
        number, word = counter.submit(COLD)
        with town.engine.begin() as on:
            step(on, number, Entry(Step.ANSWERED, now_us(), "x", "done"), HOUSE)
        counter.act(number, word, "confirmed", {})
        counter.act(number, word, "rated", {"grade": "4"})
    counter.act(number, word, "reopened", {"comment": "cold again"})
    found = counter.scorecards("city:testopolis", datetime.now(UTC).date())
    assert [card.body for card in found] == ["property-company"]
    by = {score.measure: score for score in found[0].scores}
    assert (by[Measure.SATISFACTION].value, by[Measure.SATISFACTION].cases) == (1.0, 4)
    assert 0.5 < by[Measure.SATISFACTION].low < 0.6
    assert (by[Measure.REOPEN].value, by[Measure.RESOLUTION].value) == (0.25, 0.75)
    with town.engine.connect() as on:
        assert scorecards(on, "district:elsewhere", date(2020, 1, 1)) == []


@pytest.mark.usefixtures("counter")
def test_a_clerk_enters_within_the_own_area(on):
    with pytest.raises(RequestPartyError):
        enter(on, COLD, "a" * 24, Party("console:clerk", None, "city:elsewhere"))
    number = enter(on, COLD, "a" * 24, Party("console:clerk", None, "city:testopolis"))
    assert locked(on, number).channel == "clerk"
