"""Work that may be begun before its result is asked for."""

import threading
from contextlib import closing

import pytest

from support.ahead import Ahead


def test_results_come_in_the_order_of_the_work_however_it_was_begun():
    count = iter(range(10))
    with closing(Ahead(lambda: [next(count)])) as ahead:
        taken = [ahead.take()]
        ahead.begin()
        ahead.begin()  # one at a time
        taken += [ahead.take(), ahead.take()]
    assert taken == [[0], [1], [2]]


def test_what_was_begun_goes_on_while_nobody_asks():
    done = threading.Event()
    with closing(Ahead(lambda: [done.set()])) as ahead:
        ahead.begin()
        assert done.wait(10)
        ahead.take()


def test_a_failure_reaches_who_asks():
    def fail():
        raise ValueError("broken")

    with closing(Ahead(fail)) as ahead:
        ahead.begin()
        with pytest.raises(ValueError, match="broken"):
            ahead.take()
        with pytest.raises(ValueError, match="broken"):
            ahead.take()
