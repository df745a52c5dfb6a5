"""The spine of tend: what is due every few seconds does not wait for what takes minutes."""

import threading

from support.maintain import Pass, maintain
from support.settings import TendSettings


class Turn:
    def taken(self):
        return True


def test_a_quick_pass_has_its_turn_between_the_slices_of_a_long_one():
    stop, said = threading.Event(), []

    def long(_now):
        for n in range(5):
            said.append(n)
            yield 1
        stop.set()

    def quick(_now):
        said.append("quick")
        yield 1
        yield 1

    passes = [Pass("long", 60.0, long), Pass("quick", 1e-6, quick)]
    maintain(passes, Turn(), TendSettings(pause_s=0.001), lambda: 0, stop, lambda *_: None)
    assert said[:4] == [0, "quick", 1, "quick"]
    assert said.count("quick") >= 4
