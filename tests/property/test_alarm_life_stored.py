"""The whole life of alarms under random sequences: readings, people, upkeep, restarts, crashes, steps of the clock.

The rules, the tables and the verbs are the real ones; beside them runs a watch that is never stopped and hears reading
by reading. The journal of both is the same, and the journal replays to what the tables say.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select, text

from application import disposition
from application.alarm import Alarm, AlarmError, AlarmState
from application.disposition import Act
from application.incident_store import group
from application.instants import HOUR, MINUTE, SECOND, microseconds
from application.listings import Listings
from application.rules import load_rules, tuned
from application.watch import Watch
from application.watch_store import remembering
from perception.kinds import load_kinds
from perception.readings import Readings
from support import tables
from support.catalogue_store import save_catalogue
from support.postgres.connect import make_engine
from support.postgres.reader import PostgresReader
from support.postgres.writer import PostgresStore
from tests.integration.conftest import catalogue

KINDS = load_kinds()
KIND, BITS = KINDS["heat_substation"], KINDS["heat_substation"].bits
BEGIN = 1_795_000_000_000_000
HEAD = 0.30
RULES = tuned(
    load_rules(),
    {
        "return_pressure_low": {"on_delay_s": 30, "off_delay_s": 30, "latched": True, "realarm_s": 900},
        "supply_off_setpoint": {"on_delay_s": 60, "off_delay_s": 20, "realarm_s": 600},
        "sensor_out_of_range": {"on_delay_s": 30, "off_delay_s": 0},
    },
)
BY_NAME = {r.name: r for r, _ in RULES}
DEVICES = ("dev-warm", "dev-cool", "dev-leaky")
LIVED = (
    "consequence, alarm_event, incident_alarm, incident, alarm, shelving, out_of_service, watch_state,"
    f" readings_{KIND.name}"
)
TABLE = {"raised": Alarm.raised, "cleared": Alarm.cleared, "acknowledged": Alarm.acknowledge,
         "realarmed": Alarm.realarm, "unsuppressed": Alarm.unsuppress}  # fmt: skip
steps_s = st.sampled_from([0.001, 1, 5, 20, 40, 100, 190, 700])


class Life(RuleBasedStateMachine):
    """One house, three devices, one operator."""

    def __init__(self, engine, store):
        super().__init__()
        self.engine, self.store = engine, store
        with engine.begin() as on:
            on.execute(text(f"truncate {LIVED} cascade"))
        self.roster = store.roster(-1)
        self.true_time, self.offset = BEGIN, 0
        self.pending, self.used, self.numbers = [], set(), itertools.count()
        self.oracle = Watch(RULES)
        self.oracle_state = self.oracle.attend(self.oracle.enrol(None, self.roster), BEGIN)
        self.oracle_journal = []

    @property
    def wall(self):
        return self.true_time + self.offset

    @initialize()
    def start(self):
        """Begin from the tables, as every start does."""
        self.watch = Watch(RULES, remembering(self.engine, PostgresReader(), KINDS, lambda: self.wall, lambda: RULES))
        self.state = self.watch.attend(self.watch.enrol(None, self.roster), self.wall)

    @rule(
        passed=steps_s,
        device=st.sampled_from(DEVICES),
        delay=st.sampled_from([0, 0, 0, 1, 30, 170, 400, -60]),
        pressure=st.sampled_from([None, 0.2, 0.2, HEAD + 0.035, HEAD + 0.06]),
        supply=st.sampled_from([None, 45.0, 48.5, 60.0]),
        bad=st.booleans(),
    )
    def hear(self, passed, device, delay, pressure, supply, bad):
        """A reading comes; it waits for its batch. What lies too far ahead of our clock is refused before that."""
        self.true_time += round(passed * SECOND)
        ts = self.true_time - delay * SECOND
        if (device, ts) in self.used or ts > self.wall + 5 * MINUTE:
            return
        self.used.add((device, ts))
        values = np.full(len(KIND.points), np.nan)
        told = {"p_sec_return": pressure, "t_sec_supply": supply, "t_sec_supply_setpoint": 45.0,
                "t_outdoor": -99.0 if bad else -10.0}  # fmt: skip
        for point, value in told.items():
            values[BITS[point]] = np.nan if value is None else value
        self.pending.append((self.roster.members[device].device_id, ts, self.wall, values, bad << BITS["t_outdoor"]))

    @rule(crash=st.sampled_from([None, None, None, "before", "after"]))
    def store_batch(self, crash):
        """Store and judge what waits. A crash before the commit loses the work, one after it the acknowledgement."""
        if not self.pending:
            return
        for each in self.pending:
            told = readings([each])
            self.oracle_state, found, _ = self.oracle.step(self.oracle_state, {KIND.name: told}, each[2])
            self.oracle_journal += found
        if crash == "before":
            with pytest.raises(CrashError):
                self.commit(self.pending, crash=True)
            self.start()
        self.commit(self.pending)
        if crash == "after":
            self.start()
            self.commit(self.pending)  # it comes again
        self.pending = []
        if crash:
            self.oracle_state = self.oracle.attend(self.oracle_state, self.wall)

    def commit(self, batch, *, crash=False):
        with self.store.transaction() as tx:
            accepted = tx.write(readings(batch), self.roster).accepted
            state, _, rows = self.watch.step(self.state, {KIND.name: accepted}, batch[-1][2])
            tx.put(rows)
            if crash:
                raise CrashError
        self.state = state

    @rule(passed=steps_s)
    def tick(self, passed):
        """A second or more passes for everybody."""
        self.store_batch(None)
        self.true_time += round(passed * SECOND)
        self.pass_time()

    def pass_time(self):
        with self.store.transaction() as tx:
            self.state, _, rows = self.watch.step(self.state, {}, self.wall)
            tx.put(rows)
        self.oracle_state, found, _ = self.oracle.step(self.oracle_state, {}, self.wall)
        self.oracle_journal += found

    @rule()
    def restart(self):
        """The process ends and another begins, which has what was not acknowledged."""
        self.store_batch(None)
        self.start()
        self.oracle_state = self.oracle.attend(self.oracle_state, self.wall)

    @rule(by=st.sampled_from([-HOUR, -200 * SECOND, 100 * SECOND, HOUR]))
    def step_clock(self, by):
        """Our clock is set. Whoever waits is judged before; then everybody listens anew."""
        self.store_batch(None)
        self.offset = 0 if self.offset else by
        self.state = self.watch.attend(self.state, self.wall)
        self.oracle_state = self.oracle.attend(self.oracle_state, self.wall)

    @rule(what=st.sampled_from(["acknowledge", "comment", "reset", "unshelve", "shelve"]), which=st.integers(0, 9))
    def act(self, what, which):
        """Somebody tries something on one of the alarms there have been."""
        with self.engine.begin() as on:
            alarms = on.scalars(select(tables.alarm.c.alarm_id).order_by(tables.alarm.c.recorded_at)).all()
        if not alarms:
            return
        act = Act("ann", self.wall + next(self.numbers), "why")
        more = (act.at + 20 * MINUTE,) if what == "shelve" else ()
        self.attempt(getattr(disposition, what), alarms[which % len(alarms)], *more, act)

    @rule(subject=st.sampled_from(["station:st-warm", "device:dev-cool"]), minutes=st.sampled_from([None, 5, 60]))
    def maintain(self, subject, minutes):
        """A station or device is taken out; where it is, it comes back."""
        act = Act("bob", self.wall + next(self.numbers), "pump exchanged")
        until = None if minutes is None else act.at + minutes * MINUTE
        if not self.attempt(disposition.take_out, subject, until, act):
            self.attempt(disposition.bring_back, subject, replace(act, at=act.at + 1))

    def attempt(self, work, *arguments):
        try:
            with self.engine.begin() as on:
                work(on, *arguments)
        except AlarmError:
            return False
        return True

    @rule()
    def tend(self):
        """What upkeep does every few seconds; whatever is over has ended afterwards."""
        now = self.wall + next(self.numbers)
        for work in (disposition.end_expired, disposition.ask_again, lambda on, at: group(on, BY_NAME, at)):
            with self.engine.begin() as on:
                work(on, now)
        with self.engine.begin() as on:
            for table in ("shelving", "out_of_service"):
                query = f"select count(*) from {table} where ended_at is null and until <= to_timestamp(:now / 1e6)"
                assert on.scalar(text(query), {"now": now}) == 0
            assert disposition.ask_again(on, now) == 0

    @invariant()
    def the_tables_are_sound(self):
        """One open alarm per condition; the journal replays to the table; nothing happened before its alarm."""
        with self.engine.begin() as on:
            alarms = {row.alarm_id: row for row in on.execute(select(tables.alarm))}
            events = on.execute(select(tables.alarm_event).order_by(tables.alarm_event.c.alarm_event_id)).all()
            listed = Listings(BY_NAME, KINDS).alarms(on, "testopolis", self.wall, attention=True)
            kept = disposition.kept(on, self.wall)
        keys = [(r.subject, r.rule, r.element) for r in alarms.values() if r.cleared_at is None]
        assert len(keys) == len(set(keys))
        lives = {alarm_id: Alarm(latches=row.latched) for alarm_id, row in alarms.items()}
        for event in events:
            assert event.at >= alarms[event.alarm_id].opened_at, event.what
            lives[event.alarm_id] = lived(lives[event.alarm_id], event)
        for alarm_id, row in alarms.items():
            latched = row.latched and row.cleared_at is not None and row.reset_at is None
            told = row.cleared_at is None, row.acknowledged_at is not None, row.suppressed_by, latched
            life = lives[alarm_id]
            assert told == (life.active, life.acknowledged, life.suppressed_by, life.latched)
        assert {r.alarm_id for r in listed} == attended(alarms, lives, kept, self.wall)

    def teardown(self):
        """After a last tick the journal is what the one says that was never stopped."""
        if hasattr(self, "watch"):
            self.store_batch(None)
            self.true_time += SECOND
            self.pass_time()
            with self.engine.begin() as on:
                query = select(tables.alarm, tables.alarm_event.c.what, tables.alarm_event.c.at).join(
                    tables.alarm_event
                )
                rows = on.execute(query.where(tables.alarm_event.c.what.in_(["raised", "cleared"]))).all()
            names = ("subject", "rule", "element", "what", "at")
            told = sorted((r.subject, r.rule, r.element, r.what, microseconds(r.at)) for r in rows if heard(r.rule))
            assert told == sorted(tuple(t[n] for n in names) for t in self.oracle_journal if heard(t["rule"]))


class CrashError(Exception):
    """The process ends here."""


def heard(name):
    """Whether a rule is about what was heard: who did not listen cannot say when somebody fell silent."""
    return name != "device_silent"


def readings(rows):
    ids, ts, at, values, quality = zip(*rows, strict=True)
    whole = [np.array(column, np.int64) for column in (ts, at)]
    return Readings(KIND, np.array(ids, np.int32), *whole, np.array(values), np.array(quality, np.int64),
                    np.zeros(len(rows), np.int64))  # fmt: skip


def lived(life, event):
    """Return the life after one entry of the journal."""
    if event.what == "suppressed":
        return life.suppress(event.comment)
    if event.what == "reset":  # of a newer alarm's condition: it was seen there
        return replace(life, latched=False)
    return TABLE[event.what](life) if event.what in TABLE else life


def attended(alarms, lives, kept, now):
    """Return the numbers of the alarms that want attention, as the pure life has them."""
    out = {k["subject"] for k in kept if k["how"] == "out of service"}
    shelved = {(k["subject"], k["rule"], k["element"]): microseconds(k["until"]) for k in kept if k["how"] == "shelved"}
    newest = {}
    for row in sorted(alarms.values(), key=lambda r: r.opened_at):
        newest[row.subject, row.rule, row.element] = row.alarm_id
    found = set()
    for alarm_id, row in alarms.items():
        key = row.subject, row.rule, row.element
        here = {f"station:{row.station}", f"device:{row.device}", row.subject}
        life = replace(lives[alarm_id], shelved_until=shelved.get(key), in_service=not here & out)
        stands = life.active or newest[key] == alarm_id
        if stands and life.needs_attention(now) and life.state(now) is not AlarmState.RETURNED_UNACKNOWLEDGED:
            found.add(str(alarm_id))
    return found


@pytest.mark.timeout(1800)
def test_the_life_of_alarms_is_sound_whatever_happens(database, length):
    engine, store = make_engine(database, "test"), PostgresStore(database, KINDS)
    with engine.begin() as on:
        save_catalogue(on, catalogue(), actor="test")
        on.execute(text(f"update station set static_head_mpa = {HEAD}"))
    assert store.claim(5)
    try:
        run_state_machine_as_test(
            lambda: Life(engine, store),
            settings=settings(
                max_examples=length.of(8, 150), stateful_step_count=length.of(40, 60), deadline=None,
                suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate], database=None,
            ),
        )  # fmt: skip
    finally:
        store.close()
        engine.dispose()
