"""The life of a work order under random steps: its journal plays it again, and nothing unproved is verified."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from application.instants import HOUR, MINUTE
from application.work.order import (
    OPEN_STATES,
    TEND,
    Entry,
    Step,
    WorkError,
    WorkPartyError,
    WorkState,
    WorkStateError,
    opened,
    replay,
)
from application.work.proof import Condition, Patience, failed, proof

ACTORS = (TEND, "cli:ann", "crew:east")
DETAILS = st.fixed_dictionaries(
    {},
    optional={
        "to": st.sampled_from(["", "crew:east", "North team"]),
        "minutes": st.integers(-5, 20_000),
        "parts": st.lists(st.sampled_from(["", "seal", "x" * 201]), max_size=3),
        "level": st.integers(0, 3),
        "cleared_at": st.integers(0, 100),
    },
)


class Life(RuleBasedStateMachine):
    """An order beside the alarms that it has to cure, which come and go as they please."""

    def __init__(self):
        super().__init__()
        self.now = 0
        self.journal = [Entry(Step.OPENED, 0, TEND)]
        self.order = opened(0)
        self.cleared = None
        self.verified_unproved = False

    @rule(minutes=st.integers(0, 60))
    def time_passes(self, minutes):
        self.now += minutes * MINUTE

    @rule()
    def condition_changes(self):
        self.cleared = self.now if self.cleared is None else None

    def conditions(self):
        return [Condition("pump_failed", "st-a", self.cleared, 5 * MINUTE)]

    @rule(
        what=st.sampled_from([s for s in Step if s is not Step.VERIFIED]),
        actor=st.sampled_from(ACTORS),
        comment=st.sampled_from([None, " ", "because"]),
        detail=DETAILS,
        ago=st.integers(0, 3),
    )
    def somebody_tries(self, what, actor, comment, detail, ago):
        self.take(Entry(what, max(0, self.now - ago * MINUTE), actor, comment, detail))

    @rule(actor=st.sampled_from(ACTORS))
    def somebody_verifies(self, actor):
        told = proof(self.conditions(), self.now)
        detail = {} if told.cleared_at is None else {"cleared_at": told.cleared_at}
        if self.take(Entry(Step.VERIFIED, self.now, actor, None, detail)):
            assert self.cleared is not None
            assert self.now >= self.cleared + 5 * MINUTE

    @precondition(lambda self: self.order.state is WorkState.DONE)
    @rule()
    def tend_looks(self):
        why = failed(self.order, self.conditions(), self.now, Patience(30 * MINUTE))
        assert why is None or self.cleared is None
        if why is not None:
            assert self.take(Entry(Step.REOPENED, self.now, TEND, why))
            assert self.order.state is WorkState.ASSIGNED

    def take(self, entry):
        before = self.order
        try:
            self.order = before.after(entry)
        except WorkError:
            return False
        self.journal.append(entry)
        return True

    @invariant()
    def the_journal_plays_it_again(self):
        assert replay(self.journal) == self.order

    @invariant()
    def what_is_told_of_it_agrees(self):
        order = self.order
        assert (order.closed_at is not None) == (not order.live)
        assert (
            order.state is WorkState.NEW or order.assignee or order.state in {WorkState.REJECTED, WorkState.CANCELLED}
        )
        assert order.done_at is None or order.state not in OPEN_STATES
        assert order.minutes >= 0
        assert 0 <= order.escalation <= 2


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def along(*entries):
    order = opened(0)
    for entry in entries:
        order = order.after(entry)
    return order


ASSIGN = Entry(Step.ASSIGNED, 1, "cli:ann", None, {"to": "East team"})
DONE = Entry(Step.DONE, 9, "crew:east", "seal changed", {"minutes": 40, "parts": ["seal"]})


def test_the_usual_way_from_new_to_verified():
    order = along(
        ASSIGN, Entry(Step.STARTED, 2, "crew:east"), Entry(Step.ARRIVED, 5, "crew:east"), DONE,
        Entry(Step.NOTED, 10, "crew:east", None, {"minutes": 5}),
        Entry(Step.VERIFIED, 20, TEND, None, {"cleared_at": 8}),
    )  # fmt: skip
    assert (order.state, order.minutes, order.parts) == (WorkState.VERIFIED, 45, ("seal",))
    assert (order.arrived_at, order.done_at, order.closed_at) == (5, 9, 20)


@pytest.mark.parametrize(
    ("entries", "entry", "error", "says"),
    [
        ((), Entry(Step.DONE, 1, "cli:ann"), WorkStateError, "assign it to somebody first"),
        ((), Entry(Step.ASSIGNED, 1, "cli:ann"), WorkError, "to whom"),
        ((), Entry(Step.ASSIGNED, 1, "crew:east", None, {"to": "me"}), WorkPartyError, "operator"),
        ((), Entry(Step.REJECTED, 1, "cli:ann", " "), WorkError, "say in words"),
        ((ASSIGN,), Entry(Step.VERIFIED, 2, TEND, None, {"cleared_at": 1}), WorkStateError, "only what is done"),
        ((ASSIGN, DONE), Entry(Step.VERIFIED, 10, TEND), WorkStateError, "has not cleared"),
        ((ASSIGN, DONE), Entry(Step.REJECTED, 10, "cli:ann", "no"), WorkStateError, "it is done"),
        ((ASSIGN, DONE), Entry(Step.CANCELLED, 10, "crew:east", "no"), WorkPartyError, "operator or system"),
        ((ASSIGN,), Entry(Step.ARRIVED, 0, "crew:east"), WorkStateError, "later than that"),
        ((ASSIGN,), Entry(Step.DONE, 2, "crew:east", None, {"minutes": 10_081}), WorkError, "a week"),
        ((ASSIGN,), Entry(Step.OPENED, 2, TEND), WorkStateError, "opened once"),
        ((), Entry(Step.ESCALATED, 1, "cli:ann", None, {"level": 1}), WorkPartyError, "system"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(entries, entry, error, says):
    with pytest.raises(error, match=says):
        along(*entries).after(entry)


def test_a_reopened_order_is_with_whom_it_was_and_may_be_verified_anew():
    again = along(ASSIGN, DONE, Entry(Step.REOPENED, 12, TEND, "pump_failed at st-a still stands"))
    assert (again.state, again.assignee, again.returns, again.done_at) == (WorkState.ASSIGNED, "East team", 1, None)


@given(
    st.lists(st.tuples(st.none() | st.integers(0, 100), st.integers(0, 50), st.booleans(), st.booleans()), max_size=4)
)
def test_proof_needs_every_condition_gone_known_and_calm(told):
    conditions = [Condition("r", "s", cleared, calm, known, again) for cleared, calm, known, again in told]
    found = proof(conditions, 100)
    fine = bool(told) and all(
        c is not None and c + calm <= 100 and known and not again for c, calm, known, again in told
    )
    assert (found.cleared_at is not None) == fine
    assert fine or found.why


def test_what_still_stands_after_patience_and_off_delay_was_not_done():
    order, p = along(ASSIGN, DONE), Patience(proof_us=30 * MINUTE)
    stands = [Condition("pump_failed", "st-a", None, 5 * MINUTE)]
    assert failed(order, stands, 9 + 35 * MINUTE - 1, p) is None
    assert "still stands 35 minutes" in failed(order, stands, 9 + 35 * MINUTE, p)
    assert failed(order, [Condition("pump_failed", "st-a", 3, 5)], HOUR, p) is None
    assert failed(along(ASSIGN), stands, HOUR, p) is None


def test_no_journal_is_no_order():
    for journal in ([], [ASSIGN]):
        with pytest.raises(WorkStateError):
            replay(journal)
