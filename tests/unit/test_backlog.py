"""Backlog: what is due, when, and in which order."""

from hypothesis import given
from hypothesis import strategies as st

from network.link import Delivery
from network.mqtt.backlog import Backlog


def came(*mids, session=1):
    return [Delivery("t", b"xy", 0, mid=mid, session=session) for mid in mids]


def begun(most=100, most_bytes=1000):
    backlog = Backlog(most, most_bytes)
    backlog.renew(1, kept=True)
    return backlog


@given(st.permutations(range(1, 9)), st.integers(1, 8))
def test_acknowledgements_are_due_in_the_order_of_arrival_however_they_are_settled(order, size):
    backlog = begun()
    arrived = came(*range(1, 9))
    backlog.add(arrived)
    due, settled = [], set()
    for at in range(0, 8, size):
        backlog.settle([arrived[mid - 1] for mid in order[at : at + size]])
        settled.update(order[at : at + size])
        due += backlog.due()
        assert set(due) <= settled
        assert due == list(range(1, len(due) + 1))
        assert len(due) == 8 or len(due) + 1 not in settled
    assert len(due) == 8
    assert backlog.room() == (100, 1000)


def test_what_is_held_counts_until_it_is_settled():
    backlog = begun(most=3, most_bytes=1000)
    backlog.add(came(1, 2))
    assert backlog.room() == (1, 996)
    backlog.add(came(3))
    taken = backlog.take(3, 0)
    assert backlog.full()
    backlog.settle(taken)
    assert backlog.full(), "nobody has looked at what was settled yet"
    backlog.due()
    assert not backlog.full()


def test_nothing_of_an_earlier_connection_is_due_on_the_next():
    backlog = begun()
    backlog.add(came(1, 2))
    first = backlog.take(2, 0)
    backlog.disconnect()
    backlog.settle(first[:1])
    assert backlog.due() == []
    backlog.renew(2, kept=True)
    backlog.add(came(1, 2, session=2))
    backlog.settle(first[1:])
    assert backlog.due() == []
    backlog.settle(backlog.take(2, 0))
    assert backlog.due() == [1, 2]


def test_what_is_settled_twice_does_not_count_for_the_next_of_its_id():
    backlog = begun()
    backlog.add(came(1))
    one = backlog.take(1, 0)
    backlog.settle(one)
    backlog.settle(one)
    assert backlog.due() == [1]
    backlog.add(came(1))
    assert backlog.due() == []


def test_nobody_waits_for_a_backlog_that_is_closed():
    backlog = begun()
    backlog.close()
    assert backlog.take(1, 60) == []
